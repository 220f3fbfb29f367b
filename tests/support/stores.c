/*
 * Real stores for tests: mongod, nats-server and redis-server on free ports, data in memory.
 *
 * Each is started as in production, as far as it matters to what is tested: a replica set, streams
 * in files that are synced always, an append-only file. A store that was killed comes back on its
 * old port with its old data. The programs are those of `make setup` (.local/bin), else those on
 * PATH; TEST_MONGOD, TEST_NATS_SERVER and TEST_REDIS_SERVER name others.
 */
#include "common/memory.h"
#include "tests/support/process.h"

#include <mongoc/mongoc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define START_TIMEOUT_MS 60000 /* a loaded machine, much to recover; usually below 1 s */

struct server {
    const char *name;
    pid_t pid; /* 0: not running */
    int port, monitor_port;
    char folder[128], log[128], config[128], address[32];
};

static struct server servers[] = {
    [GIVEN_MONGO] = {.name = "mongod"},
    [GIVEN_NATS] = {.name = "nats-server"},
    [GIVEN_REDIS] = {.name = "redis-server"},
};

static bool has_started(void *context)
{
    struct server *server = context;
    int status;

    if (process_has_ended(server->pid, &status)) {
        print_file(server->log);
        cr_assert_fail("%s ended at its start", server->name);
    }
    return port_answers(server->port);
}

static void start_mongo(struct server *server)
{
    char port[16];
    const char *argv[] = {find_program("TEST_MONGOD", "mongod"),
                          "--dbpath",
                          server->folder,
                          "--port",
                          port,
                          "--bind_ip",
                          "127.0.0.1",
                          "--replSet",
                          "rs0",
                          "--nounixsocket",
                          "--wiredTigerCacheSizeGB",
                          "0.25",
                          "--oplogSize",
                          "64",
                          "--setParameter",
                          "diagnosticDataCollectionEnabled=false",
                          NULL};

    snprintf(port, sizeof(port), "%d", server->port);
    server->pid = spawn(argv, NULL, server->log);
}

static void start_nats(struct server *server)
{
    const char *argv[] = {find_program("TEST_NATS_SERVER", "nats-server"), "-c", server->config,
                          NULL};
    FILE *file = fopen(server->config, "w");

    cr_assert_not_null(file);
    fprintf(file,
            "listen: 127.0.0.1:%d\nhttp: 127.0.0.1:%d\n"
            "jetstream { store_dir: \"%s\", sync_interval: always, max_file_store: 4G }\n",
            server->port, server->monitor_port, server->folder);
    fclose(file);
    server->pid = spawn(argv, NULL, server->log);
}

static void start_redis(struct server *server)
{
    char port[16];
    const char *argv[] = {find_program("TEST_REDIS_SERVER", "redis-server"),
                          "--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--dir",
                          server->folder,
                          "--save",
                          "",
                          "--appendonly",
                          "yes",
                          "--appendfsync",
                          "always",
                          "--maxmemory-policy",
                          "noeviction",
                          NULL};

    snprintf(port, sizeof(port), "%d", server->port);
    server->pid = spawn(argv, NULL, server->log);
}

static mongoc_client_t *direct_client(const struct server *server)
{
    char uri[160];

    mongoc_init();
    snprintf(uri, sizeof(uri),
             "mongodb://127.0.0.1:%d/?directConnection=true&serverSelectionTimeoutMS=2000",
             server->port);
    return mongoc_client_new(uri);
}

static bool is_primary(void *context)
{
    bson_t command = BSON_INITIALIZER, reply;
    bson_iter_t primary;
    bool yes;

    BSON_APPEND_INT32(&command, "hello", 1);
    yes = mongoc_client_command_simple(context, "admin", &command, NULL, &reply, NULL) &&
          bson_iter_init_find(&primary, &reply, "isWritablePrimary") && bson_iter_bool(&primary);
    bson_destroy(&reply);
    bson_destroy(&command);
    return yes;
}

/* Make it a replica set of one, the first time; wait until it is the primary. */
static void make_primary(const struct server *server, bool first_time)
{
    mongoc_client_t *client = direct_client(server);
    bson_error_t error = {0};
    bson_t reply, *command;
    bool done = true;

    if (first_time) {
        command = BCON_NEW("replSetInitiate", "{", "_id", "rs0", "members", "[", "{", "_id",
                           BCON_INT32(0), "host", server->address, "}", "]", "settings", "{",
                           "electionTimeoutMillis", BCON_INT32(500), "heartbeatIntervalMillis",
                           BCON_INT32(200), "}", "}");
        done = mongoc_client_command_simple(client, "admin", command, NULL, &reply, &error);
        bson_destroy(&reply);
        bson_destroy(command);
    }
    cr_assert(done, "cannot initiate the replica set: %s", error.message);
    eventually(is_primary, client, START_TIMEOUT_MS, "mongod is the primary");
    mongoc_client_destroy(client);
}

