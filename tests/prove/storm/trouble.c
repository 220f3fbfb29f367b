/*
 * Starts in any order (P10), outages (P11), graceful stops under load (P12).
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES    5
#define STORES      3
#define GAP_MS      300
#define READY_MS    5000
#define NEEDED_MS   60000
#define PROBES      12
#define FIRST_PROBE 6000
#define PROBES_MS   100
#define GRACE_MS    1000 /* the first moment without a store */
#define ASKERS      8
#define FIRST_ASKER 7000
#define STOPS       100
#define STOPPERS    2 /* instances of each, at least: one goes on while the other stops */

static const enum given_store_kind stores[STORES] = {GIVEN_MONGO, GIVEN_NATS, GIVEN_REDIS};

/* ---- P10 ---- */

static void end_all(void)
{
    for (int part = 0; part < SERVICES; part++)
        kill_service(strike_part_name(part), 0);
    for (int i = 0; i < STORES; i++)
        kill_store(stores[i]);
}

/* A seller lists something, a buyer gets it: it has not only started. */
static void expect_a_sale(struct storm *storm)
{
    struct person *seller = person_new(storm, 1), *buyer = person_new(storm, 2);
    int64_t deadline = instant_monotonic() + NEEDED_MS;
    char ticket[ID_BYTES] = "", order[ID_BYTES] = "";
    bool sold = false;

    while (!person_list(seller, ticket) && instant_monotonic() < deadline)
        person_think(seller, PROBES_MS);
    while (!person_reserve(buyer, ticket, order) && instant_monotonic() < deadline)
        person_think(buyer, PROBES_MS);
    while (order[0] && !sold && instant_monotonic() < deadline) {
        sold = person_pay(buyer, order, ticket, "tok_visa");
        person_think(buyer, PROBES_MS);
    }
    person_free(seller);
    person_free(buyer);
    cr_assert(sold, "nothing can be bought");
}

/* All 40,320 orders of eight would take days. What goes wrong goes wrong between two or three of
 * them, so the orders of any three are counted (a covering array of strength 3). */
#define TRIPLES (STRIKE_PARTS * (STRIKE_PARTS - 1) * (STRIKE_PARTS - 2))

struct orders_tried {
    bool seen[STRIKE_PARTS][STRIKE_PARTS][STRIKE_PARTS];
    int triples, starts;
};

static void note_order(struct orders_tried *tried, const int order[STRIKE_PARTS])
{
    tried->starts++;
    for (int i = 0; i < STRIKE_PARTS; i++)
        for (int j = i + 1; j < STRIKE_PARTS; j++)
            for (int k = j + 1; k < STRIKE_PARTS; k++) {
                bool *seen = &tried->seen[order[i]][order[j]][order[k]];

                tried->triples += !*seen;
                *seen = true;
            }
}

static void roll_order(unsigned *dice, int ret_order[STRIKE_PARTS])
{
    for (int i = 0; i < STRIKE_PARTS; i++) {
        int other = rand_r(dice) % (i + 1);

        ret_order[i] = ret_order[other];
        ret_order[other] = i;
    }
}

/* Start all in this order; how long after the last store it was all ready. */
static int64_t start_all(struct storm *storm, const int order[STRIKE_PARTS], unsigned *dice)
{
    int left = STORES;
    int64_t stores_ms = 0;
    char text[128] = "";

    for (int i = 0; i < STRIKE_PARTS; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
                 strike_part_name(order[i]));
    screen_say(storm, "start%s", text);
    for (int i = 0; i < STRIKE_PARTS; i++) {
        if (order[i] < SERVICES) {
            launch_service(strike_part_name(order[i]), 0);
        } else {
            revive_store(stores[order[i] - SERVICES], /* wiped= */ false);
            left--;
        }
        if (left == 0 && stores_ms == 0)
            stores_ms = instant_monotonic();
        if (left > 0) /* what is started after the last store would only make it later */
            poll(NULL, 0, rand_r(dice) % GAP_MS);
    }
    for (int part = 0; part < SERVICES; part++)
        await_launched(strike_part_name(part), 0);
    return instant_monotonic() - stores_ms;
}

int start_in_any_order(struct storm *storm)
{
    int64_t latest_ms = 0;
    struct orders_tried tried = {.starts = 0};
    unsigned dice = storm->seed;
    struct verdict verdict;
    bool kept;

    given_system(&(struct system_options){.own_mongo = true});
    storm->begun_ms = instant_monotonic();
    screen_begin(storm);
    while (tried.starts == 0 || instant_monotonic() < storm->begun_ms + storm->seconds * 1000) {
        int order[STRIKE_PARTS];
        int64_t ready_ms;

        end_all();
        roll_order(&dice, order);
        note_order(&tried, order);
        ready_ms = start_all(storm, order, &dice);
        latest_ms = ready_ms > latest_ms ? ready_ms : latest_ms;
        expect_a_sale(storm);
    }
    verdict_find(storm, &verdict);
    kept = latest_ms <= READY_MS && verdict.held;
    promise(storm, "P10", kept, "ready <= 5 s after the last store, all orders tried",
            "%.2f s at worst in %d starts: %d of the %d orders of any three, a sale after each",
            (double)latest_ms / 1000, tried.starts, tried.triples, TRIPLES);
    return kept ? 0 : 1;
}

/* ---- P11 ---- */

enum probe { BROWSES, SIGNS_IN, IS_SIGNED_IN, RESERVES, PROBE_COUNT };

