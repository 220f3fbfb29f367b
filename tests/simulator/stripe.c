/*
 * Stripe: intents with manual capture, a table of idempotency keys, and webhooks.
 *
 * A call may be lost before it has done anything, its reply may be lost after, or it may take so
 * long that its caller has given up (or died) when it happens. The same key gives the same reply,
 * whatever has become of the intent since, and that may be a failure, of what was done or was not.
 * Webhooks come late, twice, in any order, and some are forged.
 */

#include "tests/simulator/simulator.h"

#include "common/fail.h"
#include "common/instant.h"
#include "common/memory.h"
#include "common/text.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTENTS_MAX 1024
#define REPLIES_MAX 4096
#define HOOK_TRIES  6

struct reply {
    char key[80];
    int result; /* -EAGAIN: a failure */
    struct stripe_intent intent;
};

static struct {
    struct intent intents[INTENTS_MAX];
    size_t intent_count;
    struct reply replies[REPLIES_MAX];
    size_t reply_count;
    uint64_t events;
} ledger;

struct stripe {
    int unused;
};

/* ---- webhooks ---- */

struct hook {
    char event_id[24], intent_id[40];
    int64_t delay_us;
    bool forged;
};

/* "t=…,v1=…" over "t.body", as Stripe signs. */
static void sign(const char *secret, const char *body, char *ret_header, size_t size)
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char time[24], hex[2 * sizeof(mac) + 1];

    snprintf(time, sizeof(time), "%lld", (long long)(instant_now() / 1000));
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)time, strlen(time));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, strlen(body));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    snprintf(ret_header, size, "t=%s,v1=%s", time, hex);
}

static void *deliver_hook(void *argument)
{
    struct hook *hook = argument;
    char header[128];
    struct request request = {.service = "payments", .method = "POST", .signature = header};

    snprintf(request.path, sizeof(request.path), "/api/payments/webhook");
    snprintf(request.body, sizeof(request.body),
             "{\"id\":\"%s\",\"type\":\"payment_intent.updated\",\"data\":{\"object\":"
             "{\"object\":\"payment_intent\",\"id\":\"%s\"}}}",
             hook->event_id, hook->intent_id);
    for (int try = 0; try < HOOK_TRIES; try++) {
        fiber_sleep(hook->delay_us << try);
        sign(hook->forged ? "whsec_somebody_else" : getenv("STRIPE_WEBHOOK_SECRET"), request.body,
             header, sizeof(header));
        ask(&request);
        if (hook->forged && request.status == 200)
            broken("P15", "a forged webhook was taken");
        if (request.status == 200 || hook->forged)
            break;
    }
    free(hook);
    return NULL;
}

static void send_hook(const struct stripe_intent *intent)
{
    uint64_t number = ledger.events++;

    for (uint64_t copies = 1 + (uint64_t)chance_one_in(4); copies > 0; copies--) {
        struct hook *hook = xcalloc(1, sizeof(*hook));

        hook->delay_us = chance_between(0, chance_one_in(3) ? 30 * SECOND_US : SECOND_US);
        hook->forged = chance_one_in(16);
        snprintf(hook->event_id, sizeof(hook->event_id), "evt_%llu", (unsigned long long)number);
        text_copy(hook->intent_id, sizeof(hook->intent_id), intent->id);
        fiber_start(NULL, "webhook", deliver_hook, hook);
    }
}

/* ---- what a call does ---- */

static struct intent *find(const char *id)
{
    for (size_t i = 0; i < ledger.intent_count; i++)
        if (strcmp(ledger.intents[i].seen.id, id) == 0)
            return &ledger.intents[i];
    return NULL;
}

static const char *const status_names[] = {
    [STRIPE_REQUIRES_PAYMENT_METHOD] = "declined",
    [STRIPE_REQUIRES_CONFIRMATION] = "created",
    [STRIPE_REQUIRES_ACTION] = "the buyer's to confirm",
    [STRIPE_PROCESSING] = "processing",
    [STRIPE_REQUIRES_CAPTURE] = "authorised",
    [STRIPE_SUCCEEDED] = "captured",
    [STRIPE_CANCELED] = "given back",
    [STRIPE_UNKNOWN] = "unknown",
};

static void become(struct intent *intent, enum stripe_status status)
{
    enum stripe_status was = intent->seen.status;

    intent->seen.status = status;
    note("Stripe: %s of order %s is %s, was %s", intent->seen.id, intent->seen.order_id,
         status_names[status], status_names[was]);
    if (status == STRIPE_REQUIRES_CAPTURE)
        promise_authorized(intent);
    if (status == STRIPE_SUCCEEDED) {
        world.verdict.captured++;
        promise_captured(intent);
    }
    if (status == STRIPE_CANCELED) {
        world.verdict.voided++;
        promise_canceled(intent, was);
    }
    world.verdict.declined += status == STRIPE_REQUIRES_PAYMENT_METHOD;
    send_hook(&intent->seen);
}