static void start_server(enum given_store_kind kind, bool fresh)
{
    struct server *server = &servers[kind];

    cr_assert_lt((size_t)kind, ARRAY_LENGTH(servers)); /* gcc doubts it */
    cr_assert_eq(mkdir(server->folder, 0700) == 0, fresh, "data of %s", server->name);
    switch (kind) {
    case GIVEN_MONGO: start_mongo(server); break;
    case GIVEN_NATS: start_nats(server); break;
    case GIVEN_REDIS: start_redis(server); break;
    }
    eventually(has_started, server, START_TIMEOUT_MS, server->name);
    if (kind == GIVEN_MONGO)
        make_primary(server, fresh);
}

/* The server of this kind, started at the first call. */
static struct server *given_server(enum given_store_kind kind)
{
    struct server *server = &servers[kind];

    if (server->port == 0) {
        server->port = free_port();
        if (kind == GIVEN_NATS)
            server->monitor_port = free_port();
        snprintf(server->folder, sizeof(server->folder), "%s/%s", test_folder(), server->name);
        snprintf(server->log, sizeof(server->log), "%s/%s.log", test_folder(), server->name);
        snprintf(server->config, sizeof(server->config), "%s/%s.conf", test_folder(), server->name);
        snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", server->port);
        start_server(kind, true);
    }
    return server;
}

const char *given_own_mongo(void)
{
    static char uri[128];

    snprintf(uri, sizeof(uri), "mongodb://%s/?replicaSet=rs0", given_server(GIVEN_MONGO)->address);
    return uri;
}

const char *given_mongo(void)
{
    const char *shared = getenv("TEST_MONGO_URI");

    return shared && *shared ? shared : given_own_mongo();
}

static const char *database_prefix;

/* A server of this test's own goes as a whole; on a shared one what the test left is dropped. */
static void drop_databases(void)
{
    mongoc_client_t *client;
    char **names;

    if (servers[GIVEN_MONGO].port != 0)
        return;
    client = mongoc_client_new(given_mongo());
    names = mongoc_client_get_database_names_with_opts(client, NULL, NULL);
    for (size_t i = 0; names && names[i]; i++) {
        mongoc_database_t *database = mongoc_client_get_database(client, names[i]);

        if (strncmp(names[i], database_prefix, strlen(database_prefix)) == 0)
            mongoc_database_drop(database, NULL);
        mongoc_database_destroy(database);
    }
    bson_strfreev(names);
    mongoc_client_destroy(client);
}

void drop_at_end(const char *prefix)
{
    given_mongo();
    mongoc_init();
    database_prefix = prefix;
    atexit(drop_databases);
}

const char *given_nats(void)
{
    static char url[128];

    snprintf(url, sizeof(url), "nats://%s", given_server(GIVEN_NATS)->address);
    return url;
}

int given_nats_port(void)
{
    return given_server(GIVEN_NATS)->monitor_port;
}

const char *given_redis(void)
{
    static char url[128];

    snprintf(url, sizeof(url), "redis://%s", given_server(GIVEN_REDIS)->address);
    return url;
}

pid_t store_pid(enum given_store_kind kind)
{
    return servers[kind].pid;
}

void kill_store(enum given_store_kind kind)
{
    struct server *server = &servers[kind];

    cr_assert_neq(server->pid, 0, "this test has not started %s itself", server->name);
    end_process(server->pid, SIGKILL, 10000);
    server->pid = 0;
}

void pause_store(enum given_store_kind kind, bool paused)
{
    cr_assert_neq(servers[kind].pid, 0, "%s does not run", servers[kind].name);
    kill(servers[kind].pid, paused ? SIGSTOP : SIGCONT);
    if (paused) /* its threads run on until one of them takes the signal: wait until all stand */
        waitpid(servers[kind].pid, /* status= */ NULL, WUNTRACED);
}

void revive_store(enum given_store_kind kind, bool wiped)
{
    struct server *server = &servers[kind];

    cr_assert_eq(server->pid, 0, "%s runs", server->name);
    if (wiped)
        remove_folder(server->folder);
    start_server(kind, wiped);
}
