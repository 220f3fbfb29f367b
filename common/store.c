/*
 * The store's pool: opening it, one client for each thread, and what the driver's errors mean.
 *
 * What a service relies on is set here on whatever URI it was given, so that no setting can weaken
 * it: writes are acknowledged by a majority and its journal, reads go to the primary, and every
 * wait has a limit. The limits add up to STORE_CALL_TIMEOUT_MS even in the worst case: a server
 * that hangs in the middle of a call (SOCKET_TIMEOUT_MS) and cannot be reached again
 * (STORE_SELECT_TIMEOUT_MS).
 *
 * The driver's own retry of writes stays off. It would be safe, but it costs the server a second
 * write for each of ours (its session's record and, for findAndModify, an image of the document:
 * 4,160 saves a second instead of 5,150, 8 threads on two cores), and it does not help where a
 * single node restarts, since that takes longer than a call may wait. Everybody here names the
 * version or the id, so whoever asked asks again.
 *
 * A thread keeps its client until it ends (a pthread key's destructor gives it back), since popping
 * and pushing for each call would make all threads meet at the pool's lock.
 */

#include "common/store_private.h"

#include "common/instant.h"
#include "common/log.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SOCKET_TIMEOUT_MS = STORE_CALL_TIMEOUT_MS - STORE_SELECT_TIMEOUT_MS,
    CONNECT_TIMEOUT_MS = STORE_SELECT_TIMEOUT_MS,
    WRITE_CONCERN_TIMEOUT_MS = 2000, /* below the socket's, so that it is the server who says it */
    HEARTBEAT_MS = 500,              /* the driver's least: a revived server is found this soon */
    PING_POLL_MS = 10,
    LOG_AGAIN_MS = 1000, /* an outage is one line a second, not one for each call */
    LOG_TEXT_BYTES = 512,
    ERROR_API = 2, /* MONGOC_ERROR_API_VERSION_2: what a server said has a domain of its own */
};

struct thread_client {
    mongoc_client_pool_t *pool;
    mongoc_client_t *client;
    struct metric *clients; /* the store's */
};

/* What the driver logged last. The driver has one log handler for the whole process, and calls it
 * under a lock of its own. */
struct driver_log {
    char last[LOG_TEXT_BYTES];
    int64_t last_ms;
};

static void log_of_driver(mongoc_log_level_t level, const char *domain, const char *message,
                          void *context)
{
    struct driver_log *log = context;
    int64_t now_ms = instant_monotonic();
    char text[LOG_TEXT_BYTES], quoted[LOG_TEXT_BYTES];

    if (level > MONGOC_LOG_LEVEL_WARNING)
        return;

    snprintf(text, sizeof(text), "%s", message);
    if (strcmp(text, log->last) == 0 && now_ms - log->last_ms < LOG_AGAIN_MS)
        return;
    memcpy(log->last, text, sizeof(text));
    log->last_ms = now_ms;
    log_event(LOG_WARNING, "MongoDB's driver", "domain=%s text=%s", domain,
              log_quote(text, quoted, sizeof(quoted)));
}

static void start_driver(void)
{
    static struct driver_log log;

    mongoc_log_set_handler(log_of_driver, &log);
    mongoc_init();
}

static bool set_number(mongoc_uri_t *uri, const char *option, int64_t value)
{
    return mongoc_uri_set_option_as_int32(uri, option, (int32_t)value);
}

/* Put what we rely on over what the URI says. */
static void harden(mongoc_uri_t *uri, const struct store_config *config)
{
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    bool ok = true;

    mongoc_write_concern_set_wmajority(concern, WRITE_CONCERN_TIMEOUT_MS);
    mongoc_write_concern_set_journal(concern, true);
    mongoc_uri_set_write_concern(uri, concern);
    mongoc_uri_set_read_prefs_t(uri, primary);
    mongoc_write_concern_destroy(concern);
    mongoc_read_prefs_destroy(primary);

    ok = ok && set_number(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, STORE_SELECT_TIMEOUT_MS);
    ok = ok && set_number(uri, MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_TIMEOUT_MS);
    ok = ok && set_number(uri, MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_TIMEOUT_MS);
    ok = ok && set_number(uri, MONGOC_URI_WAITQUEUETIMEOUTMS, STORE_SELECT_TIMEOUT_MS);
    ok = ok && set_number(uri, MONGOC_URI_HEARTBEATFREQUENCYMS, HEARTBEAT_MS);
    ok = ok && set_number(uri, MONGOC_URI_MAXPOOLSIZE, config->clients_max);
    ok = ok && mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
    ok = ok && mongoc_uri_set_appname(uri, config->app_name);
    assert(ok); /* each is a known option with a value in its range */
}

