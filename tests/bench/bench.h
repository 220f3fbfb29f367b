#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

/*
 * What the bench's files share: the running stack, and the rows of its table.
 */

#include "common/session.h"
#include "common/store.h"
#include "tests/bench/load.h"
#include "tests/bench/wire.h"

#define BENCH_TICKETS_MAX 200000
#define BENCH_ROUNDS_MAX  9

struct bench {
    const char *mongo_uri, *nats_url, *redis_url, *jwt_key, *password, *email;
    int64_t auth_port, tickets_port, orders_port, payments_port, expiration_port;
    int64_t mongo_port, nats_port, redis_port, stripe_port, client_port;
    struct session_config session;
    struct store *tickets, *orders, *scratch;
    char ticket_id[ID_BYTES]; /* one that is read again and again */
    char (*supply)[ID_BYTES]; /* tickets to be ordered */
    size_t supply_count;
    _Atomic size_t supply_next;
    _Atomic int64_t people; /* users made up so far */
    int return_port;        /* nginx that only says "return 200" */
};

/* One row: ours, its limit in the same run, and the aim for their ratio. */
struct row {
    const char *name, *limit_name;
    int threads;
    bool (*begin)(struct load_worker *worker);
    bool (*work)(struct load_worker *worker);
    void (*end)(struct load_worker *worker);
    bool (*limit_begin)(struct load_worker *worker);
    bool (*limit_work)(struct load_worker *worker);
    void (*limit_end)(struct load_worker *worker);
    size_t port_offset;  /* of the service whose CPU counts, in struct bench */
    bool limit_is_nginx; /* then nginx's CPU counts for the limit; else the bench's own */
    int64_t supply;      /* tickets that it uses up in a second, at most */
    bool by_cpu;         /* the ratio is of CPU, and shall be at most `aim`; else of throughput */
    double aim;          /* 0: none */
    double aim_per_second;
};

extern const struct row bench_rows[];
extern const size_t bench_row_count;

struct options {
    int64_t rounds, seconds;
    const char *only; /* rows whose name holds this; "" for all */
};

/* Measure all rows and print the table; nginx is the pid of the one for the limits. */
void table_print(struct bench *bench, const struct options *options, pid_t nginx);

/* Wait until nothing of what ran before is still being worked on. */
void table_wait_quiet(const struct bench *bench);

/* Print resident memory: as it is now, and while each serves 64 connections. */
void memory_print_idle(const struct bench *bench);
void memory_print_busy(struct bench *bench);

/* Make what the rows need: a session, tickets. False: the stack is not as it should be. */
bool bench_prepare(struct bench *bench);

/* See to it that at least `count` tickets can be ordered, known to orders. */
bool bench_supply(struct bench *bench, size_t count);

/* A Cookie header line for somebody new. Caller frees. */
char *bench_cookie(struct bench *bench);

/* Bare loops of the libraries, for the limits. */
bool raw_begin(struct load_worker *worker);
void raw_end(struct load_worker *worker);
bool raw_find(struct load_worker *worker);
bool raw_list(struct load_worker *worker);
bool raw_insert(struct load_worker *worker);
bool raw_hash(struct load_worker *worker);
bool return_begin(struct load_worker *worker);
bool return_work(struct load_worker *worker);
void return_end(struct load_worker *worker);

/* Delays, in milliseconds, into `samples`; how many could be measured. */
size_t measure_propagation(struct bench *bench, double *samples, size_t most);
size_t measure_expiry(struct bench *bench, double *samples, size_t most);
size_t measure_start(struct bench *bench, double *samples, size_t most);

/* Print how fast events leave: our relay, and nats.c alone, into a stream of the bench's own. */
void publish_print(struct bench *bench, int64_t seconds);

/* Print what open event streams cost. */
void streams_print(struct bench *bench);

/* A loopback port that nobody listens on. */
int free_port(void);

/* An operation of each row, where others need it too. */
bool begin_tickets(struct load_worker *worker);
bool work_create_ticket(struct load_worker *worker);
void client_end(struct load_worker *worker);

/* nginx with one location, on a free port; its worker's pid. */
pid_t return_start(struct bench *bench);
void return_stop(pid_t pid);

#endif
