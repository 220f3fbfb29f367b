/*
 * Stripes: starting the stand-ins, scripting the fake's faults, reading its ledger.
 */

#include "tests/support/stripes.h"

#include "tests/support/process.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define START_MS 15000

static char fake_base[64];

static bool answers(void *context)
{
    return port_answers(*(int *)context);
}

/* Start it; its base URL into `base`. */
static const char *start(const char *const *argv, int port, char *base, size_t size)
{
    char log[256];

    snprintf(log, sizeof(log), "%s/stripe-%d.log", test_folder(), port);
    spawn(argv, NULL, log);
    eventually(answers, &port, START_MS, "a stand-in for Stripe answers");
    snprintf(base, size, "http://127.0.0.1:%d", port);
    return base;
}

const char *given_localstripe(void)
{
    static char base[64], text[16], state[256];
    const char *argv[] = {".local/venv/bin/python", "infra/local/stripe", text, state, NULL};
    int port = free_port();

    snprintf(text, sizeof(text), "%d", port);
    snprintf(state, sizeof(state), "%s/stripe.state", test_folder());
    return start(argv, port, base, sizeof(base));
}

const char *given_fake_stripe(void)
{
    static char text[16];
    const char *argv[] = {"/usr/bin/env", "python3", "tests/support/fake_stripe", text, NULL};
    int port = free_port();

    snprintf(text, sizeof(text), "%d", port);
    return start(argv, port, fake_base, sizeof(fake_base));
}

const char *given_stripe_mock(void)
{
    static char base[64], text[16], secure[16];
    const char *argv[] = {find_program("TEST_STRIPE_MOCK", "stripe-mock"),
                          "-strict-version-check=false",
                          "-http-port",
                          text,
                          "-https-port",
                          secure,
                          NULL};
    int port = free_port();

    snprintf(text, sizeof(text), "%d", port);
    snprintf(secure, sizeof(secure), "%d", free_port());
    return start(argv, port, base, sizeof(base));
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    write_raw(context, data, size * count);
    return size * count;
}

/* One request to the fake's own pages; `body` NULL: a GET. Caller decrefs. */
static json_t *ask_fake(const char *path, const char *body)
{
    cleanup(freep) char *url = xasprintf("%s%s", fake_base, path);
    cleanup(writer_release) struct writer reply = {0};
    CURL *curl = curl_easy_init();
    json_t *json;

    writer_init(&reply);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    cr_assert(curl_easy_perform(curl) == CURLE_OK, "the fake Stripe does not answer %s", path);
    curl_easy_cleanup(curl);
    json = json_loads(writer_text(&reply), 0, NULL);
    cr_assert(json != NULL, "the fake Stripe answers %s", writer_text(&reply));
    return json;
}

void stripe_fault(const char *call, const char *fault, int times)
{
    cleanup(freep) char *body =
        xasprintf("{\"call\":\"%s\",\"fault\":\"%s\",\"times\":%d}", call, fault, times);

    json_decref(ask_fake("/_faults", body));
}

void stripe_happens(const char *path)
{
    json_decref(ask_fake(path, ""));
}

struct stripe_ledger stripe_ledger(const char *order_id)
{
    struct stripe_ledger ledger = {0};
    json_t *reply = ask_fake("/_ledger", NULL), *intent;
    size_t i;

    json_array_foreach(json_object_get(reply, "intents"), i, intent)
    {
        const json_t *metadata = json_object_get(intent, "metadata");
        const char *status = json_string_value(json_object_get(intent, "status"));
        bool refunded = json_integer_value(json_object_get(intent, "_refunded")) > 0;

        if (strcmp(json_string_value(json_object_get(metadata, "orderId")), order_id) != 0)
            continue;
        ledger.intents++;
        ledger.authorized += (int)json_integer_value(json_object_get(intent, "_authorized"));
        ledger.captured += (int)json_integer_value(json_object_get(intent, "_captured"));
        ledger.held += strcmp(status, "requires_capture") == 0;
        ledger.taken += strcmp(status, "succeeded") == 0 && !refunded;
        ledger.refunded += refunded;
    }
    json_decref(reply);
    return ledger;
}
