#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H

/*
 * Stories: the whole system as a buyer and a seller meet it. All five services, the stores, the
 * local Stripe and the edge run for one test alone (only mongod is shared, with databases of its
 * own); the test speaks HTTP to the edge, breaks things, and looks at what came of it.
 *
 *     given_system(NULL);
 *     as_user("sue");
 *     ticket = given_ticket("Opera, row 5", 42.50);
 *     as_user("bob");
 *     order = given_order(ticket);
 *     expect_status(pay(order, "tok_visa"), 201);
 *     await_status("/api/orders", order, "complete");
 *     expect_all_is_well();
 *
 * Verbs fail the test with a reason. Questions are answered as in one_service.h, whose expect_… and
 * answer_… are used on them; texts and answers live until the test ends. Only what is marked so may
 * be called from other threads than the test's own.
 */

#include "tests/support/one_service.h"

#define INSTANCES_MAX 3

/* ---- the system (system.c) ---- */

#define SYSTEM_ADMIN_EMAIL    "admin@example.com"
#define SYSTEM_ADMIN_PASSWORD "admin password"

struct system_options {
    int instances;      /* of each service; 0 counts as 1 */
    bool own_mongo;     /* a mongod that can be killed */
    bool clusters;      /* three mongods and three nats-servers (given_clusters); own, too */
    bool rate_limits;   /* as in production; off otherwise */
    bool client;        /* the web client too (client.h); the edge knows the local Stripe then */
    bool ops;           /* `ticketctl serve` too, behind the edge at /api/ops */
    const char *absent; /* a service that is not started yet, or NULL */
    const char *env[8]; /* further "NAME=value" for all services: "LOCK_SECONDS=2" */
};

/* Start everything and wait until it is ready. NULL: the defaults. */
void given_system(const struct system_options *options);

/* The services by name; `instance` counts from 0. start_service waits until it is ready;
 * stop_service sends SIGTERM and fails unless it exits with 0; kill_service is SIGKILL. */
void start_service(const char *name, int instance);
void stop_service(const char *name, int instance);
void kill_service(const char *name, int instance);

/* From now on services start with this setting, "NAME=value" as printf's format. */
void set_environment(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The two halves of start_service, for those who start several at once. */
void launch_service(const char *name, int instance);
void await_launched(const char *name, int instance);

/* A service that ended though nobody here ended it ("orders-0"), or NULL. */
const char *service_that_died(void);

/* Show on standard error what the services have logged in lines with this ("level=error"). */
void print_log_lines(const char *with);

/* Let it stand still (SIGSTOP), and go on. */
void pause_service(const char *name, int instance, bool paused);

/* Its process; 0 where it does not run. */
pid_t service_pid(const char *name, int instance);

/* Its own port, for /readyz and /metrics; that of the edge; GET something from any loopback port.
 */
int service_port(const char *name, int instance);
int system_edge_port(void);
int system_ops_port(void); /* where options.ops */
const struct answer *ask_port(int port, const char *path);

/* Its database, and how to lose all of it. */
const char *service_database(const char *name);
void drop_database(const char *name);

/* The local Stripe stands still, or goes on; its API; and what its ledger holds for an order: how
 * many charges have this state. */
enum charge_state { CHARGE_HELD, CHARGE_CAPTURED, CHARGE_REFUNDED, CHARGE_VOIDED };
void pause_stripe(bool paused);
int count_charges(const char *order_id, enum charge_state state);

/* ---- people and questions (people.c) ---- */

/* From now on this thread asks as this person, who is signed up at the first call (from the test's
 * own thread only), as nobody, or as the admin. */
void as_user(const char *name);
void as_nobody(void);
void as_admin(void);

/* As somebody whom auth has never met, with a session signed by the system's key: quick to make in
 * numbers. Any thread. */
void as_guest(int number);

/* Whose user id this is, of guests. */
int guest_number(const char *id);

/* The id of a person who is signed up. */
const char *user_id(const char *name);

/* The header in which the current person's session travels; NULL: nobody's. */
const char *session_header(void);

/* Ask the edge; `body` is printf's format. Any thread. */
const struct answer *get(const char *path);
const struct answer *post(const char *path, const char *body, ...)
    __attribute__((format(printf, 2, 3)));
const struct answer *put(const char *path, const char *body, ...)
    __attribute__((format(printf, 2, 3)));
const struct answer *delete_at(const char *path);

/* A path, formatted; valid until the thread has made eight others. Any thread. */
const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Run `work(context, i)` for i = 0 … count − 1, each on a thread of its own, all begun at once;
 * returns when all have ended. */
void together(int count, void (*work)(void *context, int i), void *context);

/* ---- the market (market.c); all as the current person, any thread ---- */

/* List a ticket; its id. */
const char *given_ticket(const char *title, double price);

/* Order it, asking again while orders has not heard of it (404). given_order expects 201 and gives
 * the order's id. */
const struct answer *order_ticket(const char *ticket);
const char *given_order(const char *ticket);

/* Pay, asking again while payments has not heard of the order (404). */
const struct answer *pay(const char *order, const char *token);

/* Wait until GET `collection`/`id` says `status`. */
const struct answer *await_status(const char *collection, const char *id, const char *status);

/* ---- what is heard when (durables.c) ---- */

/* The durable ("orders-payments" of stream "payments") gets nothing from now on, until let_go. */
void hold_back(const char *stream, const char *durable);
void let_go(const char *stream, const char *durable);

/* Wait until all durables have acknowledged all that there is. */
void await_all_handled(void);

/* The same, but what somebody who died had in hand is given to others after a second, not after
 * 30. A service that starts or finds the broker again sets its durables right again. */
void await_all_handled_soon(void);

/* ---- what came of it (audit.c, replay.c) ---- */

/* Wait until a service's document, own or copy, has reached this version. */
void await_version(const char *service, const char *collection, const char *id, int64_t version);

/* Wait until nothing moves any more, and check that all databases, streams and the ledger agree:
 * every version of every aggregate was said exactly once; every copy is at its owner's version; a
 * ticket is held by its live order and no other; captured if and only if complete. */
void expect_all_is_well(void);

/* Everything that the services' databases hold about tickets, orders and payments, copies
 * included, as one text (sorted, without times of work): to be compared. Caller frees. */
char *all_databases(void);

/* Publish every event of every stream again `times` times, in a random order, as new messages;
 * wait until all were handled. The seed is printed. */
void deliver_everything_again(int times);

#endif