/* A thread ends, or is done with the store. */
static void give_back(void *value)
{
    struct thread_client *mine = value;

    mongoc_client_pool_push(mine->pool, mine->client);
    metric_add(mine->clients, -1);
    freep(&mine);
}

static void make_metrics(struct store *store, const struct store_config *config)
{
    struct metrics *metrics = config->metrics;

    if (metrics == NULL)
        metrics = store->own_metrics = metrics_new();
    store->clients = metrics_gauge(metrics, "store_clients_in_use", "",
                                   "Threads that have a client of MongoDB's pool.");
    metric_set(metrics_gauge(metrics, "store_clients", "", "Clients in that pool."),
               config->clients_max);
    store->away = metrics_counter(metrics, "store_away_total", "",
                                  "Calls that found MongoDB away, or too slow.");
}

int store_open(const struct store_config *config, struct store **ret_store)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    mongoc_client_pool_t *pool;
    struct store *store;
    mongoc_uri_t *uri;
    bson_error_t error;

    assert(config->clients_max >= 1 && config->clients_max <= INT32_MAX);
    pthread_once(&started, start_driver);

    uri = mongoc_uri_new_with_error(config->uri, &error);
    if (!uri) /* the text is not repeated: it may hold a password */
        return fail(-EINVAL, "MongoDB's URI cannot be read: %s", error.message);

    harden(uri, config);
    pool = mongoc_client_pool_new_with_error(uri, &error);
    mongoc_uri_destroy(uri);
    if (!pool)
        return fail(-EINVAL, "MongoDB's client pool cannot be made: %s", error.message);

    mongoc_client_pool_set_error_api(pool, ERROR_API);
    store = xcalloc(1, sizeof(*store));
    store->pool = pool;
    store->database = xstrdup(config->database);
    make_metrics(store, config);
    atomic_store(&store->away_logged_ms, INT64_MIN / 2);
    if (pthread_key_create(&store->client_key, give_back) != 0)
        abort(); /* 1024 keys are gone: a defect */
    *ret_store = store;
    return 0;
}

struct store *store_free(struct store *store)
{
    if (!store)
        return NULL;
    store_thread_done(store);
    pthread_key_delete(store->client_key);
    mongoc_client_pool_destroy(store->pool);
    metrics_free(store->own_metrics);
    freep(&store->database);
    freep(&store);
    return NULL;
}

void store_thread_done(struct store *store)
{
    struct thread_client *mine = pthread_getspecific(store->client_key);

    if (!mine)
        return;
    pthread_setspecific(store->client_key, NULL);
    give_back(mine);
}

/* Say that the store is away, at most once in LOG_AGAIN_MS. */
static int away(struct store *store, const char *what, const char *message)
{
    int64_t now_ms = instant_monotonic();
    int64_t last_ms = atomic_load(&store->away_logged_ms);
    char quoted[LOG_TEXT_BYTES];

    metric_add(store->away, 1);
    if (now_ms - last_ms >= LOG_AGAIN_MS &&
        atomic_compare_exchange_strong(&store->away_logged_ms, &last_ms, now_ms))
        log_event(LOG_WARNING, "MongoDB is away", "call=%s text=%s", what,
                  log_quote(message, quoted, sizeof(quoted)));
    return -EAGAIN;
}

mongoc_client_t *store_client(struct store *store)
{
    struct thread_client *mine = pthread_getspecific(store->client_key);
    mongoc_client_t *client;

    if (mine)
        return mine->client;

    client = mongoc_client_pool_pop(store->pool);
    if (!client)
        return NULL;

    mine = xmalloc(sizeof(*mine));
    *mine = (struct thread_client){store->pool, client, store->clients};
    metric_add(store->clients, 1);
    if (pthread_setspecific(store->client_key, mine) != 0)
        abort();
    return client;
}

int store_call_begin(struct store *store, const char *collection, struct store_call *ret_call)
{
    mongoc_client_t *client = store_client(store);

    if (!client)
        return away(store, collection, "all clients are taken by other threads");
    *ret_call = (struct store_call){
        .store = store,
        .client = client,
        .collection = mongoc_client_get_collection(client, store->database, collection),
    };
    return 0;
}

void store_call_end(struct store_call *call)
{
    mongoc_collection_destroy(call->collection); /* NULL is fine */
}

