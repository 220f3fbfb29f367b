#ifndef TESTS_SIMULATOR_H
#define TESTS_SIMULATOR_H

/*
 * What the files of the simulator share; main.c says what it is.
 *
 *   main.c      the command line, and a process of its own for each seed
 *   world.c     one episode: who lives in it, which faults befall it, when it ends
 *   fibers.c    threads, clocks and chance: who goes on next, and when
 *   instead.c   what the services call instead of the C library
 *   process.c   a service's life: started, paused, killed, told to stop; its HTTP
 *   store.c     MongoDB: documents, conditional updates, unique indexes
 *   document.c  what a filter finds and what an update makes, in BSON
 *   bus.c       NATS JetStream: streams, publishing, watches
 *   durable.c   its durables: handing over, handling, redelivery
 *   redis.c     the delayed jobs
 *   stripe.c    intents, idempotency keys, webhooks
 *   people.c    sellers, buyers, an admin
 *   promises.c  what must hold after each step
 *   rest.c      what must have come about in the end
 *   mutants_*.c a service's pure function, made wrong on request
 */

#include "common/event.h"
#include "common/stripe.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICES_MAX  5
#define INSTANCES_MAX 3
#define SECOND_US     INT64_C(1000000)
#define MS_US         INT64_C(1000)
#define EPOCH_MS      INT64_C(1790000000000) /* when each episode begins */

/* ---- what an episode is asked to be ---- */

/* Ways of being wrong, for --break; world.c has their names. */
enum breakage {
    BREAK_NOTHING,
    BREAK_VERSION_CHECK, /* the store overlooks the version in an update's filter */
    BREAK_UNIQUE_INDEX,  /* the store overlooks the index on live orders */
    BREAK_EARLY_ACK,     /* the bus takes a message for done when it is handed over */
    BREAK_EARLY_CAPTURE, /* payments captures what is authorised without asking orders */
    BREAK_OTHERS_LOCK,   /* tickets unlocks whatever lock it finds, not only the order's own */
    BREAK_EARLY_EXPIRY,  /* orders takes a deadline for due ten seconds before */
    BREAK_OUTBOX,        /* the store forgets the event that rides in an update */
    BREAK_SWEEP,         /* what a crash left in an outbox is never found */
    BREAK_COPY_ORDER,    /* a copy takes any version for a newer one */
    BREAK_PAYMENT_INDEX, /* the store overlooks the index on live payments */
    BREAK_COUNT
};

struct options {
    uint64_t seed;
    int64_t steps_max; /* of the busy phase; 0: as long as the seed has it */
    int instances;
    enum breakage breakage;
    bool trace; /* print each step */
    bool tell;  /* remember the last steps in words, to print them when a promise breaks */
};

/* What a seed's process tells its parent. */
struct verdict {
    int64_t steps, kills, stops, faults, parked;
    int64_t requests, orders, completed, expired, withdrawn, banned, given_up;
    int64_t captured, voided, refunded, declined;
    int64_t rest_ms; /* how long it took to come to rest */
};

/* ---- world.c ---- */

/* How often what befalls the world, drawn for each seed: one in so many chances; 0: never. */
struct faults {
    int64_t kill, pause, stop;             /* steps */
    int64_t store_away, store_reply_lost;  /* calls */
    int64_t publish_lost, ack_lost;        /* publishes */
    int64_t delivery_lost, delivery_twice; /* deliveries */
    int64_t redis_away, stripe_lost, stripe_slow;
    int64_t answer_lost;    /* HTTP answers */
    int reorder;            /* of 100 deliveries, how many are not of the oldest */
    int64_t redis_ahead_ms; /* Redis's clock is wrong by so much */
    int64_t skew_ms;        /* clocks of processes are wrong by at most so much */
    bool no_keys;           /* Stripe knows no idempotency keys, like localstripe */
    int64_t by_hand;        /* a clerk at Stripe's dashboard captures what is authorised */
};

struct world {
    struct options options;
    struct verdict verdict;
    struct faults faults;
    int64_t now_us;
    int64_t steps;
    struct verdict *report;
    int64_t calm_since_us;
    bool calm; /* nothing breaks any more, and nobody begins anything */
};
extern struct world world;

/* Run one episode; exits 1 where a promise breaks. *ret_verdict (shared with the parent) is filled
 * in either case. */
void world_run(const struct options *options, struct verdict *ret_verdict);
void world_report(void); /* fill it */

/* Does a fault of this rate happen now? Never in calm. */
bool world_fault(int64_t one_in);

/* ---- fibers.c ---- */

struct process;
struct fiber;

/* A thread of `process` (NULL: of the world outside). */
struct fiber *fiber_start(struct process *process, const char *name, void *(*main)(void *),
                          void *argument);
struct process *fiber_process(void); /* of the one that runs; NULL outside */

