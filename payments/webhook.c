/*
 * Webhook: Stripe tells that something happened to an intent.
 *
 * A webhook is a hint, never the truth: whatever its type says, the intent is asked for and the
 * payment follows that (charge.h). So forged order, repeats and delays of webhooks change nothing.
 * Handled ids are kept for as long as Stripe repeats them (`webhooks`, a unique _id), and only once
 * their effect is stored. "Unknown" is a 200: Stripe would repeat anything else for three days.
 *
 * A dispute is no refund: Stripe has taken the money back, the order stands, and what to do is a
 * person's to decide in Stripe's dashboard. It is logged and counted, and moves nothing.
 */

#include "common/log.h"
#include "common/parse.h"
#include "payments/app.h"

#include <jansson.h>
#include <string.h>

#define WEBHOOK_TIMEOUT_MS 4000
#define COLLECTION         "webhooks"
#define DISPUTES           "charge.dispute."

/* The intent that an event is about: the object itself, or the one that a charge names. */
static const char *intent_of(const json_t *event)
{
    const json_t *object = json_object_get(json_object_get(event, "data"), "object");

    if (strcmp(parse_member(object, "object"), "payment_intent") == 0)
        return parse_member(object, "id");
    return parse_member(object, "payment_intent");
}

/* Was it handled already? 0 yes, NOT_FOUND no. */
static int find_handled(struct app *app, const char *id)
{
    cleanup(bson_freep) bson_t *document = NULL;
    bson_t filter = BSON_INITIALIZER;
    int r;

    BSON_APPEND_UTF8(&filter, "_id", id);
    r = store_find(app->core.store, COLLECTION, &filter, NULL, &document);
    bson_destroy(&filter);
    return r;
}

static int note_handled(struct app *app, const char *id, const char *type)
{
    bson_t document = BSON_INITIALIZER;
    int r;

    BSON_APPEND_UTF8(&document, "_id", id);
    BSON_APPEND_UTF8(&document, "type", type);
    BSON_APPEND_DATE_TIME(&document, "at", instant_now());
    r = store_insert(app->core.store, COLLECTION, &document, /* ret_index= */ NULL);
    bson_destroy(&document);
    return r == CONFLICT ? 0 : r;
}

/* Let the payment of `intent` follow what Stripe says of it. */
static int follow_intent(struct app *app, const char *intent)
{
    char message[CHARGE_MESSAGE_BYTES];
    struct payment payment;
    struct gate_visit visit;
    int r = payment_find_intent(app->core.store, intent, &payment);

    if (r == NOT_FOUND)
        return 0; /* not one of ours, or never confirmed */
    if (r != 0 || !payment_is_live(payment.state.status))
        return r; /* of what is over nothing is to be learned, nor is Stripe asked */
    r = gate_enter(app->charger.gate, GATE_WEBHOOK, &visit);
    if (r != 0)
        return r;
    r = charge_follow(&app->charger, &visit, &payment, WEBHOOK_TIMEOUT_MS, message);
    gate_leave(&visit);
    return r;
}

struct metric *webhook_disputes(struct app *app)
{
    return metrics_counter(app->core.metrics, "stripe_disputes_total", "",
                           "Payments that their buyers dispute.");
}

/* A new dispute, or how one went on. */
static void note_dispute(struct app *app, const char *intent, const char *type)
{
    log_event(LOG_WARNING, "a payment is disputed", "stripe=%s type=%s", intent, type);
    if (strcmp(type, DISPUTES "created") == 0)
        metric_add(webhook_disputes(app), 1);
}

/* What a webhook says for the first time. */
static int handle(struct app *app, const json_t *event)
{
    const char *type = parse_member(event, "type");

    if (strncmp(type, DISPUTES, strlen(DISPUTES)) != 0)
        return follow_intent(app, intent_of(event));
    note_dispute(app, intent_of(event), type);
    return 0;
}

int route_stripe_webhook(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    const char *signature = http_header(request, "Stripe-Signature");
    cleanup(json_decrefp) json_t *event = NULL;
    const char *id;
    int r;

    if (signature == NULL ||
        !stripe_signature_is_valid(app->webhook_secret, signature, request->body_bytes,
                                   request->body_length, instant_now() / 1000))
        return reply_error(reply, INVALID, NULL, "Signature is not valid");
    event = parse_object(request->body_bytes, request->body_length);
    id = parse_member(event, "id");
    if (*id == '\0')
        return reply_error(reply, INVALID, NULL, "Body is not valid JSON");

    r = find_handled(app, id);
    if (r == NOT_FOUND) {
        r = handle(app, event);
        if (r == 0)
            r = note_handled(app, id, parse_member(event, "type"));
    }
    if (r != 0)
        return r < 0 ? r : -EAGAIN;
    write_raw(reply_body(reply, 200), "{\"received\":true}", strlen("{\"received\":true}"));
    return 0;
}
