#ifndef COMMON_STORE_H
#define COMMON_STORE_H

/*
 * Store: one service's MongoDB database, and the only file that knows mongo-c-driver's clients.
 *
 * A client belongs to one thread: each thread that calls in here takes one from the pool at its
 * first call and gives it back when it ends. Every write is acknowledged by a majority and its
 * journal; every call has a deadline (settings below). A store that is away, a primary that steps
 * down, a pool that is empty or a call that took too long is -EAGAIN; anything else the server
 * refuses is -EIO, raised and logged here. All functions may be called from any thread.
 *
 * No function here retries a write that may have happened: callers name the version they read (or
 * bring the _id), so asking again is theirs and safe.
 */

#include "common/fail.h"
#include "common/metrics.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_CALL_TIMEOUT_MS   4000 /* below the request's deadline of 5 s */
#define STORE_SELECT_TIMEOUT_MS 1500 /* how long a missing primary is waited for */

struct store;

struct store_config {
    const char *uri;         /* mongodb://…; write concern and timeouts are set here, not there */
    const char *database;    /* the service's own */
    const char *app_name;    /* shown in the server's log and currentOp */
    int64_t clients_max;     /* the pool's size: threads that may call at once */
    struct metrics *metrics; /* or NULL */
};

/* One index that a service relies on. */
struct store_index {
    const char *collection;
    const char *name;
    const char *keys;    /* JSON: {"email": 1} */
    const char *options; /* JSON of further options ("unique", "partialFilterExpression",
                            "expireAfterSeconds", "sparse"), or NULL */
};

/* Open the pool. Does not connect yet. The store belongs to the caller; store_free waits for none:
 * all threads that used it must have ended. */
must_check int store_open(const struct store_config *config, struct store **ret_store);
struct store *store_free(struct store *store); /* NULL is fine; returns NULL */

/* Give this thread's client back to the pool; at the end of a thread that called in here. */
void store_thread_done(struct store *store);

/* The disk that the server keeps its data on; zeros where it does not tell. */
struct store_disk {
    int64_t used_bytes, bytes;
};
must_check int store_disk(struct store *store, struct store_disk *ret_disk);

/* Is a writable primary there, within `timeout_ms`? 0 or -EAGAIN. (One that is there and does not
 * answer is given up within STORE_CALL_TIMEOUT_MS.) */
must_check int store_ping(struct store *store, int64_t timeout_ms);

/* Assert what the service relies on: a replica set, and the indexes, which are made where they are
 * missing and compared where they exist. Appends a line for each problem to `problems`.
 * 0, also with problems; < 0 if the store is away. */
must_check int store_prepare(struct store *store, const struct store_index *indexes, size_t count,
                             struct writer *problems);

/* Find one document. `options` as of mongoc_collection_find_with_opts, or NULL; `filter` borrowed.
 * 0: caller destroys *ret_document (bson_destroy); NOT_FOUND. */
must_check int store_find(struct store *store, const char *collection, const bson_t *filter,
                          const bson_t *options, bson_t **ret_document);

/* Call `each` for every document found, in order, until it returns non-zero (which is returned).
 * The document is borrowed for the call. */
must_check int store_each(struct store *store, const char *collection, const bson_t *filter,
                          const bson_t *options, int (*each)(void *context, const bson_t *document),
                          void *context);

/* The same for a whole collection, or much of it, however large: a tool's work, for no request. The
 * server may take ten minutes for it. */
must_check int store_each_of_all(struct store *store, const char *collection, const bson_t *filter,
                                 int (*each)(void *context, const bson_t *document), void *context);

/* Insert. CONFLICT: a unique index has such a document; its name is copied to `ret_index` (of
 * STORE_INDEX_BYTES) where that is not NULL ("_id_" for the id itself). */
#define STORE_INDEX_BYTES 64
must_check int store_insert(struct store *store, const char *collection, const bson_t *document,
                            char *ret_index);

/* Change one document that matches `filter` and return what it is then (or, with
 * `STORE_BEFORE`, was). `fields` is a projection or NULL. NOT_FOUND: none matched (and STORE_UPSERT
 * was not given). CONFLICT as of store_insert. Caller destroys *ret_document (NULL: there was
 * nothing before an upsert); ret_document may be NULL. */
enum store_flags { STORE_AFTER = 0, STORE_BEFORE = 1, STORE_UPSERT = 2 };
must_check int store_modify(struct store *store, const char *collection, const bson_t *filter,
                            const bson_t *update, const bson_t *fields, enum store_flags flags,
                            char *ret_index, bson_t **ret_document);

/* Change the first (or, with `many`, each) document that matches; *ret_matched (may be NULL) says
 * how many matched. No match is not an error. CONFLICT as of store_insert. */
must_check int store_update(struct store *store, const char *collection, const bson_t *filter,
                            const bson_t *update, bool many, int64_t *ret_matched);

/* Remove every document that matches. */
must_check int store_remove(struct store *store, const char *collection, const bson_t *filter,
                            int64_t *ret_removed);

/* Count documents, at most `most`. */
must_check int store_count(struct store *store, const char *collection, const bson_t *filter,
                           int64_t most, int64_t *ret_count);

/* Several updates of single documents in one unordered round trip. Item i is {filter, update,
 * upsert}; its result is 0, CONFLICT (an upsert met a unique index), or < 0. A filter that matched
 * nothing is 0 as well; *ret_matched (may be NULL) says how many matched or were inserted. Returns
 * < 0 if the round trip itself failed: then all results are that, and nothing matched. */
struct store_change {
    const bson_t *filter, *update; /* borrowed */
    bool upsert;
    int result; /* out */
};
must_check int store_change_all(struct store *store, const char *collection,
                                struct store_change *changes, size_t count, int64_t *ret_matched);

/* Put an ObjectId from 24 hex digits (must be valid: text_is_id) under `key`. */
void store_append_id(bson_t *document, const char *key, const char *id);

/* Put into a find's options that what it shows will last: it waits until a majority has it. A plain
 * find also shows what a step-down may take back, such as the document that an insert's CONFLICT
 * tells of. For finds whose filter names one document. */
void store_append_lasting(bson_t *options);

/* The ObjectId under `key` as hex into ret_id; "" and false where there is none. */
bool store_read_id(const bson_t *document, const char *key, char ret_id[25]);

/* Fields by name ("ticket.id" descends); the fallback where absent or of another type. Texts are
 * borrowed from the document. store_read_int takes int32, int64 and whole doubles;
 * store_read_instant a date. */
const char *store_read_text(const bson_t *document, const char *key, const char *fallback);
int64_t store_read_int(const bson_t *document, const char *key, int64_t fallback);
int64_t store_read_instant(const bson_t *document, const char *key, int64_t fallback);
bool store_read_bool(const bson_t *document, const char *key, bool fallback);

/* A new random ObjectId as hex. */
void store_new_id(char ret_id[25]);

/* For cleanup(): bson_destroy what `document` points to. */
void bson_freep(bson_t **document);

#endif
