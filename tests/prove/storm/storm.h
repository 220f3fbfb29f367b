#ifndef TESTS_PROVE_STORM_STORM_H
#define TESTS_PROVE_STORM_STORM_H

/*
 * What the files of the kill loop share (main.c says what it is): the storm, who is out in it, and
 * what they did.
 */

#include "common/text.h"
#include "tests/bench/wire.h"
#include "tests/support/strikes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define HEADERS_BYTES 2200

enum tally {
    TALLY_OPERATIONS,
    TALLY_RESERVED,
    TALLY_REFUSED,
    TALLY_UNKNOWN,
    TALLY_PAID,
    TALLY_CANCELLED,
    TALLY_KILLS,  /* processes that were killed */
    TALLY_FAILED, /* findings: an answer 500, a service that crashed */
    TALLY_COUNT
};

enum health { HEALTHY, DEAD, STANDING };

struct history;
struct market;

struct storm {
    /* as asked for */
    const char *mode, *keep; /* `keep`: the history's file, or NULL */
    const char *only;        /* of a cluster's nodes those whose text has this in it, or NULL */
    unsigned seed;
    int64_t seconds;
    int instances;
    bool for_people; /* make chaos, make cluster: a show, and a verdict in words */

    /* as it goes */
    int64_t begun_ms, until_ms;
    atomic_bool over;
    atomic_long tallies[TALLY_COUNT];
    _Atomic(enum health) health[STRIKE_PARTS];
    struct history *history;
    struct market *market;
};

static inline void count_up(struct storm *storm, enum tally tally)
{
    atomic_fetch_add_explicit(&storm->tallies[tally], 1, memory_order_relaxed);
}

static inline long tally_of(const struct storm *storm, enum tally tally)
{
    return atomic_load_explicit(&storm->tallies[tally], memory_order_relaxed);
}

/* ---- what was done (history.c) ---- */

enum result {
    RESULT_OK,      /* it was done */
    RESULT_REFUSED, /* it was not, because of how things stand */
    RESULT_NONE,    /* it was not, for another reason; nothing follows from it */
    RESULT_UNKNOWN  /* perhaps it was, or will be */
};

struct deed {
    const char *what; /* "reserve", "cancel", "pay", "look", "list", "edit", "withdraw", "signup" */
    int who;
    const char *ticket, *order, *payment, *user, *seen; /* ids, a status; NULL for none */
    int64_t from_us, to_us, expires_us;                 /* monotonic */
    int64_t version;
    enum result result;
    int status;
};

struct history *history_open(const char *path);
struct history *history_close(struct history *history);
void history_add(struct history *history, const struct deed *deed);

/* After the storm: what the services have, into the history; and is each thing there that was
 * answered with success (P9)? The number of such answers, of which *ret_lost have no proof. The
 * first one that is lost is printed. */
long history_compare(struct history *history, long *ret_lost);

/* Of a document as read_collection gives it: a text, and an id's digits; "" for none. */
const char *document_text(const json_t *document, const char *member);
const char *document_id(const json_t *document, const char *member);

/* The last step of an order's history, {status, at, cause}; NULL for none. */
const json_t *order_last_step(const json_t *order);

/* ---- who is out in it (person.c, crowd.c) ---- */

struct person {
    struct storm *storm;
    struct wire *wire;
    unsigned dice;
    int number;
    int64_t signed_until_ms;
    char headers[HEADERS_BYTES];
};

struct person *person_new(struct storm *storm, int number);
struct person *person_free(struct person *person);

/* Each asks the edge, notes what came of it, and tells whether it was done for sure. `ticket` and
 * `order` of ID_BYTES; those that make something write its id there. */
bool person_list(struct person *person, char *ret_ticket);
bool person_edit(struct person *person, const char *ticket);
bool person_withdraw(struct person *person, const char *ticket);
bool person_reserve(struct person *person, const char *ticket, char *ret_order);
bool person_cancel(struct person *person, const char *order, const char *ticket);
bool person_pay(struct person *person, const char *order, const char *ticket, const char *card);
bool person_sign_up(struct person *person, int64_t number);
int person_sign_in(struct person *person, const char *email, const char *password); /* the status */

/* Its status by GET, into `ret_status` of 24 bytes; "" where nobody said. */
void person_look(struct person *person, const char *order, const char *ticket, char *ret_status);

