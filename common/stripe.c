/*
 * Stripe over libcurl: form-encoded requests, JSON replies.
 *
 * Idle easy handles are kept for their connections (and TLS sessions); who finds none makes one. No
 * call is repeated here; what to do about an unknown end is the caller's, who knows what was stored
 * before the call.
 *
 * Figures: Stripe answers 402 for a decline, 400/404 for requests it will never take, 409 while the
 * same key is running, 429 when it is busy (https://docs.stripe.com/api/errors).
 */

#include "common/stripe.h"

#include "common/instant.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/span.h"
#include "common/text.h"
#include "common/writer.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stripe {
    char *base, *key;
    struct tracer *tracer; /* or NULL */
    bool test_mode;
    pthread_mutex_t mutex;
    CURL *idle[STRIPE_IDLE_MAX];
    size_t idle_count;
};

/* One request. `form` is its body (NULL: a GET), `idempotency` its key or NULL. */
struct call {
    const char *path;
    const char *what; /* in one word, for its span; borrowed for ever */
    const char *form;
    char idempotency[128];
    int64_t deadline_ms;
    struct writer reply;
    long status;
    enum stripe_silence silence; /* where nothing is known */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int stripe_open(const char *base, const char *key, struct stripe **ret_stripe)
{
    struct stripe *stripe;

    pthread_once(&curl_once, start_curl);
    if (sodium_init() < 0)
        return fail(-EIO, "libsodium does not start");

    stripe = xcalloc(1, sizeof(*stripe));
    stripe->base = xstrdup(base);
    stripe->key = xstrdup(key);
    stripe->test_mode = strncmp(key, "sk_test_", 8) == 0;
    pthread_mutex_init(&stripe->mutex, NULL);
    *ret_stripe = stripe;
    return 0;
}

void stripe_trace(struct stripe *stripe, struct tracer *tracer)
{
    stripe->tracer = tracer;
}

struct stripe *stripe_free(struct stripe *stripe)
{
    if (stripe == NULL)
        return NULL;
    for (size_t i = 0; i < stripe->idle_count; i++)
        curl_easy_cleanup(stripe->idle[i]);
    pthread_mutex_destroy(&stripe->mutex);
    free(stripe->base);
    free(stripe->key);
    free(stripe);
    return NULL;
}

static CURL *handle_take(struct stripe *stripe)
{
    CURL *handle = NULL;

    pthread_mutex_lock(&stripe->mutex);
    if (stripe->idle_count > 0)
        handle = stripe->idle[--stripe->idle_count];
    pthread_mutex_unlock(&stripe->mutex);
    if (handle == NULL && (handle = curl_easy_init()) == NULL)
        abort(); /* out of memory, as everywhere */
    return handle;
}

static void handle_give(struct stripe *stripe, CURL *handle)
{
    pthread_mutex_lock(&stripe->mutex);
    if (stripe->idle_count < STRIPE_IDLE_MAX)
        stripe->idle[stripe->idle_count++] = take(handle);
    pthread_mutex_unlock(&stripe->mutex);
    curl_easy_cleanup(handle); /* NULL: nothing */
}

static size_t collect_reply(char *data, size_t size, size_t count, void *context)
{
    struct writer *reply = context;

    if (reply->length + size * count > STRIPE_REPLY_MAX_BYTES)
        return 0; /* libcurl ends the transfer */
    write_raw(reply, data, size * count);
    return size * count;
}

static void prepare(struct stripe *stripe, CURL *handle, struct call *call, const char *url,
                    struct curl_slist *headers)
{
    int64_t left_ms = call->deadline_ms - instant_monotonic();

    curl_easy_reset(handle); /* keeps its connections */
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_USERPWD, NULL);
    curl_easy_setopt(handle, CURLOPT_XOAUTH2_BEARER, stripe->key);
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, left_ms > 1 ? (long)left_ms : 1L);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, collect_reply);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &call->reply);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "ticketing-payments");
    if (call->form != NULL)
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->form);
}

static void end_span(struct span *span, const struct call *call, CURLcode code)
{
    span_text(span, "http.request.method", call->form == NULL ? "GET" : "POST");
    span_number(span, "http.response.status_code", call->status);
    if (code != CURLE_OK || call->status >= 400)
        span_fail(span, code == CURLE_OPERATION_TIMEDOUT ? "timeout" : "refused");
    span_end(span);
}

