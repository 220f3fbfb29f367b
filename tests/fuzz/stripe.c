/*
 * A reply of Stripe: its status in the first line, its body behind it. What is taken for an intent
 * has an id, and texts that end.
 */
#include "common/stripe.c" /* for how a reply is taken apart, which nobody else calls */
#include "tests/fuzz/fuzz.h"

static void check(const struct stripe_intent *intent)
{
    require(intent->id[0] != '\0' && strnlen(intent->id, sizeof(intent->id)) < sizeof(intent->id));
    require(strnlen(intent->message, sizeof(intent->message)) < sizeof(intent->message));
    require(intent->status <= STRIPE_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(freep) char *text = text_of(data, size);
    struct call call = {.path = "/v1/payment_intents"};
    struct stripe_intent intent = {0};
    char *body = text;
    json_t *reply;

    call.status = strtol(text, &body, 10);
    reply = json_loads(body, 0, NULL);
    if (call.status >= 200 && call.status < 300 && intent_read(reply, &intent)) {
        check(&intent);
    } else if (call.status >= 300) {
        int r = refused(&call, reply, &intent);

        require(r == REFUSED || r == NOT_FOUND || r == -EAGAIN || r == -EACCES);
        require(r < 0 || intent.message[0] != '\0');
    }
    json_decref(reply);
    return 0;
}