/* GET something that needs no session's owner; the status, 0 if nobody answered. */
int person_browse(struct person *person, const char *path);

/* A time in the last answer's JSON, on the monotonic clock; 0 if there is none. */
int64_t person_answered_us(const struct person *person, const char *member);

/* How long somebody thinks: up to `most_ms`. */
void person_think(struct person *person, int most_ms);

/* The market: 10 sellers (persons CROWD_FIRST + 0 … 9) list 50 tickets each. */
#define CROWD_FIRST   1000
#define CROWD_TRADERS 211
void crowd_open_market(struct storm *storm);
void crowd_close_market(struct storm *storm);
void crowd_random_ticket(struct person *person, char *ret_ticket);

/* People who do `work` again and again, each on a thread, until they are called back. */
struct crowd {
    struct storm *storm;
    int count, first; /* persons first, first + 1 … */
    void (*work)(struct person *person, int i);
    pthread_t thread;
};
void crowd_send(struct crowd *crowd);
void crowd_call_back(struct crowd *crowd);

/* The work of a storm's crowd, of CROWD_TRADERS from CROWD_FIRST: the sellers, 20 rivals for what
 * each has, and a newcomer. */
void crowd_trade(struct person *person, int i);

/* The work of CROWD_DEALERS from CROWD_FIRST_DEALER: much that succeeds, and no rivals. */
#define CROWD_FIRST_DEALER 4000
#define CROWD_DEALERS      32
void crowd_deal(struct person *person, int i);

/* ---- how it is shown (screen.c) ---- */

/* One line that is rewritten on a terminal, else one every 10 s; with storm->for_people a show. */
void screen_begin(struct storm *storm);
void screen_end(struct storm *storm);

/* A line of its own, above it. */
void screen_say(struct storm *storm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- what was found (verdict.c) ---- */

struct verdict {
    const char *disagreement; /* the auditors', or NULL */
    bool linear;              /* the histories are, as far as they were judged */
    char histories[256];      /* what their checker said */
    long answers, lost;       /* answers of success, and those of them that left no trace */
    long long events;         /* in the streams */
    bool held;                /* all of it is as promised */
};

/* Wait until it is quiet, and look. Histories are judged where there are any, but not for people,
 * who may have no checker. */
void verdict_find(struct storm *storm, struct verdict *ret_verdict);

/* How late orders that ran out were ended, of those due within a time; sorted. Caller frees. */
struct lateness {
    int64_t *late_ms;
    size_t count;
};
struct lateness lateness_between(int64_t from_ms, int64_t until_ms);
int64_t lateness_at(const struct lateness *lateness, double quantile);

void screen_verdict(const struct storm *storm, const struct verdict *verdict);

/* ---- the nodes of a cluster (nodes.c) ---- */

enum node_kind { NODE_SERVICE, NODE_REDIS, NODE_NATS, NODE_MONGO };

struct node {
    enum node_kind kind;
    const char *service;
    int number;
    bool stands; /* it is to stand still, not to die */
};

/* The primary of MongoDB; for NATS who leads the stream of orders. -1 where nobody says so. */
int node_that_leads(enum node_kind kind);

/* "nats-1, leads 3 of 5 streams"; as `at`. */
const char *node_text(const struct node *node);

/* Mending returns when all nodes are there and have caught up. */
void node_strike(const struct node *node);
void node_mend(const struct node *node);
void await_all_nodes(void);

/* ---- modes: 0 proven, 1 not ---- */

int blow(struct storm *storm);               /* P1, P2, P9, P13 */
int expire(struct storm *storm);             /* P4 */
int pay_at_deadline(struct storm *storm);    /* P5 */
int start_in_any_order(struct storm *storm); /* P10 */
int go_without_stores(struct storm *storm);  /* P11 */
int stop_gracefully(struct storm *storm);    /* P12 */
int strike_cluster(struct storm *storm);     /* P11, P13 */

/* A line of the table of promises, on standard output. */
void promise(const struct storm *storm, const char *name, bool ok, const char *target,
             const char *measured, ...) __attribute__((format(printf, 5, 6)));

/* The command that runs this again; as `at`. */
const char *replay_command(const struct storm *storm);

#endif