/* Does the server say by `code` that it, or its primary, is gone or too busy for the moment? */
static bool is_passing(int64_t code)
{
    static const int codes[] = {
        6,     7,     89,                /* HostUnreachable, HostNotFound, NetworkTimeout */
        9001,  11600, 91,                /* SocketException, InterruptedAtShutdown, Shutdown… */
        189,   10107, 13435, 13436,      /* PrimarySteppedDown, NotWritablePrimary and kin */
        11602, 133,   134,   94,    211, /* InterruptedDueToReplStateChange, no such member yet */
        50,    262,   24,    46,    112, /* MaxTimeMSExpired, ExceededTimeLimit, locks, conflict */
        11601, 43,    237,   175,   64,  /* Interrupted, cursor gone, plan killed, wtimeout */
        100,   146,                      /* UnsatisfiableWriteConcern, ExceededMemoryLimit */
    };

    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++)
        if (code == codes[i])
            return true;
    return false;
}

/* "… index: users_email dup key: …": the name ends at the first blank. */
static void copy_index_name(const char *message, char *ret_index)
{
    const char *name = strstr(message, "index: ");
    size_t length;

    ret_index[0] = '\0';
    if (!name)
        return;
    name += strlen("index: ");
    length = strcspn(name, " ");
    if (length < STORE_INDEX_BYTES) {
        memcpy(ret_index, name, length);
        ret_index[length] = '\0';
    }
}

int store_failure_of_code(int64_t code, const char *message, char *ret_index)
{
    if (code == MONGOC_ERROR_DUPLICATE_KEY) {
        if (ret_index)
            copy_index_name(message, ret_index);
        return CONFLICT;
    }
    if (is_passing(code))
        return -EAGAIN;
    return fail(-EIO, "MongoDB refused: %s (%lld)", message, (long long)code);
}

int store_failure(struct store *store, const char *what, const bson_t *reply,
                  const bson_error_t *error, char *ret_index)
{
    bool lost = error->domain == MONGOC_ERROR_STREAM ||
                error->domain == MONGOC_ERROR_SERVER_SELECTION ||
                error->domain == MONGOC_ERROR_WRITE_CONCERN;
    int r;

    if (lost || (reply && mongoc_error_has_label(reply, "RetryableWriteError")))
        return away(store, what, error->message);

    r = store_failure_of_code(error->code, error->message, ret_index);
    return r == -EAGAIN ? away(store, what, error->message) : r;
}

/* Does the driver know of a server that takes writes? */
static bool has_primary(mongoc_client_t *client)
{
    mongoc_server_description_t **servers;
    bool found = false;
    size_t count;

    servers = mongoc_client_get_server_descriptions(client, &count);
    for (size_t i = 0; i < count; i++) {
        const char *type = mongoc_server_description_type(servers[i]);

        found = found || strcmp(type, "RSPrimary") == 0 || strcmp(type, "Standalone") == 0 ||
                strcmp(type, "Mongos") == 0;
    }
    mongoc_server_descriptions_destroy_all(servers, count);
    return found;
}

int store_ping(struct store *store, int64_t timeout_ms)
{
    const struct timespec pause = {.tv_nsec = PING_POLL_MS * 1000000L};
    int64_t until_ms = instant_monotonic() + timeout_ms;
    mongoc_client_t *client = store_client(store);
    bson_t command = BSON_INITIALIZER;
    bson_error_t error;
    bool ok;

    if (!client)
        return away(store, "ping", "all clients are taken by other threads");

    /* The pool's monitor looks for it anyway: watch what it finds, since the driver's own wait is
     * the same for all calls. */
    while (!has_primary(client)) {
        if (instant_monotonic() >= until_ms)
            return away(store, "ping", "no primary was found");
        nanosleep(&pause, NULL);
    }

    BSON_APPEND_INT32(&command, "ping", 1);
    ok = mongoc_client_command_simple(client, "admin", &command, /* read_prefs= */ NULL,
                                      /* reply= */ NULL, &error);
    bson_destroy(&command);
    return ok ? 0 : store_failure(store, "ping", /* reply= */ NULL, &error, /* ret_index= */ NULL);
}

int store_disk(struct store *store, struct store_disk *ret_disk)
{
    mongoc_client_t *client = store_client(store);
    bson_t command = BSON_INITIALIZER, reply;
    bson_error_t error;
    int r = 0;

    if (!client)
        return away(store, "dbStats", "all clients are taken by other threads");
    BSON_APPEND_INT32(&command, "dbStats", 1);
    if (mongoc_client_command_simple(client, store->database, &command, /* read_prefs= */ NULL,
                                     &reply, &error))
        *ret_disk = (struct store_disk){.used_bytes = store_read_int(&reply, "fsUsedSize", 0),
                                        .bytes = store_read_int(&reply, "fsTotalSize", 0)};
    else
        r = store_failure(store, "dbStats", &reply, &error, /* ret_index= */ NULL);
    bson_destroy(&command);
    bson_destroy(&reply);
    return r;
}
