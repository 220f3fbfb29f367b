/*
 * When holds end (P4), and who wins at the last moment (P5).
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"
#include "tests/support/audit.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define WALKERS      20
#define WALKERS_MS   800
#define FIRST_WALKER 4000
#define BREATH_MS    1000
#define PAYERS       40
#define FIRST_PAYER  5000
#define AROUND_US    50000
#define DEADLINES    5000 /* that many will do */
#define HEARD_MS     200

/* ---- P4 ---- */

static void hold_and_walk_away(struct person *person, int i)
{
    char ticket[ID_BYTES], order[ID_BYTES];

    (void)i;
    crowd_random_ticket(person, ticket);
    person_reserve(person, ticket, order);
    person_think(person, WALKERS_MS);
}

struct phase {
    const char *name, *target;
    int64_t late_ms; /* at most */
    void (*strike)(struct storm *storm, unsigned *dice);
};

static void strike_nothing(struct storm *storm, unsigned *dice)
{
    (void)storm;
    poll(NULL, 0, rand_r(dice) % BREATH_MS);
}

static void strike_with(struct storm *storm, const struct strike *strike)
{
    screen_say(storm, "%s", strike_text(strike));
    strike_begin(strike);
    count_up(storm, TALLY_KILLS);
    poll(NULL, 0, strike->away_ms);
    strike_end(strike);
}

static void strike_one(struct storm *storm, unsigned *dice)
{
    struct strike strike = strike_at_random(
        dice, &(struct strike_rules){.instances = storm->instances, .spare_stores = true});

    strike.kills = true;
    strike_with(storm, &strike);
    poll(NULL, 0, BREATH_MS + rand_r(dice) % BREATH_MS);
}

static void wipe_redis(struct storm *storm, unsigned *dice)
{
    struct strike strike = {
        .victims = {{.part = STRIKE_PARTS - 1}}, .count = 1, .kills = true, .wipes = true};

    strike_with(storm, &strike);
    poll(NULL, 0, 4 * BREATH_MS + rand_r(dice) % BREATH_MS);
}

static const struct phase phases[] = {
    {"calm", "p99 <= 2 s late in calm", 2000, strike_nothing},
    {"one process killed", "<= 35 s late with one process killed", 35000, strike_one},
    {"Redis wiped", "<= 75 s late with Redis wiped", 75000, wipe_redis},
};

/* The calm promise is one of the 99th percentile, those of trouble are of the latest. */
static bool promise_lateness(struct storm *storm, const struct phase *phase, int64_t from_ms,
                             int64_t until_ms)
{
    struct lateness lateness = lateness_between(from_ms, until_ms);
    int64_t p99_ms = lateness_at(&lateness, 0.99), most_ms = lateness_at(&lateness, 1);
    int64_t worst_ms = phase == phases ? p99_ms : most_ms;
    bool kept = lateness.count > 0 && worst_ms <= phase->late_ms && lateness_at(&lateness, 0) >= 0;

    promise(storm, "P4", kept, phase->target,
            "%s: p99 %.2f s, latest %.2f s, earliest %.3f s of %zu", phase->name,
            (double)p99_ms / 1000, (double)most_ms / 1000, (double)lateness_at(&lateness, 0) / 1000,
            lateness.count);
    free(lateness.late_ms);
    return kept;
}

int expire(struct storm *storm)
{
    struct crowd crowd = {storm, WALKERS, FIRST_WALKER, hold_and_walk_away, 0};
    int64_t bounds_ms[ARRAY_LENGTH(phases) + 1] = {0};
    unsigned dice = storm->seed;
    struct verdict verdict;
    bool kept = true;

    given_system(&(struct system_options){
        .instances = storm->instances, .own_mongo = true, .env = {"LOCK_SECONDS=3"}});
    crowd_open_market(storm);
    storm->begun_ms = instant_monotonic();
    screen_begin(storm);
    crowd_send(&crowd);
    for (size_t i = 0; i < ARRAY_LENGTH(phases); i++) {
        int64_t until_ms = storm->begun_ms + storm->seconds * 1000 * (int64_t)(i + 1) / 3;

        bounds_ms[i] = instant_now();
        while (instant_monotonic() < until_ms)
            phases[i].strike(storm, &dice);
    }
    bounds_ms[ARRAY_LENGTH(phases)] = INT64_MAX;
    crowd_call_back(&crowd);
    verdict_find(storm, &verdict);
    for (size_t i = 0; i < ARRAY_LENGTH(phases); i++)
        kept = promise_lateness(storm, &phases[i], bounds_ms[i], bounds_ms[i + 1]) && kept;
    crowd_close_market(storm);
    return kept && verdict.held ? 0 : 1;
}

