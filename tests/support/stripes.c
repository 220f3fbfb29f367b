/*
 * Stripes: starting the stand-ins, scripting the fake's faults, reading its ledger.
 */

#include "tests/support/stripes.h"

#include "common/stripe.h"
#include "tests/support/process.h"

#include <curl/curl.h>
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

static const char *start_localstripe(int port)
{
    static char base[64], text[16], state[256];
    const char *argv[] = {".local/venv/bin/python", "infra/local/stripe", text, state, NULL};

    snprintf(text, sizeof(text), "%d", port);
    snprintf(state, sizeof(state), "%s/stripe.state", test_folder());
    return start(argv, port, base, sizeof(base));
}

const char *given_localstripe(void)
{
    return start_localstripe(free_port());
}

const char *given_faulty_localstripe(void)
{
    char text[16], upstream[16];
    const char *argv[] = {"/usr/bin/env", "python3", "tests/support/stripe_proxy",
                          text,           upstream,  NULL};
    int port = free_port(), behind = free_port();

    start_localstripe(behind);
    snprintf(text, sizeof(text), "%d", port);
    snprintf(upstream, sizeof(upstream), "%d", behind);
    return start(argv, port, fake_base, sizeof(fake_base));
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

void stripe_is_well(void)
{
    json_decref(ask_fake("/_well", ""));
}

int stripe_calls(const char *call)
{
    json_t *calls = ask_fake("/_calls", NULL);
    int count = (int)json_integer_value(json_object_get(calls, call));

    json_decref(calls);
    return count;
}

void stripe_happens(const char *path)
{
    json_decref(ask_fake(path, ""));
}

json_t *stripe_intents(void)
{
    json_t *reply = ask_fake("/_ledger", NULL);
    json_t *intents = json_incref(json_object_get(reply, "intents"));

    json_decref(reply);
    return intents;
}

struct stripe_ledger stripe_ledger(const char *order_id)
{
    struct stripe_ledger ledger = {0};
    json_t *intents = stripe_intents(), *intent;
    size_t i;

    json_array_foreach(intents, i, intent)
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
    json_decref(intents);
    return ledger;
}

struct looking {
    const char *order_id;
    struct stripe_ledger ledger;
};

static int look(void *context, const struct stripe_intent *intent)
{
    struct looking *looking = context;

    if (strcmp(intent->order_id, looking->order_id) != 0)
        return 0;
    looking->ledger.intents++;
    looking->ledger.held += intent->status == STRIPE_REQUIRES_CAPTURE;
    looking->ledger.taken += intent->status == STRIPE_SUCCEEDED;
    return 0;
}

struct stripe_ledger stripe_ledger_at(const char *base, const char *order_id)
{
    struct looking looking = {.order_id = order_id};
    struct stripe *stripe;

    cr_assert_eq(stripe_open(base, "sk_test_look", &stripe), 0);
    cr_assert_eq(stripe_each(stripe, START_MS, look, &looking), 0);
    stripe_free(stripe);
    return looking.ledger;
}
