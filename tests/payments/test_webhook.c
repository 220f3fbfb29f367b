/*
 * Webhooks: who may send them, and that they are hints: what Stripe says when asked is what counts.
 */

#include "tests/payments/till.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base;

/* The Stripe-Signature line for `body`, as signed `age_s` seconds ago. */
static void sign_into(const char *body, int age_s, char *ret_line, size_t size)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof(mac) + 1];
    char *payload = xasprintf("%lld.%s", (long long)(instant_now() / 1000 - age_s), body);
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)WEBHOOK_SECRET,
                                strlen(WEBHOOK_SECRET));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)payload, strlen(payload));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    snprintf(ret_line, size, "Stripe-Signature: t=%.*s,v1=%s", (int)strcspn(payload, "."), payload,
             hex);
    free(payload);
}

static const char *sign(const char *body, int age_s)
{
    static char line[256];

    sign_into(body, age_s, line, sizeof(line));
    return line;
}

static const struct answer *send_hook(const char *body, const char *signature)
{
    return ask_for(&(struct question){
        .method = "POST", .path = "/api/payments/webhook", .body = body, .headers = {signature}});
}

/* A webhook about intent `intent`, signed as it should be. */
static const struct answer *hook(const char *id, const char *type, const char *object,
                                 const char *intent)
{
    char body[512];

    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"type\":\"%s\",\"data\":{\"object\":{\"object\":\"%s\",\"id\":\"%s\","
             "\"payment_intent\":\"%s\"}}}",
             id, type, object, intent, intent);
    return send_hook(body, sign(body, 0));
}

/* Do something at the fake Stripe behind payments' back. */
static void at_stripe(const char *path, const char *form)
{
    cleanup(freep) char *url = xasprintf("%s%s", base, path);
    CURL *curl = curl_easy_init();
    FILE *nowhere = fopen("/dev/null", "we");
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, nowhere);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
    cr_assert(curl_easy_perform(curl) == CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    cr_assert_eq(status, 200);
    curl_easy_cleanup(curl);
    fclose(nowhere);
}

/* The Stripe id of the order's payment. */
static const char *intent_of(const char *order, const char *status)
{
    static char id[STRIPE_ID_BYTES];
    bson_t *payment = await_payment(order, status);

    text_copy(id, sizeof(id), store_read_text(payment, "stripeId", ""));
    bson_destroy(payment);
    return id;
}

Test(webhook, only_stripe_may_send_one)
{
    static const char body[] = "{\"id\":\"evt_1\",\"type\":\"x\",\"data\":{}}";

    given_payments(given_fake_stripe());
    expect_refusal(send_hook(body, NULL), 400, NULL, "Signature is not valid");
    expect_refusal(send_hook(body, "Stripe-Signature: nonsense"), 400, NULL,
                   "Signature is not valid");
    expect_refusal(send_hook(body, sign("another body", 0)), 400, NULL, "Signature is not valid");
    expect_refusal(send_hook(body, sign(body, 400)), 400, NULL, "Signature is not valid");
    cr_expect_eq(count_documents("webhooks", "{}"), 0);
    expect_status(send_hook(body, sign(body, 0)), 200);
    cr_expect_eq(count_documents("webhooks", "{}"), 1);
    expect_status(send_hook(body, sign(body, 0)), 200);
    cr_expect_eq(count_documents("webhooks", "{}"), 1);
    expect_refusal(send_hook("not json", sign("not json", 0)), 400, NULL, "Body is not valid JSON");
}