/* ---- P5 ---- */

/* Somebody's own ticket, so that nobody is in the way; the order, and when it runs out. */
static bool hold_a_ticket(struct person *payer, char *ret_ticket, char *ret_order,
                          int64_t *ret_due_us)
{
    struct person *seller = person_new(payer->storm, payer->number + PAYERS);
    bool held = person_list(seller, ret_ticket);

    person_free(seller);
    for (int i = 0; held && i < HEARD_MS; i++) {
        if (person_reserve(payer, ret_ticket, ret_order)) {
            *ret_due_us = person_answered_us(payer, "expiresAt");
            return true;
        }
        if (payer->wire->status != 404)
            return false;
        poll(NULL, 0, 1);
    }
    return false;
}

static void pay_in_the_last_moment(struct person *payer, int i)
{
    char ticket[ID_BYTES], order[ID_BYTES], status[24];
    int64_t due_us, pay_us, left_us;

    (void)i;
    if (tally_of(payer->storm, TALLY_RESERVED) >= DEADLINES) {
        person_think(payer, BREATH_MS);
        return;
    }
    if (!hold_a_ticket(payer, ticket, order, &due_us))
        return;
    pay_us = due_us - AROUND_US + rand_r(&payer->dice) % (2 * AROUND_US);
    while ((left_us = pay_us - instant_monotonic_us()) > 0)
        poll(NULL, 0, (int)(left_us / 1000));
    person_pay(payer, order, ticket, "tok_visa");
    person_look(payer, order, ticket, status);
}

/* What became of the orders, as orders and payments have it in the end. */
struct ends {
    long paid, expired, others, both;
};

static struct ends ends_of_orders(void)
{
    json_t *orders = read_collection("orders", "orders"), *order;
    json_t *payments = read_collection("payments", "payments"), *payment;
    json_t *paid_for = json_object();
    struct ends ends = {0};
    const char *id;

    json_object_foreach(payments, id, payment)
    {
        if (strcmp(document_text(payment, "status"), "captured") == 0)
            json_object_set_new(paid_for, document_id(payment, "orderId"), json_true());
    }
    json_object_foreach(orders, id, order)
    {
        bool expired = strcmp(document_text(order_last_step(order), "cause"), "expired") == 0;

        if (strcmp(document_text(order, "status"), "complete") == 0)
            ends.paid++;
        else if (expired)
            ends.expired++;
        else
            ends.others++;
        ends.both += expired && json_object_get(paid_for, id) != NULL;
    }
    json_decref(orders);
    json_decref(payments);
    json_decref(paid_for);
    return ends;
}

int pay_at_deadline(struct storm *storm)
{
    struct crowd crowd = {storm, PAYERS, FIRST_PAYER, pay_in_the_last_moment, 0};
    struct lateness expired;
    struct verdict verdict;
    struct ends ends;
    bool kept;

    given_system(&(struct system_options){.instances = storm->instances,
                                          .own_mongo = true,
                                          .env = {"LOCK_SECONDS=1", "HTTP_WORKERS=32"}});
    storm->begun_ms = instant_monotonic();
    screen_begin(storm);
    crowd_send(&crowd);
    while (instant_monotonic() < storm->begun_ms + storm->seconds * 1000 &&
           tally_of(storm, TALLY_RESERVED) < DEADLINES)
        poll(NULL, 0, BREATH_MS);
    crowd_call_back(&crowd);
    verdict_find(storm, &verdict);
    expired = lateness_between(0, INT64_MAX);
    ends = ends_of_orders();
    /* Both have to have won now and then, or nothing was tried. */
    kept = verdict.held && ends.both == 0 && ends.expired > 0 && ends.paid > 0 &&
           lateness_at(&expired, 0) >= 0;
    promise(
        storm, "P5", kept, "pay at the deadline +- 50 ms x 5,000: 0 both paid and expired",
        "%ld of %ld: %ld paid in time, %ld ran out, %ld otherwise, %lld ms too early at worst%s",
        ends.both, ends.paid + ends.expired + ends.others, ends.paid, ends.expired, ends.others,
        (long long)(lateness_at(&expired, 0) < 0 ? -lateness_at(&expired, 0) : 0),
        verdict.held ? "" : "; the auditors disagree");
    free(expired.late_ms);
    return kept ? 0 : 1;
}
