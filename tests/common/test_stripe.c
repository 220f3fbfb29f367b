/*
 * Stripe: would the real API take what we send (stripe-mock checks it against Stripe's own
 * description), and who may send us webhooks?
 */

#include "common/stripe.h"

#include "tests/support/stripes.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 5000
#define SECRET     "whsec_test"
#define NOW_S      1795000000

static const struct stripe_charge charge = {.payment_id = "aaaaaaaaaaaaaaaaaaaaaaaa",
                                            .order_id = "bbbbbbbbbbbbbbbbbbbbbbbb",
                                            .method = "pm_card_visa",
                                            .currency = "usd",
                                            .amount_cents = 4250};

static int count_intent(void *context, const struct stripe_intent *intent)
{
    *(int *)context += intent->amount_cents == charge.amount_cents;
    return 0;
}

Test(stripe, the_real_api_would_take_each_of_our_requests)
{
    static const enum stripe_verb verbs[] = {STRIPE_CONFIRM, STRIPE_CAPTURE, STRIPE_CANCEL,
                                             STRIPE_REFUND};
    struct stripe_charge by_token = charge;
    struct stripe_intent intent = {0};
    struct stripe *stripe;
    int count = 0;

    cr_assert_eq(stripe_open(given_stripe_mock(), "sk_test_mock", &stripe), 0);
    cr_expect_eq(stripe_create(stripe, &charge, TIMEOUT_MS, &intent), 0, "%s", intent.message);
    cr_expect_neq(intent.id[0], '\0');
    by_token.method = "tok_mastercard";
    cr_expect_eq(stripe_create(stripe, &by_token, TIMEOUT_MS, &intent), 0, "%s", intent.message);
    for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
        cr_expect_eq(
            stripe_do(stripe, verbs[i], "pi_123", charge.payment_id, 0, TIMEOUT_MS, &intent), 0,
            "verb %d: %s", verbs[i], intent.message);
    cr_expect_eq(stripe_find(stripe, "pi_123", TIMEOUT_MS, &intent), 0, "%s", intent.message);
    cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, count_intent, &count), 0);
    stripe_free(stripe);
}

Test(stripe, a_refused_key_is_not_a_refused_card)
{
    struct stripe_intent intent = {0};
    struct stripe *stripe;

    cr_assert_eq(stripe_open(given_stripe_mock(), "no key at all", &stripe), 0);
    cr_expect_eq(stripe_create(stripe, &charge, TIMEOUT_MS, &intent), -EACCES);
    stripe_free(stripe);
}

Test(stripe, a_stripe_that_is_away_is_an_unknown_end)
{
    struct stripe_intent intent = {0};
    struct stripe *stripe;
    char base[64];

    snprintf(base, sizeof(base), "http://127.0.0.1:%d", free_port());
    cr_assert_eq(stripe_open(base, "sk_test_x", &stripe), 0);
    cr_expect_eq(stripe_create(stripe, &charge, TIMEOUT_MS, &intent), -EAGAIN);
    cr_expect_eq(stripe_find(stripe, "pi_1", TIMEOUT_MS, &intent), -EAGAIN);
    stripe_free(stripe);
}

Test(stripe, a_stripe_that_hangs_is_given_up_at_the_deadline)
{
    struct stripe_intent intent = {0};
    struct stripe *stripe;
    int64_t before_ms;

    cr_assert_eq(stripe_open(given_fake_stripe(), "sk_test_x", &stripe), 0);
    stripe_fault("create", "hang", 1);
    before_ms = instant_monotonic();
    cr_expect_eq(stripe_create(stripe, &charge, 300, &intent), -EAGAIN);
    cr_expect_lt(instant_monotonic() - before_ms, 5000);
    stripe_free(stripe);
}

