#ifndef COMMON_STRIPE_H
#define COMMON_STRIPE_H

/*
 * Stripe: the few calls of its API that we need.
 *
 * A charge is three calls: create an intent (nothing at stake yet), confirm it (the card is
 * authorised, manual capture), capture it. Creating and confirming are apart so that the intent's
 * id can be stored before anything can be charged: after a crash the intent is asked for, never
 * guessed, and no second one can hold the buyer's money. Every write carries an Idempotency-Key
 * derived from the caller's own id and the number of the try, so that sending it again is the same
 * operation. Stripe keeps the first answer to a key for a day or more, a 5xx too: what was answered
 * so has to be asked for as another try (https://docs.stripe.com/api/idempotent_requests).
 *
 * Results: 0, Stripe did it and *ret_intent says what it is now; REFUSED, Stripe said no for good
 * (a decline, a bad parameter, a state that does not allow it) and ret_intent->message says why, in
 * words for the buyer where it is a decline; -EAGAIN, nothing is known (no answer, 409, 429, 5xx):
 * ask again, ret_intent->silence says why; -EACCES, our key is refused. Each call takes its thread
 * until its deadline at most: how many may do so at once is the caller's to decide. Thread-safe.
 */

#include "common/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRIPE_IDLE_MAX        32 /* connections that are kept */
#define STRIPE_REPLY_MAX_BYTES (1u << 20)
#define STRIPE_PAGES_MAX       2000 /* of a list: 200,000 intents, some minutes' reading */

struct stripe;

/* clang-format off */
enum stripe_status {
    STRIPE_REQUIRES_PAYMENT_METHOD, /* declined, or nothing to pay with */
    STRIPE_REQUIRES_CONFIRMATION,   /* created, nothing charged */
    STRIPE_REQUIRES_ACTION,         /* the buyer must authenticate (3-D Secure) */
    STRIPE_PROCESSING,
    STRIPE_REQUIRES_CAPTURE,        /* authorised */
    STRIPE_SUCCEEDED,               /* captured */
    STRIPE_CANCELED,
    STRIPE_UNKNOWN,
};

/* Why nothing is known. */
enum stripe_silence {
    STRIPE_NO_ANSWER,  /* refused or lost the connection, also midway */
    STRIPE_TIMED_OUT,
    STRIPE_KEY_IN_USE, /* 409: another request with that key is under way */
    STRIPE_BUSY,       /* 429 */
    STRIPE_FAILED,     /* 5xx */
    STRIPE_NONSENSE,   /* an answer that is none of Stripe's */
};
/* clang-format on */

struct stripe_intent {
    char id[256];
    enum stripe_status status;
    char client_secret[512]; /* for Stripe.js; a secret of the buyer's */
    char message[512];       /* of the refusal or the last payment error; "" for none */
    char payment_id[64];     /* metadata[paymentId], metadata[orderId]: as stripe_create put them */
    char order_id[64];
    int64_t amount_cents;
    int64_t refunded_cents;      /* of its latest charge, where Stripe sent that along */
    enum stripe_silence silence; /* after -EAGAIN, which sets nothing else … */
    bool attaching;              /* … but this: it was stripe_create's customer for a token */
};

/* "timeout", for logs and metrics. */
const char *stripe_silence_name(enum stripe_silence silence);

/* What is to be charged. `method` is what the client sent: pm_… or tok_…. `tries` have failed
 * before; a token can be given to a customer once only, so that has a try of its own. */
struct stripe_charge {
    const char *payment_id, *order_id, *method, *currency;
    int64_t amount_cents;
    int64_t tries, attach_try;
};

/* `base`: https://api.stripe.com or another; `key`: sk_…. Both are copied. */
must_check int stripe_open(const char *base, const char *key, struct stripe **ret_stripe);
struct stripe *stripe_free(struct stripe *stripe);

/* From now on each call is a span below its thread's (span.h). Before the first call. */
struct tracer;
void stripe_trace(struct stripe *stripe, struct tracer *tracer);

must_check int stripe_create(struct stripe *stripe, const struct stripe_charge *charge,
                             int64_t timeout_ms, struct stripe_intent *ret_intent);

enum stripe_verb { STRIPE_CONFIRM, STRIPE_CAPTURE, STRIPE_CANCEL, STRIPE_REFUND };

/* Do `verb` to intent `id` of payment `payment_id`, of which `tries` have failed (both for the
 * key). After STRIPE_REFUND only ret_intent's message is meaningful. */
must_check int stripe_do(struct stripe *stripe, enum stripe_verb verb, const char *id,
                         const char *payment_id, int64_t tries, int64_t timeout_ms,
                         struct stripe_intent *ret_intent);

/* Ask for an intent as it stands. NOT_FOUND: Stripe does not know it. */
must_check int stripe_find(struct stripe *stripe, const char *id, int64_t timeout_ms,
                           struct stripe_intent *ret_intent);

/* Every intent, newest first, in pages of 100 (for the auditor); `timeout_ms` is for each page.
 * -EIO: more than STRIPE_PAGES_MAX of them, or a page that does not lead on to the next: `each` has
 * seen a part of the list. */
must_check int stripe_each(struct stripe *stripe, int64_t timeout_ms,
                           int (*each)(void *context, const struct stripe_intent *intent),
                           void *context);

/* Check a webhook: `header` is Stripe-Signature, `secret` whsec_…; HMAC-SHA256 over "t.body", at
 * most STRIPE_TOLERANCE_S old or ahead. Constant time. */
#define STRIPE_TOLERANCE_S 300
bool stripe_signature_is_valid(const char *secret, const char *header, const char *body,
                               size_t length, int64_t now_s);

#endif