/* What has to go on while a store is away; the rest has to say that it does not. */
static const struct {
    const char *store;
    bool goes_on[PROBE_COUNT];
} outages[STORES] = {
    {"MongoDB", {[IS_SIGNED_IN] = true}},
    {"NATS", {[BROWSES] = true, [SIGNS_IN] = true, [IS_SIGNED_IN] = true, [RESERVES] = true}},
    {"Redis", {[BROWSES] = true, [SIGNS_IN] = true, [IS_SIGNED_IN] = true, [RESERVES] = true}},
};

static struct {
    atomic_bool counts;
    atomic_long tried[PROBE_COUNT], done[PROBE_COUNT];
} probes;

/* Was it answered as a working service does? */
static bool probe_one(struct person *person, enum probe probe)
{
    char ticket[ID_BYTES], order[ID_BYTES];

    switch (probe) {
    case BROWSES: return person_browse(person, "/api/tickets?limit=10") == 200;
    case SIGNS_IN: return person_sign_in(person, SYSTEM_ADMIN_EMAIL, SYSTEM_ADMIN_PASSWORD) == 200;
    case IS_SIGNED_IN: return person_browse(person, "/api/users/currentuser") == 200;
    case RESERVES:
        crowd_random_ticket(person, ticket);
        if (person_reserve(person, ticket, order)) {
            person_cancel(person, order, ticket);
            return true;
        }
        return person->wire->status == 400; /* somebody else has it, or it is sold */
    case PROBE_COUNT: break;
    }
    return false;
}

static void try_all(struct person *person, int i)
{
    enum probe probe = (enum probe)(i % PROBE_COUNT);
    bool counted = atomic_load(&probes.counts), done = probe_one(person, probe);

    if (counted && atomic_load(&probes.counts)) {
        atomic_fetch_add(&probes.tried[probe], 1);
        atomic_fetch_add(&probes.done[probe], done);
    }
    person_think(person, PROBES_MS);
}

/* All that has to go on was tried, and did. */
static bool promise_outage(struct storm *storm, int store, int64_t healed_ms)
{
    static const char *const names[] = {"browsed", "signed in", "were known", "reserved"};
    bool kept = service_that_died() == NULL && tally_of(storm, TALLY_FAILED) == 0;
    char text[256] = "";

    for (int i = 0; i < PROBE_COUNT; i++) {
        long tried = atomic_exchange(&probes.tried[i], 0);
        long done = atomic_exchange(&probes.done[i], 0);

        if (!outages[store].goes_on[i])
            continue;
        kept = kept && tried > 0 && done == tried;
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%ld of %ld %s, ", done, tried,
                 names[i]);
    }
    promise(storm, "P11", kept, "each store away under load: no crash, what can go on does",
            "%s away for %lld s: %sa sale %.1f s after", outages[store].store,
            (long long)storm->seconds / STORES, text, (double)healed_ms / 1000);
    return kept;
}

int go_without_stores(struct storm *storm)
{
    struct crowd crowd = {storm, PROBES, FIRST_PROBE, try_all, 0};
    struct verdict verdict;
    bool kept = true;

    given_system(&(struct system_options){.instances = storm->instances, .own_mongo = true});
    crowd_open_market(storm);
    expect_a_sale(storm);
    storm->begun_ms = instant_monotonic();
    screen_begin(storm);
    crowd_send(&crowd);
    for (int i = 0; i < STORES; i++) {
        int64_t back_ms;

        screen_say(storm, "kill %s, for %lld s", outages[i].store,
                   (long long)storm->seconds / STORES);
        kill_store(stores[i]);
        count_up(storm, TALLY_KILLS);
        poll(NULL, 0, GRACE_MS);
        atomic_store(&probes.counts, true);
        poll(NULL, 0, (int)(storm->seconds * 1000 / STORES));
        atomic_store(&probes.counts, false);
        revive_store(stores[i], /* wiped= */ false);
        back_ms = instant_monotonic();
        expect_a_sale(storm);
        kept = promise_outage(storm, i, instant_monotonic() - back_ms) && kept;
    }
    crowd_call_back(&crowd);
    verdict_find(storm, &verdict);
    crowd_close_market(storm);
    return kept && verdict.held ? 0 : 1;
}

/* ---- P12 ---- */

static atomic_long refused; /* answers that a working system does not give */

static void ask_on(struct person *person, int i)
{
    char ticket[ID_BYTES];
    bool done = i % 2 == 0 ? person_list(person, ticket)
                           : person_browse(person, i % 4 == 1 ? "/api/orders"
                                                              : "/api/users/currentuser") == 200;

    if (!done) {
        atomic_fetch_add(&refused, 1);
        screen_say(person->storm, "not answered as it should be (%d)", person->wire->status);
    }
}

int stop_gracefully(struct storm *storm)
{
    int instances = storm->instances > STOPPERS ? storm->instances : STOPPERS, stops = 0;
    struct crowd crowd = {storm, ASKERS, FIRST_ASKER, ask_on, 0};
    struct verdict verdict;
    bool kept;

    given_system(&(struct system_options){
        .instances = instances, .own_mongo = true, .env = {"HTTP_WORKERS=32"}});
    storm->begun_ms = instant_monotonic();
    screen_begin(storm);
    crowd_send(&crowd);
    for (; stops < STOPS && instant_monotonic() < storm->begun_ms + storm->seconds * 1000;
         stops++) {
        const char *name = strike_part_name(stops % SERVICES);
        int instance = stops / SERVICES % instances;

        stop_service(name, instance);
        start_service(name, instance);
    }
    crowd_call_back(&crowd);
    verdict_find(storm, &verdict);
    kept = atomic_load(&refused) == 0 && verdict.held;
    promise(storm, "P12", kept, "100 x SIGTERM under load: 0 requests lost",
            "%ld of %ld requests lost in %d stops", atomic_load(&refused),
            tally_of(storm, TALLY_OPERATIONS), stops);
    return kept ? 0 : 1;
}