/* Send it. 0: a reply of some status has arrived whole; -EAGAIN: nothing is known. */
static int send_call(struct stripe *stripe, struct call *call)
{
    char *url = xasprintf("%s%s", stripe->base, call->path);
    struct curl_slist *headers = NULL;
    const struct span_of of = {.kind = SPAN_CLIENT, .verb = "stripe", .object = call->what};
    /* below what its thread works on; Stripe itself is not told of our traces */
    struct span *span = span_begin_below(stripe->tracer, &of, trace_current(), /* ret_own= */ NULL);
    CURL *handle = handle_take(stripe);
    CURLcode code;

    headers = curl_slist_append(headers, "Stripe-Version: 2024-06-20");
    headers = curl_slist_append(headers, "Expect:");
    if (call->idempotency[0] != '\0') {
        char *line = xasprintf("Idempotency-Key: %s", call->idempotency);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    prepare(stripe, handle, call, url, headers);
    code = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &call->status);
    end_span(span, call, code);
    handle_give(stripe, handle);
    curl_slist_free_all(headers);
    free(url);

    if (code == CURLE_OK)
        return 0;
    call->silence = code == CURLE_OPERATION_TIMEDOUT ? STRIPE_TIMED_OUT : STRIPE_NO_ANSWER;
    log_event(LOG_WARNING, "stripe did not answer", "path=%s why=\"%s\"", call->path,
              curl_easy_strerror(code));
    return -EAGAIN;
}

const char *stripe_silence_name(enum stripe_silence silence)
{
    static const char *const names[] = {
        [STRIPE_NO_ANSWER] = "no-answer",   [STRIPE_TIMED_OUT] = "timeout",
        [STRIPE_KEY_IN_USE] = "key-in-use", [STRIPE_BUSY] = "busy",
        [STRIPE_FAILED] = "failed",         [STRIPE_NONSENSE] = "nonsense",
    };

    return names[silence];
}

static enum stripe_status status_parse(const char *name)
{
    static const char *const names[] = {
        [STRIPE_REQUIRES_PAYMENT_METHOD] = "requires_payment_method",
        [STRIPE_REQUIRES_CONFIRMATION] = "requires_confirmation",
        [STRIPE_REQUIRES_ACTION] = "requires_action",
        [STRIPE_PROCESSING] = "processing",
        [STRIPE_REQUIRES_CAPTURE] = "requires_capture",
        [STRIPE_SUCCEEDED] = "succeeded",
        [STRIPE_CANCELED] = "canceled",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i], name) == 0)
            return (enum stripe_status)i;
    return STRIPE_UNKNOWN;
}

/* An intent from Stripe's JSON; false if it is none. */
static bool intent_read(const json_t *object, struct stripe_intent *ret_intent)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *charge = json_object_get(object, "latest_charge");
    struct stripe_intent intent = {0};

    if (strcmp(parse_member(object, "object"), "payment_intent") != 0 ||
        *parse_member(object, "id") == '\0' ||
        !text_copy(intent.id, sizeof(intent.id), parse_member(object, "id")))
        return false;
    intent.status = status_parse(parse_member(object, "status"));
    intent.amount_cents = json_integer_value(json_object_get(object, "amount"));
    intent.refunded_cents = json_integer_value(json_object_get(charge, "amount_refunded"));
    text_copy(intent.client_secret, sizeof(intent.client_secret),
              parse_member(object, "client_secret"));
    text_copy(intent.message, sizeof(intent.message),
              parse_member(json_object_get(object, "last_payment_error"), "message"));
    text_copy(intent.payment_id, sizeof(intent.payment_id), parse_member(metadata, "paymentId"));
    text_copy(intent.order_id, sizeof(intent.order_id), parse_member(metadata, "orderId"));
    *ret_intent = intent;
    return true;
}

/* Which statuses say nothing of what was asked. An answer that we do not understand is no answer.
 */
static bool is_silent(const struct call *call, const json_t *error, enum stripe_silence *ret_why)
{
    if (call->status == 409)
        *ret_why = STRIPE_KEY_IN_USE;
    else if (call->status == 429)
        *ret_why = STRIPE_BUSY;
    else
        *ret_why = call->status >= 500 ? STRIPE_FAILED : STRIPE_NONSENSE;
    return *ret_why != STRIPE_NONSENSE || error == NULL;
}

/* What a refusal means. */
static int refused(const struct call *call, const json_t *reply, struct stripe_intent *ret_intent)
{
    const json_t *error = json_object_get(reply, "error");
    const char *message = parse_member(error, "message");

    if (call->status == 401 || call->status == 403)
        return fail(-EACCES, "stripe refuses our key: %ld on %s", call->status, call->path);
    if (is_silent(call, error, &ret_intent->silence))
        return -EAGAIN;
    memset(ret_intent, 0, sizeof(*ret_intent));
    if (!text_copy(ret_intent->message, sizeof(ret_intent->message), message) || *message == '\0')
        text_copy(ret_intent->message, sizeof(ret_intent->message), "Stripe refused the payment");
    return call->status == 404 ? NOT_FOUND : REFUSED;
}

