#ifndef TESTS_SUPPORT_SUPPORT_H
#define TESTS_SUPPORT_SUPPORT_H

/*
 * Support for tests: the verbs in which tests speak. First the stores.
 *
 * A Criterion test is a process of its own; what it starts dies with it (also when it crashes), and
 * all of it lives on free loopback ports with its data in memory (/dev/shm). Verbs fail the test
 * with a reason instead of returning errors. All texts are borrowed until the test ends.
 */

#include "common/bus.h"
#include "common/store.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A single-node replica set: TEST_MONGO_URI where the runner has started one, else one of its own.
 * The text is its URI. */
const char *given_mongo(void);

/* A mongod of this test's own, to be killed and started again. */
const char *given_own_mongo(void);

/* A database name that no other test uses; dropped when the test ends. */
const char *given_database(void);

/* An open store on given_mongo and given_database. Closed when the test ends. */
struct store *given_store(void);

/* A fresh nats-server with JetStream (file storage, sync always), monitoring on given_nats_port. */
const char *given_nats(void);
int given_nats_port(void);

/* A connected bus on given_nats, as service `service`. Closed when the test ends. */
struct bus *given_bus(const char *service);

/* A fresh redis-server (AOF, noeviction). */
const char *given_redis(void);

/* Kill (SIGKILL), or stop and continue, and start again a store this test started; it comes back
 * on the same port with the same data (`wiped`: without any). */
enum given_store_kind { GIVEN_MONGO, GIVEN_NATS, GIVEN_REDIS };
void kill_store(enum given_store_kind kind);
void pause_store(enum given_store_kind kind, bool paused);
void revive_store(enum given_store_kind kind, bool wiped);

/* Its process; 0 where it does not run. */
pid_t store_pid(enum given_store_kind kind);

/* A free loopback port. */
int free_port(void);

/* Start `argv` with further environment `env` ("NAME=value", NULL-terminated, or NULL), output into
 * the file `log` (NULL: inherited); it dies with the test. */
pid_t spawn(const char *const *argv, const char *const *env, const char *log);

/* Wait for `condition` (called every few ms) to become true; fails the test with `what` after
 * `timeout_ms`. Tests wait so, and never sleep. */
void eventually(bool (*condition)(void *context), void *context, int64_t timeout_ms,
                const char *what);

#endif