Test(stripe, why_it_was_silent_is_told)
{
    static const struct {
        const char *fault;
        enum stripe_silence silence;
    } cases[] = {
        {"drop", STRIPE_NO_ANSWER}, {"reset", STRIPE_NO_ANSWER}, {"hang", STRIPE_TIMED_OUT},
        {"429", STRIPE_BUSY},       {"409", STRIPE_KEY_IN_USE},  {"500", STRIPE_FAILED},
    };
    struct stripe_charge each = charge;
    struct stripe_intent intent;
    struct stripe *stripe;
    char id[ID_BYTES];

    cr_assert_eq(stripe_open(given_fake_stripe(), "sk_test_x", &stripe), 0);
    each.payment_id = id;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        store_new_id(id);
        intent = (struct stripe_intent){.silence = STRIPE_NONSENSE};
        stripe_fault("create", cases[i].fault, 2); /* libcurl tries a kept connection twice */
        cr_expect_eq(stripe_create(stripe, &each, 2000, &intent), -EAGAIN, "%s", cases[i].fault);
        cr_expect_eq(intent.silence, cases[i].silence, "%s: %s", cases[i].fault,
                     stripe_silence_name(intent.silence));
        stripe_is_well();
    }
    stripe_free(stripe);
}

Test(stripe, the_ledger_is_read_whole)
{
    struct stripe_intent intent = {0};
    struct stripe *stripe;
    int count = 0;

    cr_assert_eq(stripe_open(given_localstripe(), "sk_test_x", &stripe), 0);
    for (int i = 0; i < 120; i++)
        cr_assert_eq(stripe_create(stripe, &charge, TIMEOUT_MS, &intent), 0);
    cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, count_intent, &count), 0);
    cr_expect_eq(count, 120);
    stripe_free(stripe);
}

static int sum_refunds(void *context, const struct stripe_intent *intent)
{
    *(int64_t *)context += intent->refunded_cents;
    return 0;
}

/* Else each refunded payment would be a finding of the auditor's. */
Test(stripe, the_ledger_tells_what_was_refunded)
{
    static const enum stripe_verb verbs[] = {STRIPE_CONFIRM, STRIPE_CAPTURE, STRIPE_REFUND};
    const char *const bases[] = {given_fake_stripe(), given_localstripe()};

    for (size_t b = 0; b < ARRAY_LENGTH(bases); b++) {
        struct stripe_intent intent = {0}, done = {0};
        struct stripe *stripe;
        int64_t refunded_cents = 0;

        cr_assert_eq(stripe_open(bases[b], "sk_test_x", &stripe), 0);
        cr_assert_eq(stripe_create(stripe, &charge, TIMEOUT_MS, &intent), 0);
        for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++)
            cr_assert_eq(
                stripe_do(stripe, verbs[i], intent.id, charge.payment_id, 0, TIMEOUT_MS, &done), 0);
        cr_expect_eq(stripe_find(stripe, intent.id, TIMEOUT_MS, &intent), 0);
        cr_expect_eq(intent.refunded_cents, charge.amount_cents, "%s, asked for", bases[b]);
        cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, sum_refunds, &refunded_cents), 0);
        cr_expect_eq(refunded_cents, charge.amount_cents, "%s, listed", bases[b]);
        stripe_free(stripe);
    }
}

/* What was lost is the same try: it must not be done twice. */
Test(stripe, what_has_failed_is_answered_so_until_it_is_another_try)
{
    struct stripe_charge again = charge;
    struct stripe_intent intent = {0}, first = {0};
    struct stripe *stripe;

    cr_assert_eq(stripe_open(given_fake_stripe(), "sk_test_x", &stripe), 0);
    stripe_fault("create", "500", 1);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(stripe_create(stripe, &again, TIMEOUT_MS, &intent), -EAGAIN);
        cr_expect_eq(intent.silence, STRIPE_FAILED);
    }
    again.tries = 1;
    cr_expect_eq(stripe_create(stripe, &again, TIMEOUT_MS, &first), 0);
    cr_expect_eq(stripe_create(stripe, &again, TIMEOUT_MS, &intent), 0);
    cr_expect_str_eq(intent.id, first.id);
    again.tries = 2;
    cr_expect_eq(stripe_create(stripe, &again, TIMEOUT_MS, &intent), 0);
    cr_expect_str_neq(intent.id, first.id);
    stripe_free(stripe);
}