/* A step is over: somebody else may go on, or this one die. The words are for the trace. */
void step(const char *format, ...) __attribute__((format(printf, 1, 2)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* words alone */

int64_t true_now_ms(void); /* by no process's clock */

/* What this thread does from now on is routine (it looks whether there is something to do): it is
 * in the trace, but not among the last steps that are told. */
void hush(bool hushed);

void fiber_sleep(int64_t us);

/* Wait until fiber_wake(place), or `until_us` (INT64_MAX: for ever). False: it was the time. */
bool fiber_wait(const void *place, int64_t until_us);
void fiber_wake(const void *place);
void fiber_wake_one(const void *place); /* any one of those that wait */

/* A number for each that ever was; wait until it has ended. */
uint64_t fiber_number(const struct fiber *fiber);
void fiber_join(uint64_t number);

/* No fiber of `process` ever goes on. */
void fibers_drop(const struct process *process);

/* In `us`, call `call` on the scheduler: it must neither wait nor step. Of a process: not if that
 * one has died by then. */
void later(int64_t us, struct process *process, void (*call)(void *argument), void *argument);

/* Let one fiber go on, or a call happen, or time pass. False: nothing will ever happen again. */
bool fibers_step(void);

void fibers_open(uint64_t seed);
uint64_t chance_below(uint64_t bound);        /* 0 … bound − 1 */
bool chance_one_in(int64_t n);                /* false for n <= 0 */
int64_t chance_between(int64_t a, int64_t b); /* a … b */

/* The last steps, in words, oldest first. */
void steps_print(void);

/* ---- process.c ---- */

struct process {
    const char *service;
    int number;
    char name[24]; /* "orders-1" */
    int (*main)(int argc, char **argv);
    bool alive, told_to_stop;
    int64_t paused_until_us;
    int64_t skew_us;          /* what its clock is ahead */
    unsigned int life;        /* which one this is */
    struct http_server *http; /* while it answers */
    int requests;             /* under way */
};

extern struct process processes[SERVICES_MAX * INSTANCES_MAX];
extern size_t process_count;

void processes_open(int instances);
void process_kill(struct process *process);
void process_stop(struct process *process);

/* A request from outside. `body` NULL for none; session "id role" or NULL; status 0: nobody knows
 * what became of it. Waits for the answer. */
struct request {
    const char *service, *method, *session, *key, *signature;
    char path[96];
    char body[640];
    int status;
    char answer[2048];
};
void ask(struct request *request);

/* ---- document.c ---- */

/* Whom a filter or a document names, for the trace. */
const char *document_name(const bson_t *document, char ret_id[25]);

bool document_matches(const bson_t *document, const bson_t *filter);
bson_t *document_update(const bson_t *document, const bson_t *update);
bson_t *document_of_upsert(const bson_t *filter, const bson_t *update);
void document_sort(bson_t **documents, size_t count, const bson_t *options); /* as they say */
bool document_same_key(const bson_t *a, const bson_t *b, const bson_t *keys);

/* ---- store.c ---- */

/* For those who know all: call `each` for every document of a service's collection. */
void store_look(const char *service, const char *collection,
                void (*each)(void *context, const bson_t *document), void *context);

/* The one with this id, borrowed until the next write; NULL if there is none. */
const bson_t *store_peek(const char *service, const char *collection, const char *id);

/* ---- bus.c ---- */

bool bus_is_quiet(void);                      /* every message of every durable is done with */
void bus_redeliver(void);                     /* a fault: a durable forgets what it was told */
void bus_retry_parked(void);                  /* an operator replays what was parked */
void bus_drop(const struct process *process); /* it has died: what it watched and awaited */
void bus_describe_open(char *ret_text, size_t size);

/* ---- redis.c ---- */

void redis_wipe(void);
size_t redis_timers(void);

/* ---- stripe.c ---- */

struct intent {
    struct stripe_intent seen; /* as Stripe would tell of it */
    enum { CARD_GOOD, CARD_DECLINED, CARD_ASKS } card;
    bool by_hand; /* captured by somebody at Stripe's dashboard */
};
const struct intent *stripe_intents(size_t *ret_count);
void stripe_act(size_t index, bool well); /* the buyer authenticates, well or not */
void stripe_capture_by_hand(size_t index);

/* ---- people.c ---- */

void people_open(void);
bool people_asked_to_cancel(const char *order_id);
bool people_banned(const char *user_id);       /* ever */
int64_t people_banned_us(const char *user_id); /* since when; INT64_MAX: not now */

/* ---- promises.c ---- */

/* A promise is broken: print everything and end this process. */
_Noreturn void broken(const char *promise, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void promise_write(const char *service, const char *collection, const bson_t *before,
                   const bson_t *after);
void promise_published(const char *subject, const char *id, const char *aggregate_id,
                       const char *body);
void promise_authorized(const struct intent *intent);
void promise_captured(const struct intent *intent);
void promise_canceled(const struct intent *intent, enum stripe_status was);

/* ---- rest.c ---- */

/* Is all at rest as it should be? NULL, or what is not, in words (borrowed until the next call). */
const char *promise_unrest(void);

#endif