Test(webhook, a_buyer_who_has_authenticated_has_paid)
{
    const struct answer *answer;
    const char *order, *id, *intent;
    char path[320];

    base = given_fake_stripe();
    given_payments(base);
    order = known_order();
    answer = pay_with(order, "pm_card_authenticationRequired");
    expect_status(answer, 201);
    id = answer_text(answer, "id");
    intent = intent_of(order, "requires_action");

    /* a hint that is not true changes nothing */
    expect_status(
        hook("evt_1", "payment_intent.amount_capturable_updated", "payment_intent", intent), 200);
    cr_expect_eq(count_documents("payments", "{\"status\":\"requires_action\"}"), 1);

    snprintf(path, sizeof(path), "/v1/payment_intents/%s/_authenticate", intent);
    at_stripe(path, "");
    expect_status(
        hook("evt_2", "payment_intent.amount_capturable_updated", "payment_intent", intent), 200);
    await_event(EVENT_PAYMENT_AUTHORIZED, id, 2);
    cr_expect_eq(stripe_ledger(order).authorized, 1);
}

Test(webhook, a_refund_made_at_stripe_is_followed)
{
    const struct answer *answer;
    const char *order, *id, *intent;
    char form[320];

    base = given_fake_stripe();
    given_payments(base);
    order = known_order();
    answer = pay_with(order, "pm_card_visa");
    expect_status(answer, 201);
    id = answer_text(answer, "id");
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    intent = intent_of(order, "captured");

    snprintf(form, sizeof(form), "payment_intent=%s", intent);
    at_stripe("/v1/refunds", form);
    expect_status(hook("evt_3", "charge.refunded", "charge", intent), 200);
    await_event(EVENT_PAYMENT_REFUNDED, id, 3);
    expect_refusal(pay_with(order, "pm_card_visa"), 400, NULL, "Order is already complete");
    cr_expect_eq(stripe_ledger(order).intents, 1);
}

/* The contract has no state for it: the order stands, and a person decides at Stripe. */
Test(webhook, a_dispute_is_noted_and_moves_nothing)
{
    static const char counted[] = "\nstripe_disputes_total 1\n";
    const char *order, *intent;

    base = given_fake_stripe();
    given_payments(base);
    order = known_order();
    expect_status(pay_with(order, "pm_card_visa"), 201);
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    intent = intent_of(order, "captured");
    stripe_fault("any", "500", 1000); /* nor is Stripe asked */
    expect_status(hook("evt_7", "charge.dispute.created", "dispute", intent), 200);
    expect_status(hook("evt_7", "charge.dispute.created", "dispute", intent), 200);
    expect_status(hook("evt_8", "charge.dispute.closed", "dispute", intent), 200);
    cr_expect_not_null(strstr(ask("GET", "/metrics", NULL)->body, counted));
    cr_expect_eq(count_documents("payments", "{\"status\":\"captured\"}"), 1);
}

/* Webhooks as Stripe may send them: the last first, each twice, all at once, long after. */
static struct sent {
    const char *id, *type;
    char intent[STRIPE_ID_BYTES];
    pthread_t thread;
    int status;
} sent[] = {
    {"evt_c", "payment_intent.succeeded", "", 0, 0},
    {"evt_b", "payment_intent.amount_capturable_updated", "", 0, 0},
    {"evt_c", "payment_intent.succeeded", "", 0, 0},
    {"evt_a", "payment_intent.created", "", 0, 0},
    {"evt_b", "payment_intent.amount_capturable_updated", "", 0, 0},
    {"evt_d", "payment_intent.payment_failed", "", 0, 0},
};

static void *send_one(void *context)
{
    struct sent *one = context;
    cleanup(freep) char *body =
        xasprintf("{\"id\":\"%s\",\"type\":\"%s\",\"data\":{\"object\":{\"object\":"
                  "\"payment_intent\",\"id\":\"%s\"}}}",
                  one->id, one->type, one->intent);
    char signature[256];

    sign_into(body, 0, signature, sizeof(signature));
    one->status = send_hook(body, signature)->status;
    return NULL;
}

