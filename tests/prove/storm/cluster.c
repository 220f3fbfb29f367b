/*
 * A cluster of which each node dies in turn, under a load that a small machine can carry: how long
 * does nobody get anywhere, and is anything lost?
 *
 * Four things are done all the time, by people who each do it again as soon as it is done: to
 * browse, to sign in, to reserve a ticket, and to buy one, from its listing to its order being
 * complete, which takes every service and every stream. The stall of each is the longest time in
 * which nobody at all did it. Whoever was unlucky waits for longer: what a process had in hand when
 * it died is given to another one after BUS_ACK_WAIT_MS, perhaps more than once on a purchase's
 * way. So the slowest purchase is shown beside it.
 *
 * A node is away until all four go on without it, and then comes back: that must not stall either.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"

#include <poll.h>
#include <string.h>

#define SERVICES     5
#define INSTANCES    3
#define BROWSERS     2
#define SIGNERS      1
#define BUYERS       8
#define PEOPLE       (BROWSERS + SIGNERS + BUYERS)
#define FIRST_PERSON 8000
#define FIRST_SELLER 8100
#define THINK_MS     40
#define PATIENCE_MS  60000
#define CALM_MS      4000
#define SHORT_MS     2500 /* a node is away at least so long: a service, a store, one that stands */
#define LONG_MS      6000
#define STANDS_MS    9000
#define FLOWING_MS   1000  /* what was done so lately goes on */
#define STUCK_MS     45000 /* and is not waited for any longer */
#define STALL_MS     10000 /* the promise */

enum flow { BROWSE, SIGN_IN, RESERVE, BUY, FLOWS };

