/*
 * Idempotency keys, one document for each (user, route, key):
 *
 *   {_id: sha256, owner: request id, body: sha256, done: false, leaseUntil, expiresAt}      running
 *   {…, done: true, status, answer, etag}                                                  answered
 *
 * The insert decides who runs: of two requests at once, the unique _id lets one through, and the
 * other hears CONFLICT until the first has answered. A process that dies while it runs leaves its
 * lease behind; when that has ended, one request takes the document over, by an update that names
 * the owner and the lease it saw. Only the owner completes or frees a document, so a handler that
 * outlived its lease cannot overwrite its successor's answer.
 *
 * Answers are kept as the plain error shape; a replay goes through the reply again, so that a
 * client that asks for problem+json gets it then, too.
 */
#include "common/idempotency.h"

#include "common/instant.h"

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define COLLECTION "idempotency"
#define KEEP_MS    (INT64_C(24) * 60 * 60 * 1000) /* the contract's 24 h */
#define LEASE_MS \
    30000            /* outlasts any handler: a request has 5 s, and its last store call 4 s more */
#define TRIES_MAX  3 /* the document may be freed between our insert and our look at it */
#define HASH_BYTES (2 * crypto_hash_sha256_BYTES + 1)

_Static_assert(HASH_BYTES == FINGERPRINT_BYTES, "a fingerprint is such a hash");

static void hash_hex(crypto_hash_sha256_state *state, char ret_hex[HASH_BYTES])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256_final(state, hash);
    sodium_bin2hex(ret_hex, HASH_BYTES, hash, sizeof(hash));
}

/* The texts are ended by their NULs, so that no two lists of them run into one another. */
static void hash_texts(const char *const *texts, size_t count, char ret_hex[HASH_BYTES])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++)
        crypto_hash_sha256_update(&state, (const unsigned char *)texts[i], strlen(texts[i]) + 1);
    hash_hex(&state, ret_hex);
}

/* The route is the same with a trailing slash. */
static void hash_key(const struct http_request *request, const char *key, char ret_hex[HASH_BYTES])
{
    size_t length = strlen(request->path);
    bool slash = length > 1 && request->path[length - 1] == '/';
    cleanup(freep) char *route = xstrndup(request->path, slash ? length - 1 : length);
    const char *const texts[] = {request->session.user_id, request->method, route, key};

    hash_texts(texts, ARRAY_LENGTH(texts), ret_hex);
}

static void hash_body(const struct http_request *request, char ret_hex[HASH_BYTES])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)request->body_bytes,
                              request->body_length);
    hash_hex(&state, ret_hex);
}

/* What a document holds while its request runs, without _id. */
static void append_running(bson_t *document, const struct http_request *request, const char *body)
{
    int64_t now_ms = instant_now();

    BSON_APPEND_UTF8(document, "owner", request->id);
    BSON_APPEND_UTF8(document, "body", body);
    BSON_APPEND_BOOL(document, "done", false);
    BSON_APPEND_DATE_TIME(document, "leaseUntil", now_ms + LEASE_MS);
    BSON_APPEND_DATE_TIME(document, "expiresAt", now_ms + KEEP_MS);
}

static int insert(struct store *store, const struct http_request *request, const char *id,
                  const char *body)
{
    bson_t document = BSON_INITIALIZER;
    int r;

    BSON_APPEND_UTF8(&document, "_id", id);
    append_running(&document, request, body);
    r = store_insert(store, COLLECTION, &document, NULL);
    bson_destroy(&document);
    return r;
}

/* Take over a document whose owner is gone, or whose 24 h are over. NOT_FOUND: somebody was
 * faster. */
static int take_over(struct store *store, const bson_t *found, const struct http_request *request,
                     const char *body)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    int64_t matched = 0;
    int r;

    BSON_APPEND_UTF8(&filter, "_id", store_read_text(found, "_id", ""));
    BSON_APPEND_UTF8(&filter, "owner", store_read_text(found, "owner", ""));
    BSON_APPEND_DATE_TIME(&filter, "leaseUntil", store_read_instant(found, "leaseUntil", 0));
    BSON_APPEND_BOOL(&filter, "done", store_read_bool(found, "done", false));
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    append_running(&set, request, body);
    bson_append_document_end(&update, &set);
    r = store_update(store, COLLECTION, &filter, &update, /* many */ false, &matched);
    bson_destroy(&filter);
    bson_destroy(&update);
    return r == 0 && matched == 0 ? NOT_FOUND : r;
}