/* A token can be given away once: what its customer was made with stands. */
Test(stripe, a_token_is_attached_once_however_often_the_rest_is_tried)
{
    struct stripe_charge by_token = charge;
    struct stripe_intent intent = {0};
    struct stripe *stripe;

    by_token.method = "tok_1Once";
    cr_assert_eq(stripe_open(given_fake_stripe(), "sk_test_x", &stripe), 0);
    stripe_fault("customer", "500", 1);
    stripe_fault("create", "500", 1);
    cr_expect_eq(stripe_create(stripe, &by_token, TIMEOUT_MS, &intent), -EAGAIN);
    cr_expect(intent.attaching);
    by_token.tries = by_token.attach_try = 1;
    cr_expect_eq(stripe_create(stripe, &by_token, TIMEOUT_MS, &intent), -EAGAIN);
    cr_expect_not(intent.attaching);
    by_token.tries = 2;
    cr_expect_eq(stripe_create(stripe, &by_token, TIMEOUT_MS, &intent), 0, "%s", intent.message);
    stripe_free(stripe);
}

/* Else the auditor would read for ever, or take a part for the whole. */
Test(stripe, a_ledger_that_does_not_move_on_or_does_not_end_is_refused)
{
    struct stripe_intent intent = {0};
    struct stripe *stripe;
    int count = 0;

    cr_assert_eq(stripe_open(given_fake_stripe(), "sk_test_x", &stripe), 0);
    stripe_fault("list", "again", 3);
    cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, count_intent, &count), -EIO, "an empty page");
    cr_expect_eq(stripe_calls("list"), 1);

    cr_assert_eq(stripe_create(stripe, &charge, TIMEOUT_MS, &intent), 0);
    cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, count_intent, &count), -EIO, "the same page");
    cr_expect_eq(stripe_calls("list"), 3);
    cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, count_intent, &count), 0, "the fault is over");

    stripe_fault("list", "endless", 2 * STRIPE_PAGES_MAX);
    cr_expect_eq(stripe_each(stripe, TIMEOUT_MS, count_intent, &count), -EIO, "no end");
    cr_expect_eq(stripe_calls("list"), 4 + STRIPE_PAGES_MAX);
    stripe_free(stripe);
}

/* The header that Stripe would send; `secret` and `body` as signed. */
static const char *sign(const char *secret, long long at_s, const char *body)
{
    static char header[256];
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof(mac) + 1], payload[512];
    crypto_auth_hmacsha256_state state;

    snprintf(payload, sizeof(payload), "%lld.%s", at_s, body);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)payload, strlen(payload));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    snprintf(header, sizeof(header), "t=%lld,v1=%s", at_s, hex);
    return header;
}

static bool is_valid(const char *header, const char *body)
{
    return stripe_signature_is_valid(SECRET, header, body, strlen(body), NOW_S);
}

Test(stripe, a_webhook_is_ours_only_with_a_fresh_signature_over_its_body)
{
    char changed[256], several[512];

    cr_expect(is_valid(sign(SECRET, NOW_S, "{}"), "{}"));
    cr_expect(is_valid(sign(SECRET, NOW_S - 299, "{}"), "{}"));
    cr_expect(is_valid(sign(SECRET, NOW_S + 299, "{}"), "{}"));
    cr_expect_not(is_valid(sign(SECRET, NOW_S - 301, "{}"), "{}"), "too old");
    cr_expect_not(is_valid(sign(SECRET, NOW_S + 301, "{}"), "{}"), "of the future");
    cr_expect_not(is_valid(sign("another", NOW_S, "{}"), "{}"), "another secret");
    cr_expect_not(is_valid(sign(SECRET, NOW_S, "{}"), "{ }"), "another body");

    snprintf(changed, sizeof(changed), "%s", sign(SECRET, NOW_S, "{}"));
    changed[2]++;
    cr_expect_not(is_valid(changed, "{}"), "another time than was signed");
    snprintf(several, sizeof(several), "%s,v1=%064d,v0=abc", sign(SECRET, NOW_S, "{}"), 0);
    cr_expect(is_valid(several, "{}"), "several signatures while the secret is rolled");
}

Test(stripe, nonsense_is_not_a_signature)
{
    static const char *const headers[] = {
        "",
        "t=",
        "t=1",
        "v1=00",
        "t=x,v1=00",
        "t=,v1=",
        "t=1795000000",
        "t=1795000000,",
        "t=1795000000,v1=",
        "t=1795000000,v1=zz",
        "t=99999999999999999999999,v1=00",
        "t=-1,v1=00",
        "t= 1,v1=00",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++)
        cr_expect_not(is_valid(headers[i], "{}"), "%s", headers[i]);
    cr_expect_not(stripe_signature_is_valid("", sign("", NOW_S, "{}"), "{}", 2, NOW_S),
                  "without a secret nothing is valid");
}