/* What was done since the row began, under `lock`. */
static struct {
    pthread_mutex_t lock;
    int64_t last_ms[FLOWS], gap_ms[FLOWS];
    int64_t slowest_ms; /* of the purchases */
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the load ---- */

static void done(enum flow flow, int64_t took_ms)
{
    int64_t now_ms = instant_monotonic(), gap_ms;

    pthread_mutex_lock(&watch.lock);
    gap_ms = now_ms - watch.last_ms[flow];
    watch.last_ms[flow] = now_ms;
    if (gap_ms > watch.gap_ms[flow])
        watch.gap_ms[flow] = gap_ms;
    if (took_ms > watch.slowest_ms)
        watch.slowest_ms = took_ms;
    pthread_mutex_unlock(&watch.lock);
}

static bool goes_on(const struct person *person, int64_t begun_ms)
{
    return !atomic_load(&person->storm->over) && instant_monotonic() - begun_ms < PATIENCE_MS;
}

static bool list(struct person *seller, int64_t begun_ms, char *ret_ticket)
{
    while (!person_list(seller, ret_ticket)) {
        if (!goes_on(seller, begun_ms))
            return false;
        person_think(seller, THINK_MS);
    }
    return true;
}

/* False too where somebody else seems to have it: this person, by an order whose answer was lost.
 */
static bool reserve(struct person *buyer, int64_t begun_ms, const char *ticket, char *ret_order)
{
    while (!person_reserve(buyer, ticket, ret_order)) {
        if (buyer->wire->status == 400 || !goes_on(buyer, begun_ms))
            return false;
        person_think(buyer, THINK_MS);
    }
    done(RESERVE, 0);
    return true;
}

/* To pay again for what is being paid goes on with the first payment. */
static bool pay_for(struct person *buyer, int64_t begun_ms, const char *order, const char *ticket)
{
    while (!person_pay(buyer, order, ticket, "tok_visa")) {
        if (buyer->wire->status == 400 || !goes_on(buyer, begun_ms))
            return false;
        person_think(buyer, THINK_MS);
    }
    return true;
}

static void buy(struct person *buyer, struct person *seller)
{
    char ticket[ID_BYTES], order[ID_BYTES], status[24] = "";
    int64_t begun_ms = instant_monotonic();

    if (!list(seller, begun_ms, ticket) || !reserve(buyer, begun_ms, ticket, order) ||
        !pay_for(buyer, begun_ms, order, ticket))
        return;
    while (strcmp(status, "complete") != 0 && strcmp(status, "cancelled") != 0) {
        if (!goes_on(buyer, begun_ms))
            return;
        person_think(buyer, THINK_MS);
        person_look(buyer, order, ticket, status);
    }
    if (strcmp(status, "complete") == 0)
        done(BUY, instant_monotonic() - begun_ms);
}

static void do_ones_thing(struct person *person, int i)
{
    if (i < BROWSERS) {
        if (person_browse(person, "/api/tickets?limit=10") == 200)
            done(BROWSE, 0);
        person_think(person, THINK_MS);
    } else if (i < BROWSERS + SIGNERS) {
        if (person_sign_in(person, SYSTEM_ADMIN_EMAIL, SYSTEM_ADMIN_PASSWORD) == 200)
            done(SIGN_IN, 0);
        person_think(person, THINK_MS);
    } else {
        struct person *seller = person_new(person->storm, FIRST_SELLER + i);

        buy(person, seller);
        person_free(seller);
    }
}

/* ---- rows of the table ---- */

struct row {
    char what[64];
    int64_t stall_ms; /* the longest of the four */
    long errors;
};

struct table {
    struct storm *storm;
    struct row worst;
    int rows;
};

static void begin_row(struct table *table, const char *what, long *ret_errors)
{
    int64_t now_ms = instant_monotonic();

    fprintf(stderr, "  %-44s", what);
    *ret_errors = tally_of(table->storm, TALLY_UNKNOWN);
    pthread_mutex_lock(&watch.lock);
    for (int i = 0; i < FLOWS; i++) {
        watch.last_ms[i] = now_ms;
        watch.gap_ms[i] = 0;
    }
    watch.slowest_ms = 0;
    pthread_mutex_unlock(&watch.lock);
}

static void end_row(struct table *table, const char *what, long errors)
{
    struct row row = {.errors = tally_of(table->storm, TALLY_UNKNOWN) - errors};
    int64_t now_ms = instant_monotonic();

    snprintf(row.what, sizeof(row.what), "%s", what);
    pthread_mutex_lock(&watch.lock);
    for (int i = 0; i < FLOWS; i++) {
        int64_t open_ms = now_ms - watch.last_ms[i]; /* nobody has done it yet */
        int64_t gap_ms = open_ms > watch.gap_ms[i] ? open_ms : watch.gap_ms[i];

        row.stall_ms = gap_ms > row.stall_ms ? gap_ms : row.stall_ms;
        fprintf(stderr, "%8.2f", (double)gap_ms / 1000);
    }
    fprintf(stderr, "%10.2f%8ld%s\n", (double)watch.slowest_ms / 1000, row.errors,
            row.stall_ms > STALL_MS ? "  TOO LONG" : "");
    pthread_mutex_unlock(&watch.lock);
    if (row.stall_ms > table->worst.stall_ms)
        table->worst = row;
    table->rows++;
}

/* Wait at least so long, and until all four go on. */
static void let_flow(int64_t least_ms)
{
    int64_t begun_ms = instant_monotonic(), now_ms;
    bool flowing = false;

    while (!flowing && (now_ms = instant_monotonic()) < begun_ms + STUCK_MS) {
        poll(NULL, 0, THINK_MS);
        flowing = now_ms >= begun_ms + least_ms;
        pthread_mutex_lock(&watch.lock);
        for (int i = 0; i < FLOWS; i++)
            flowing = flowing && now_ms - watch.last_ms[i] < FLOWING_MS;
        pthread_mutex_unlock(&watch.lock);
    }
}

static void strike_node(struct table *table, struct node node)
{
    int64_t away_ms = node.stands ? STANDS_MS : node.kind == NODE_SERVICE ? SHORT_MS : LONG_MS;
    const char *died = service_that_died();
    char what[64];
    long errors;

    snprintf(what, sizeof(what), "%s%s", node.stands ? "(stands still) " : "", node_text(&node));
    cr_assert_null(died, "%s ended by itself", died);
    if (table->storm->only && !strstr(what, table->storm->only))
        return;
    begin_row(table, what, &errors);
    node_strike(&node);
    count_up(table->storm, TALLY_KILLS);
    let_flow(away_ms);
    node_mend(&node);
    let_flow(FLOWING_MS);
    end_row(table, what, errors);
}

/* Whoever leads dies first; the others after, when one of them leads. */
static void strike_each(struct table *table, enum node_kind kind)
{
    int first = node_that_leads(kind);

    for (int i = 0; i < STORE_NODES; i++)
        strike_node(table, (struct node){.kind = kind, .number = (first + i) % STORE_NODES});
}

static void strike_all(struct table *table)
{
    long errors;

    begin_row(table, "nothing", &errors);
    let_flow(CALM_MS);
    end_row(table, "nothing", errors);
    for (int i = 0; i < SERVICES; i++)
        strike_node(table, (struct node){.kind = NODE_SERVICE,
                                         .service = strike_part_name(i),
                                         .number = i % INSTANCES});
    strike_node(table, (struct node){.kind = NODE_REDIS});
    strike_each(table, NODE_NATS);
    strike_each(table, NODE_MONGO);
    strike_node(table, (struct node){.kind = NODE_SERVICE, .service = "orders", .stands = true});
    strike_node(
        table,
        (struct node){.kind = NODE_NATS, .number = node_that_leads(NODE_NATS), .stands = true});
    strike_node(
        table,
        (struct node){.kind = NODE_MONGO, .number = node_that_leads(NODE_MONGO), .stands = true});
}

static bool promise_survival(const struct table *table, const struct verdict *verdict)
{
    const struct row *worst = &table->worst;
    const struct storm *storm = table->storm;
    bool soon = worst->stall_ms <= STALL_MS;

    promise(storm, "P11", soon, "any one node of a cluster dies: a stall of at most 10 s",
            "%.1f s at worst (%s), %d nodes struck, %ld bought", (double)worst->stall_ms / 1000,
            worst->what, table->rows - 1, tally_of(storm, TALLY_PAID));
    promise(storm, "P13", verdict->held, "any one node of a cluster dies: nothing is lost",
            "%ld of %ld answers lost, %lld events; %s", verdict->lost, verdict->answers,
            verdict->events, verdict->disagreement ? verdict->disagreement : "the auditors agree");
    return soon && verdict->held;
}

int strike_cluster(struct storm *storm)
{
    struct crowd crowd = {storm, PEOPLE, FIRST_PERSON, do_ones_thing, 0};
    struct table table = {.storm = storm};
    struct verdict verdict;

    given_system(&(struct system_options){
        .instances = INSTANCES, .clusters = true, .env = {"LOCK_SECONDS=90"}});
    await_all_nodes();
    storm->begun_ms = instant_monotonic();
    fprintf(stderr, "  %-44s%32s%10s%8s\n  %-44s%8s%8s%8s%8s%10s%8s\n", "",
            "nobody could, for seconds", "slowest", "errors", "killed", "browse", "sign in",
            "reserve", "buy", "purchase", "");
    crowd_send(&crowd);
    strike_all(&table);
    crowd_call_back(&crowd);
    verdict_find(storm, &verdict);
    if (storm->for_people) {
        screen_verdict(storm, &verdict);
        return verdict.held && table.worst.stall_ms <= STALL_MS ? 0 : 1;
    }
    return promise_survival(&table, &verdict) ? 0 : 1;
}