/* Say a stored error again, entry by entry. */
static int replay_errors(const char *answer, enum outcome outcome, struct http_reply *reply)
{
    json_t *json = json_loads(answer, 0, NULL);
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(json, "errors"), i, entry)
    {
        const char *message = json_string_value(json_object_get(entry, "message"));
        const char *field = json_string_value(json_object_get(entry, "field"));

        if (message != NULL)
            reply_error(reply, outcome, field, message);
    }
    json_decref(json);
    return (int)outcome;
}

static int replay(const bson_t *found, struct http_reply *reply)
{
    int status = (int)store_read_int(found, "status", 500);
    const char *answer = store_read_text(found, "answer", "");
    const char *etag = store_read_text(found, "etag", "");

    reply_header(reply, "Idempotency-Replayed", "true");
    for (int outcome = INVALID; status >= 400 && outcome < OUTCOME_COUNT; outcome++)
        if (http_status((enum outcome)outcome) == status)
            return replay_errors(answer, (enum outcome)outcome, reply);
    write_raw(reply_body(reply, status), answer, strlen(answer));
    if (etag[0] == '"')
        reply_etag(reply, strtoll(etag + 1, NULL, 10));
    return DONE;
}

/* Somebody has this key already: answer what it said, or who has to wait. DONE without
 * *ret_replayed: it is ours now. */
static int meet(struct store *store, const bson_t *found, const struct http_request *request,
                const char *body, struct http_reply *reply, bool *ret_replayed)
{
    int64_t now_ms = instant_now();
    bool done = store_read_bool(found, "done", false);
    bool over = store_read_instant(found, "expiresAt", 0) <= now_ms;
    int r;

    if (!over && strcmp(store_read_text(found, "body", ""), body) != 0)
        return reply_error(reply, UNPROCESSABLE, NULL,
                           "Idempotency-Key was used with another body");
    if (done && !over) {
        *ret_replayed = true;
        return replay(found, reply);
    }
    if (over || store_read_instant(found, "leaseUntil", 0) <= now_ms) {
        r = take_over(store, found, request, body);
        if (r != NOT_FOUND)
            return r;
    }
    return reply_error(reply, CONFLICT, NULL,
                       "A request with this Idempotency-Key is still running");
}

static int begin(void *context, struct http_request *request, const char *key,
                 struct http_reply *reply, bool *ret_replayed)
{
    struct store *store = context;
    char id[HASH_BYTES], body[HASH_BYTES];
    const char *const both[] = {id, body};
    bson_t filter = BSON_INITIALIZER;
    int r = CONFLICT;

    hash_key(request, key, id);
    hash_body(request, body);
    hash_texts(both, ARRAY_LENGTH(both), request->fingerprint);
    BSON_APPEND_UTF8(&filter, "_id", id);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        cleanup(bson_freep) bson_t *found = NULL;

        r = insert(store, request, id, body);
        if (r != CONFLICT)
            break;
        r = store_find(store, COLLECTION, &filter, NULL, &found);
        if (r == NOT_FOUND) {
            r = STALE;
            continue;
        }
        if (r == 0)
            r = meet(store, found, request, body, reply, ret_replayed);
        break;
    }
    bson_destroy(&filter);
    return r;
}

/* Is this answer kept? What may be another one in a moment is not. */
static bool is_kept(int status)
{
    if (status == 401 || status == 404 || status == 409 || status == 429)
        return false;
    return status >= 200 && status < 500;
}

static void end(void *context, const struct http_request *request, const char *key, int status,
                const char *answer, size_t length, const char *etag)
{
    struct store *store = context;
    bson_t mine = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    char id[HASH_BYTES];
    int r;

    hash_key(request, key, id);
    BSON_APPEND_UTF8(&mine, "_id", id);
    BSON_APPEND_UTF8(&mine, "owner", request->id);
    BSON_APPEND_BOOL(&mine, "done", false);
    if (is_kept(status)) {
        BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
        BSON_APPEND_BOOL(&set, "done", true);
        BSON_APPEND_INT32(&set, "status", status);
        bson_append_utf8(&set, "answer", -1, answer, (int)length);
        BSON_APPEND_UTF8(&set, "etag", etag);
        bson_append_document_end(&update, &set);
        r = store_update(store, COLLECTION, &mine, &update, /* many */ false, NULL);
    } else {
        r = store_remove(store, COLLECTION, &mine, NULL);
    }
    /* Logged where it was raised. The key then stays leased, and is taken over after that. */
    (void)r;
    bson_destroy(&mine);
    bson_destroy(&update);
}

struct http_idempotency idempotency_hooks(struct store *store)
{
    return (struct http_idempotency){.begin = begin, .end = end, .context = store};
}