/* Send and take the reply apart. 0: *ret_reply is a JSON object of a 2xx, caller decrefs. */
static int exchange(struct stripe *stripe, struct call *call, struct stripe_intent *ret_intent,
                    json_t **ret_reply)
{
    json_t *reply;
    int r;

    writer_init(&call->reply);
    r = send_call(stripe, call);
    if (r != 0) {
        writer_release(&call->reply);
        ret_intent->silence = call->silence;
        return r;
    }
    reply = json_loads(writer_text(&call->reply), 0, NULL);
    writer_release(&call->reply);
    if (call->status >= 200 && call->status < 300 && json_is_object(reply)) {
        *ret_reply = reply;
        return 0;
    }
    r = refused(call, reply, ret_intent);
    json_decref(reply);
    return r;
}

static int exchange_intent(struct stripe *stripe, struct call *call,
                           struct stripe_intent *ret_intent)
{
    json_t *reply = NULL;
    int r = exchange(stripe, call, ret_intent, &reply);

    if (r == 0 && !intent_read(reply, ret_intent)) {
        ret_intent->silence = STRIPE_NONSENSE;
        r = fail(-EAGAIN, "stripe answered %s with something else than an intent", call->path);
    }
    json_decref(reply);
    return r;
}

/* Name a write: the same for the same try of one step of a payment. The first one's is the bare
 * name. */
static void name_call(struct call *call, const char *payment_id, const char *what, int64_t tries)
{
    if (tries == 0)
        snprintf(call->idempotency, sizeof(call->idempotency), "%s-%s", payment_id, what);
    else
        snprintf(call->idempotency, sizeof(call->idempotency), "%s-%s-%" PRId64, payment_id, what,
                 tries);
}

/* Append "name=value" to a form, the value percent-encoded. */
static void form_add(struct writer *form, const char *name, const char *value)
{
    char *encoded = curl_easy_escape(NULL, value, 0);

    if (encoded == NULL)
        abort();
    write_format(form, "%s%s=%s", form->length > 0 ? "&" : "", name, encoded);
    curl_free(encoded);
}

/*
 * Stripe's documented test tokens, where the key is a test key: PaymentIntents take payment
 * methods, so each stands for the one with the same card. A declining card is always the one that
 * can be attached and declines when charged: Stripe and its local stand-ins agree on that one.
 */