static int confirm(struct intent *intent)
{
    if (intent->seen.status != STRIPE_REQUIRES_CONFIRMATION)
        return REFUSED;
    switch (intent->card) {
    case CARD_GOOD: become(intent, STRIPE_REQUIRES_CAPTURE); return 0;
    case CARD_ASKS: become(intent, STRIPE_REQUIRES_ACTION); return 0;
    case CARD_DECLINED: break;
    }
    text_copy(intent->seen.message, sizeof(intent->seen.message), "Your card was declined.");
    become(intent, STRIPE_REQUIRES_PAYMENT_METHOD);
    return REFUSED;
}

static int act(struct intent *intent, enum stripe_verb verb)
{
    enum stripe_status status = intent->seen.status;

    switch (verb) {
    case STRIPE_CONFIRM: return confirm(intent);
    case STRIPE_CAPTURE:
        if (status != STRIPE_REQUIRES_CAPTURE)
            return REFUSED;
        become(intent, STRIPE_SUCCEEDED);
        return 0;
    case STRIPE_CANCEL:
        if (status == STRIPE_SUCCEEDED || status == STRIPE_CANCELED)
            return REFUSED;
        become(intent, STRIPE_CANCELED);
        return 0;
    case STRIPE_REFUND:
        if (status != STRIPE_SUCCEEDED || intent->seen.refunded_cents > 0)
            return REFUSED;
        intent->seen.refunded_cents = intent->seen.amount_cents;
        world.verdict.refunded++;
        send_hook(&intent->seen);
        return 0;
    }
    abort();
}

/* One call: what is asked, and what came of it. */
struct call {
    enum { CALL_CREATE, CALL_DO, CALL_FIND } kind;
    enum stripe_verb verb;
    char intent_id[40], payment_id[40], order_id[40], method[40];
    int64_t amount_cents, tries;
    bool over;
    struct reply *made; /* the reply that its key had not had before, or NULL */
    int result;
    struct stripe_intent intent;
};

static int create(const struct call *call, struct stripe_intent *ret_intent)
{
    struct intent *intent = &ledger.intents[ledger.intent_count];

    assert(ledger.intent_count < INTENTS_MAX);
    *intent = (struct intent){.card = strstr(call->method, "declined") != NULL ? CARD_DECLINED
                                      : strstr(call->method, "asks") != NULL   ? CARD_ASKS
                                                                               : CARD_GOOD};
    intent->seen.status = STRIPE_REQUIRES_CONFIRMATION;
    intent->seen.amount_cents = call->amount_cents;
    snprintf(intent->seen.id, sizeof(intent->seen.id), "pi_%zu", ledger.intent_count);
    snprintf(intent->seen.client_secret, sizeof(intent->seen.client_secret), "pi_%zu_secret",
             ledger.intent_count++);
    text_copy(intent->seen.payment_id, sizeof(intent->seen.payment_id), call->payment_id);
    text_copy(intent->seen.order_id, sizeof(intent->seen.order_id), call->order_id);
    *ret_intent = intent->seen;
    return 0;
}

/* The reply to this call's key: what was said to it before, or a new one, to be filled. */
static struct reply *reply_to(struct call *call)
{
    struct reply *reply = &ledger.replies[ledger.reply_count];

    assert(ledger.reply_count < REPLIES_MAX);
    *reply = (struct reply){0}; /* it may have been another episode's */
    snprintf(reply->key, sizeof(reply->key), "%s-%d-%lld", call->payment_id,
             call->kind == CALL_CREATE ? -1 : (int)call->verb, (long long)call->tries);
    for (size_t i = 0; i < ledger.reply_count && !world.faults.no_keys; i++)
        if (strcmp(ledger.replies[i].key, reply->key) == 0)
            return &ledger.replies[i];
    ledger.reply_count++;
    call->made = reply;
    return reply;
}

/* At Stripe: do it, or say again what was said to this key. */
static void execute(void *argument)
{
    struct call *call = argument;
    struct intent *intent = call->kind == CALL_CREATE ? NULL : find(call->intent_id);
    struct reply *reply;

    call->over = true;
    if (call->kind == CALL_FIND) {
        call->result = intent == NULL ? NOT_FOUND : 0;
        if (intent != NULL)
            call->intent = intent->seen;
        return;
    }
    reply = reply_to(call);
    if (call->made != NULL && call->kind == CALL_CREATE) {
        reply->result = create(call, &reply->intent);
    } else if (call->made != NULL && intent == NULL) {
        reply->result = REFUSED;
    } else if (call->made != NULL) {
        reply->result = act(intent, call->verb);
        reply->intent = intent->seen;
    }
    call->result = reply->result;
    call->intent = reply->intent;
}

/* The answer was a failure, and is to whoever uses that key again. Another's stands. */
static void keep_failure(struct call *call)
{
    if (call->kind != CALL_FIND && !call->over)
        reply_to(call);
    if (call->made == NULL)
        return;
    call->made->result = -EAGAIN;
    call->made->intent = (struct stripe_intent){.silence = STRIPE_FAILED};
}

