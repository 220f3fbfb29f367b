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

/* From here on MongoDB and NATS are three servers each, a replica set and a cluster, with the
 * clocks of production; before the first given_… of either. The verbs above are for the first
 * server then, these for any. */
#define STORE_NODES 3
void given_clusters(void);
void kill_node(enum given_store_kind kind, int node);
void pause_node(enum given_store_kind kind, int node, bool paused);
void revive_node(enum given_store_kind kind, int node);

/* Which mongod is the primary (-1: none says so); does this one follow it? The port of a
 * nats-server's monitoring. */
int mongo_primary(void);
bool mongo_follows(int node);
int nats_monitor_port(int node);

/* How soon a replica set of three misses its primary: as infra/k8s/base/stores/mongo/set/init.js
 * says, where the reasons stand. */
#define MONGO_ELECTION_MS  4000
#define MONGO_HEARTBEAT_MS 1000
#define MONGO_CATCH_UP_MS  1000

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