static const char *test_method(const char *method)
{
    static const struct {
        const char *sent, *meant;
    } methods[] = {
        {"tok_visa", "pm_card_visa"},
        {"tok_chargeDeclined", "pm_card_chargeCustomerFail"},
        {"tok_chargeCustomerFail", "pm_card_chargeCustomerFail"},
        {"pm_card_chargeDeclined", "pm_card_chargeCustomerFail"},
        {"pm_card_visa_chargeDeclined", "pm_card_chargeCustomerFail"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++)
        if (strcmp(methods[i].sent, method) == 0)
            return methods[i].meant;
    return method;
}

/* A bare token is not a payment method: give it to a customer made for this payment; *ret_customer
 * and *ret_card name both. Caller frees. */
static int attach_token(struct stripe *stripe, const struct stripe_charge *charge,
                        int64_t deadline_ms, struct stripe_intent *ret_intent, char **ret_customer,
                        char **ret_card)
{
    struct call call = {.path = "/v1/customers", .what = "attach", .deadline_ms = deadline_ms};
    struct writer form;
    json_t *reply = NULL;
    int r;

    writer_init(&form);
    form_add(&form, "source", charge->method);
    form_add(&form, "metadata[paymentId]", charge->payment_id);
    call.form = writer_text(&form);
    name_call(&call, charge->payment_id, "customer", charge->attach_try);
    r = exchange(stripe, &call, ret_intent, &reply);
    ret_intent->attaching = r == -EAGAIN;
    writer_release(&form);
    if (r == NOT_FOUND)
        r = REFUSED; /* no such token */
    if (r == 0) {
        *ret_customer = xstrdup(parse_member(reply, "id"));
        *ret_card = xstrdup(parse_member(reply, "default_source"));
    }
    json_decref(reply);
    return r;
}

int stripe_create(struct stripe *stripe, const struct stripe_charge *charge, int64_t timeout_ms,
                  struct stripe_intent *ret_intent)
{
    cleanup(freep) char *customer = NULL;
    cleanup(freep) char *card = NULL;
    cleanup(writer_release) struct writer form = {0};
    struct call call = {.path = "/v1/payment_intents",
                        .what = "create",
                        .deadline_ms = instant_monotonic() + timeout_ms};
    const char *method = stripe->test_mode ? test_method(charge->method) : charge->method;
    char amount[24];
    int r;

    ret_intent->attaching = false;
    writer_init(&form);
    if (strncmp(method, "tok_", 4) == 0) {
        r = attach_token(stripe, charge, call.deadline_ms, ret_intent, &customer, &card);
        if (r != 0)
            return r;
        form_add(&form, "customer", customer);
        method = card;
    }
    snprintf(amount, sizeof(amount), "%" PRId64, charge->amount_cents);
    form_add(&form, "amount", amount);
    form_add(&form, "currency", charge->currency);
    form_add(&form, "capture_method", "manual");
    form_add(&form, "payment_method", method);
    form_add(&form, "payment_method_types[]", "card");
    form_add(&form, "metadata[paymentId]", charge->payment_id);
    form_add(&form, "metadata[orderId]", charge->order_id);
    call.form = writer_text(&form);
    name_call(&call, charge->payment_id, call.what, charge->tries);
    r = exchange_intent(stripe, &call, ret_intent);
    return r == NOT_FOUND ? REFUSED : r; /* no such payment method */
}

int stripe_do(struct stripe *stripe, enum stripe_verb verb, const char *id, const char *payment_id,
              int64_t tries, int64_t timeout_ms, struct stripe_intent *ret_intent)
{
    static const char *const names[] = {[STRIPE_CONFIRM] = "confirm",
                                        [STRIPE_CAPTURE] = "capture",
                                        [STRIPE_CANCEL] = "cancel",
                                        [STRIPE_REFUND] = "refund"};
    cleanup(freep) char *path = xasprintf("/v1/payment_intents/%s/%s", id, names[verb]);
    struct call call = {.path = path,
                        .what = names[verb],
                        .form = "",
                        .deadline_ms = instant_monotonic() + timeout_ms};
    cleanup(writer_release) struct writer form = {0};
    json_t *reply = NULL;
    int r;

    writer_init(&form);
    name_call(&call, payment_id, names[verb], tries);
    if (verb != STRIPE_REFUND)
        return exchange_intent(stripe, &call, ret_intent);

    form_add(&form, "payment_intent", id);
    call.path = "/v1/refunds";
    call.form = writer_text(&form);
    r = exchange(stripe, &call, ret_intent, &reply);
    json_decref(reply);
    return r;
}

int stripe_find(struct stripe *stripe, const char *id, int64_t timeout_ms,
                struct stripe_intent *ret_intent)
{
    cleanup(freep) char *path = xasprintf("/v1/payment_intents/%s?expand[]=latest_charge", id);
    struct call call = {
        .path = path, .what = "find", .deadline_ms = instant_monotonic() + timeout_ms};

    return exchange_intent(stripe, &call, ret_intent);
}

/* A list that is being read; `after` is the last intent seen, "" before the first. */
struct list {
    struct stripe *stripe;
    char after[256];
    bool more;
    int (*each)(void *context, const struct stripe_intent *intent);
    void *context;
};

/* Read one page. A next one is promised only behind an intent that is not the last one's: else we
 * would go round in circles, or take a part for the whole. */
static int list_page(struct list *list, int64_t timeout_ms)
{
    /* what was refunded is the charge's to tell: without expand, only that one's id is there */
    cleanup(freep) char *path =
        xasprintf("/v1/payment_intents?limit=100&expand[]=data.latest_charge%s%s",
                  *list->after ? "&starting_after=" : "", list->after);
    struct call call = {
        .path = path, .what = "list", .deadline_ms = instant_monotonic() + timeout_ms};
    struct stripe_intent intent = {0};
    json_t *reply = NULL, *item;
    size_t i;
    int r = exchange(list->stripe, &call, &intent, &reply);

    if (r != 0)
        return r;
    list->more = json_is_true(json_object_get(reply, "has_more"));
    json_array_foreach(json_object_get(reply, "data"), i, item)
    {
        if (r == 0 && intent_read(item, &intent))
            r = list->each(list->context, &intent);
    }
    if (r == 0 && list->more && (intent.id[0] == '\0' || strcmp(intent.id, list->after) == 0))
        r = fail(-EIO, "stripe's list goes on after \"%s\" and does not move", list->after);
    text_copy(list->after, sizeof(list->after), intent.id);
    json_decref(reply);
    return r;
}

int stripe_each(struct stripe *stripe, int64_t timeout_ms,
                int (*each)(void *context, const struct stripe_intent *intent), void *context)
{
    struct list list = {.stripe = stripe, .more = true, .each = each, .context = context};

    for (int pages = 0; list.more; pages++) {
        int r;

        if (pages == STRIPE_PAGES_MAX)
            return fail(-EIO, "stripe's list has more than %d pages", STRIPE_PAGES_MAX);
        r = list_page(&list, timeout_ms);
        if (r != 0)
            return r;
    }
    return 0;
}