/* Nothing is heard of a call, for whichever reason. */
static int stay_silent(struct stripe_intent *ret_intent, const char *words)
{
    world.verdict.faults++;
    note("%s", words);
    ret_intent->silence = (enum stripe_silence)chance_below(STRIPE_NONSENSE + 1);
    return -EAGAIN;
}

/* Send it; -EAGAIN where nothing is heard of it in time. */
static int exchange(const struct call *asked, int64_t timeout_ms, const char *what,
                    struct stripe_intent *ret_intent)
{
    struct call *call = xmalloc(sizeof(*call)); /* it may happen after its caller is gone */
    int64_t timeout_us = timeout_ms * MS_US;
    int r;

    *call = *asked;
    hush(false);
    step("asks Stripe to %s %s of payment %s", what,
         call->intent_id[0] != '\0' ? call->intent_id : "an intent", call->payment_id);
    if (world_fault(world.faults.stripe_lost)) {
        fiber_sleep(timeout_us < SECOND_US ? timeout_us : SECOND_US);
        r = stay_silent(ret_intent, "Stripe has not heard it");
        if (ret_intent->silence == STRIPE_FAILED)
            keep_failure(call);
        return r;
    }
    if (world_fault(world.faults.stripe_slow)) {
        int64_t slow_us = chance_between(SECOND_US, 40 * SECOND_US);

        note("Stripe takes %.1f s", (double)slow_us / 1e6);
        later(slow_us, NULL, execute, call);
        fiber_sleep(slow_us < timeout_us ? slow_us + 1 : timeout_us);
        if (!call->over)
            return stay_silent(ret_intent, "Stripe takes too long");
    } else {
        execute(call);
    }
    step("Stripe has answered %d", call->result);
    if (world_fault(world.faults.stripe_lost)) {
        r = stay_silent(ret_intent, "the answer is lost");
        if (ret_intent->silence == STRIPE_FAILED)
            keep_failure(call);
        return r;
    }
    *ret_intent = call->intent;
    return call->result;
}

int stripe_open(const char *base, const char *key, struct stripe **ret_stripe)
{
    static struct stripe stripe;

    (void)base;
    (void)key;
    *ret_stripe = &stripe;
    return 0;
}

void stripe_trace(struct stripe *stripe, struct tracer *tracer)
{
    (void)stripe;
    (void)tracer;
}

struct stripe *stripe_free(struct stripe *stripe)
{
    (void)stripe;
    return NULL;
}

int stripe_create(struct stripe *stripe, const struct stripe_charge *charge, int64_t timeout_ms,
                  struct stripe_intent *ret_intent)
{
    struct call call = {
        .kind = CALL_CREATE, .amount_cents = charge->amount_cents, .tries = charge->tries};

    (void)stripe;
    text_copy(call.payment_id, sizeof(call.payment_id), charge->payment_id);
    text_copy(call.order_id, sizeof(call.order_id), charge->order_id);
    text_copy(call.method, sizeof(call.method), charge->method);
    return exchange(&call, timeout_ms, "create", ret_intent);
}

int stripe_do(struct stripe *stripe, enum stripe_verb verb, const char *id, const char *payment_id,
              int64_t tries, int64_t timeout_ms, struct stripe_intent *ret_intent)
{
    static const char *const names[] = {"confirm", "capture", "cancel", "refund"};
    struct call call = {.kind = CALL_DO, .verb = verb, .tries = tries};

    (void)stripe;
    text_copy(call.intent_id, sizeof(call.intent_id), id);
    text_copy(call.payment_id, sizeof(call.payment_id), payment_id);
    return exchange(&call, timeout_ms, names[verb], ret_intent);
}

int stripe_find(struct stripe *stripe, const char *id, int64_t timeout_ms,
                struct stripe_intent *ret_intent)
{
    struct call call = {.kind = CALL_FIND};

    (void)stripe;
    text_copy(call.intent_id, sizeof(call.intent_id), id);
    return exchange(&call, timeout_ms, "show", ret_intent);
}

/* ---- for those who know all ---- */

const struct intent *stripe_intents(size_t *ret_count)
{
    *ret_count = ledger.intent_count;
    return ledger.intents;
}

void stripe_act(size_t index, bool well)
{
    struct intent *intent = &ledger.intents[index];

    if (intent->seen.status == STRIPE_REQUIRES_ACTION)
        become(intent, well ? STRIPE_REQUIRES_CAPTURE : STRIPE_REQUIRES_PAYMENT_METHOD);
}

void stripe_capture_by_hand(size_t index)
{
    struct intent *intent = &ledger.intents[index];

    if (intent->seen.status != STRIPE_REQUIRES_CAPTURE)
        return;
    intent->by_hand = true;
    become(intent, STRIPE_SUCCEEDED);
}
