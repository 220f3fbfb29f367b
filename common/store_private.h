#ifndef COMMON_STORE_PRIVATE_H
#define COMMON_STORE_PRIVATE_H

/*
 * What the store's own files share: the handle, this thread's client, and the one place where the
 * driver's errors become ours. Nobody else includes this.
 */

#include "common/store.h"

#include <mongoc/mongoc.h>
#include <pthread.h>

struct store {
    mongoc_client_pool_t *pool;
    char *database;
    pthread_key_t client_key;       /* each thread's struct thread_client */
    struct metrics *own_metrics;    /* where the caller has none */
    struct metric *clients, *away;  /* clients that threads have; calls that found nobody */
    _Atomic int64_t away_logged_ms; /* when an outage was last logged, by the steady clock */
};

/* A call under way: the thread's client and a handle on the collection. */
struct store_call {
    struct store *store;
    mongoc_client_t *client;
    mongoc_collection_t *collection;
};

/* Begin a call: 0, or -EAGAIN where the pool stays empty. End it with store_call_end (cleanup). */
must_check int store_call_begin(struct store *store, const char *collection,
                                struct store_call *ret_call);
void store_call_end(struct store_call *call);

/* This thread's client, taken from the pool at its first call; NULL where the pool stays empty. */
mongoc_client_t *store_client(struct store *store);

/* Translate a failure: CONFLICT (and the index's name into `ret_index`, unless NULL), -EAGAIN, or
 * -EIO; the latter two are logged. `what` names the call, `reply` may be NULL. */
must_check int store_failure(struct store *store, const char *what, const bson_t *reply,
                             const bson_error_t *error, char *ret_index);

/* The same for one error out of a bulk's reply; logs nothing but -EIO. */
must_check int store_failure_of_code(int64_t code, const char *message, char *ret_index);

#endif