/* Whoever finds no place among those that are handled is sent again, as Stripe does. */
static bool all_are_taken(void *context)
{
    bool all = true;

    (void)context;
    for (size_t i = 0; i < ARRAY_LENGTH(sent); i++)
        if (sent[i].status != 200)
            pthread_create(&sent[i].thread, NULL, send_one, &sent[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(sent); i++)
        if (sent[i].status != 200) {
            pthread_join(sent[i].thread, NULL);
            all = all && sent[i].status == 200;
        }
    return all;
}

static void send_all_about(const char *intent)
{
    for (size_t i = 0; i < ARRAY_LENGTH(sent); i++) {
        text_copy(sent[i].intent, sizeof(sent[i].intent), intent);
        sent[i].status = 0;
    }
    eventually(all_are_taken, NULL, 20000, "all webhooks are taken");
}

Test(webhook, whenever_and_in_whatever_order_they_come_the_payment_is_what_stripe_says)
{
    const char *order, *id;

    base = given_fake_stripe();
    given_payments(base);
    order = known_order();
    id = answer_text(pay_with(order, "pm_card_visa"), "id");
    send_all_about(intent_of(order, "authorized"));
    cr_expect_eq(count_documents("payments", "{\"status\":\"authorized\"}"), 1);
    end_order(order, EVENT_ORDER_COMPLETED, ORDER_COMPLETE);
    bson_destroy(await_payment(order, "captured"));
    for (size_t i = 0; i < ARRAY_LENGTH(sent); i++)
        sent[i].id = xasprintf("%s2", sent[i].id); /* Stripe tells of the capture */
    send_all_about(intent_of(order, "captured"));
    for (size_t i = 0; i < ARRAY_LENGTH(sent); i++)
        free((void *)(uintptr_t)sent[i].id);
    await_event(EVENT_PAYMENT_CREATED, id, 2);
    cr_expect_eq(count_documents("payments", "{\"status\":\"captured\"}"), 1);
    cr_expect_eq(count_events(EVENT_PAYMENT_CREATED, id), 3);
    cr_expect_eq(stripe_ledger(order).captured, 1);
    cr_expect_eq(count_documents("webhooks", "{}"), 8);
}

Test(webhook, one_about_nothing_of_ours_is_taken_and_forgotten)
{
    given_payments(given_fake_stripe());
    expect_status(hook("evt_4", "payment_intent.succeeded", "payment_intent", "pi_of_others"), 200);
    expect_status(hook("evt_5", "customer.created", "customer", ""), 200);
    cr_expect_eq(count_documents("payments", "{}"), 0);
}

Test(webhook, while_stripe_cannot_be_asked_it_is_asked_to_come_again)
{
    const char *order, *intent;

    base = given_fake_stripe();
    given_payments(base);
    order = known_order();
    expect_status(pay_with(order, "pm_card_authenticationRequired"), 201);
    intent = intent_of(order, "requires_action");
    stripe_fault("find", "500", 1);
    expect_status(hook("evt_6", "payment_intent.succeeded", "payment_intent", intent), 503);
    cr_expect_eq(count_documents("webhooks", "{}"), 0);
    expect_status(hook("evt_6", "payment_intent.succeeded", "payment_intent", intent), 200);
    cr_expect_eq(count_documents("webhooks", "{}"), 1);
}

/* The payment follows while its order is open, so nothing but its workAt remembers the rest. */
Test(webhook, money_taken_for_an_open_order_is_given_back_once_that_is_lost)
{
    char path[STRIPE_ID_BYTES + 64];
    const char *order, *intent;

    base = given_fake_stripe();
    given_payments(base);
    order = known_order();
    expect_status(pay_with(order, "tok_visa"), 201);
    intent = intent_of(order, "authorized");
    snprintf(path, sizeof(path), "/v1/payment_intents/%s/capture", intent);
    at_stripe(path, "");
    expect_status(hook("evt_1", "payment_intent.succeeded", "payment_intent", intent), 200);
    bson_destroy(await_payment(order, "captured"));
    stripe_fault("refund", "500", 1);
    end_order(order, EVENT_ORDER_CANCELLED, ORDER_CANCELLED);
    bson_destroy(await_payment(order, "refunded"));
    cr_expect_eq(stripe_ledger(order).taken, 0);
}
