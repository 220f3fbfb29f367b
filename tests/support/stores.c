/*
 * Real stores for tests: mongod, nats-server and redis-server on free ports, data in memory.
 *
 * Each is started as in production, as far as it matters to what is tested: a replica set, streams
 * in files that are synced always, an append-only file. A store that was killed comes back on its
 * old port with its old data. The programs are those of `make setup` (.local/bin), else those on
 * PATH; TEST_MONGOD, TEST_NATS_SERVER and TEST_REDIS_SERVER name others.
 *
 * MongoDB and NATS are one server each, or three (given_clusters): then with production's clocks,
 * as how long a cluster takes to notice that a server is gone is what is tested there.
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
    int port, monitor_port, route_port;
    char folder[128], log[128], config[128], address[32];
};

/* Of each kind one server, or the first of as many as counts[] says. */
static struct server servers[][STORE_NODES] = {
    [GIVEN_MONGO] = {{.name = "mongod"}, {.name = "mongod"}, {.name = "mongod"}},
    [GIVEN_NATS] = {{.name = "nats-server"}, {.name = "nats-server"}, {.name = "nats-server"}},
    [GIVEN_REDIS] = {{.name = "redis-server"}},
};
static int counts[] = {[GIVEN_MONGO] = 1, [GIVEN_NATS] = 1, [GIVEN_REDIS] = 1};

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
                          "--setParameter",
                          "oplogNetworkTimeoutBufferSeconds=1",
                          NULL};

    snprintf(port, sizeof(port), "%d", server->port);
    server->pid = spawn(argv, NULL, server->log);
}

/* The part of its configuration by which a nats-server finds the others. */
static void write_cluster(FILE *file, const struct server *server)
{
    fprintf(file,
            "server_name: nats-%d\ncluster { name: ticketing, listen: 127.0.0.1:%d, ping_interval: "
            "2s, routes: [",
            (int)(server - servers[GIVEN_NATS]), server->route_port);
    for (int i = 0; i < counts[GIVEN_NATS]; i++)
        fprintf(file, "%s\"nats://127.0.0.1:%d\"", i > 0 ? ", " : "",
                servers[GIVEN_NATS][i].route_port);
    fprintf(file, "] }\n");
}

static void start_nats(struct server *server)
{
    const char *argv[] = {find_program("TEST_NATS_SERVER", "nats-server"), "-c", server->config,
                          NULL};
    FILE *file = fopen(server->config, "w");

    cr_assert_not_null(file);
    fprintf(file,
            "listen: 127.0.0.1:%d\nhttp: 127.0.0.1:%d\nping_interval: 2s\n"
            "jetstream { store_dir: \"%s\", sync_interval: always, max_file_store: 4G }\n",
            server->port, server->monitor_port, server->folder);
    if (counts[GIVEN_NATS] > 1)
        write_cluster(file, server);
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

static bool is_in_role(const struct server *server, const char *role)
{
    mongoc_client_t *client = direct_client(server);
    bson_t command = BSON_INITIALIZER, reply;
    bson_iter_t found;
    bool yes;

    BSON_APPEND_INT32(&command, "hello", 1);
    yes = mongoc_client_command_simple(client, "admin", &command, NULL, &reply, NULL) &&
          bson_iter_init_find(&found, &reply, role) && bson_iter_bool(&found);
    bson_destroy(&reply);
    bson_destroy(&command);
    mongoc_client_destroy(client);
    return yes;
}

static bool has_primary(void *context)
{
    (void)context;
    return mongo_primary() >= 0;
}

/* {replSetInitiate: {_id: "rs0", members: [{_id: 0, host: …}, …], settings: …}}. One server alone
 * has nobody to wait for. */
static bson_t *initiation(void)
{
    bool alone = counts[GIVEN_MONGO] == 1;
    bson_t *command = bson_new();
    bson_t set, members, member;

    BSON_APPEND_DOCUMENT_BEGIN(command, "replSetInitiate", &set);
    BSON_APPEND_UTF8(&set, "_id", "rs0");
    BSON_APPEND_ARRAY_BEGIN(&set, "members", &members);
    for (int i = 0; i < counts[GIVEN_MONGO]; i++) {
        char key[12];

        snprintf(key, sizeof(key), "%d", i);
        BSON_APPEND_DOCUMENT_BEGIN(&members, key, &member);
        BSON_APPEND_INT32(&member, "_id", i);
        BSON_APPEND_UTF8(&member, "host", servers[GIVEN_MONGO][i].address);
        bson_append_document_end(&members, &member);
    }
    bson_append_array_end(&set, &members);
    BSON_APPEND_DOCUMENT_BEGIN(&set, "settings", &member);
    BSON_APPEND_INT32(&member, "electionTimeoutMillis", alone ? 500 : MONGO_ELECTION_MS);
    BSON_APPEND_INT32(&member, "heartbeatIntervalMillis", alone ? 200 : MONGO_HEARTBEAT_MS);
    BSON_APPEND_INT32(&member, "catchUpTimeoutMillis", MONGO_CATCH_UP_MS);
    bson_append_document_end(&set, &member);
    bson_append_document_end(command, &set);
    return command;
}

/* Make the servers a replica set. */
static void initiate(void)
{
    mongoc_client_t *client = direct_client(&servers[GIVEN_MONGO][0]);
    bson_t reply, *command = initiation();
    bson_error_t error = {0};

    cr_assert(mongoc_client_command_simple(client, "admin", command, NULL, &reply, &error),
              "cannot initiate the replica set: %s", error.message);
    bson_destroy(&reply);
    bson_destroy(command);
    mongoc_client_destroy(client);
}

static void start_server(enum given_store_kind kind, struct server *server, bool fresh)
{
    cr_assert_eq(mkdir(server->folder, 0700) == 0, fresh, "data of %s", server->name);
    switch (kind) {
    case GIVEN_MONGO: start_mongo(server); break;
    case GIVEN_NATS: start_nats(server); break;
    case GIVEN_REDIS: start_redis(server); break;
    }
    eventually(has_started, server, START_TIMEOUT_MS, server->name);
}

static void name_server(enum given_store_kind kind, int node)
{
    struct server *server = &servers[kind][node];

    server->port = free_port();
    if (kind == GIVEN_NATS) {
        server->monitor_port = free_port();
        server->route_port = free_port();
    }
    snprintf(server->folder, sizeof(server->folder), "%s/%s-%d", test_folder(), server->name, node);
    snprintf(server->log, sizeof(server->log), "%s/%s-%d.log", test_folder(), server->name, node);
    snprintf(server->config, sizeof(server->config), "%s/%s-%d.conf", test_folder(), server->name,
             node);
    snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", server->port);
}

/* The first server of this kind; all of them are started at the first call. */
static struct server *given_server(enum given_store_kind kind)
{
    struct server *nodes = servers[kind];

    if (nodes->port != 0)
        return nodes;
    for (int i = 0; i < counts[kind]; i++)
        name_server(kind, i);
    for (int i = 0; i < counts[kind]; i++)
        start_server(kind, &nodes[i], /* fresh= */ true);
    if (kind == GIVEN_MONGO) {
        initiate();
        eventually(has_primary, NULL, START_TIMEOUT_MS, "mongod is the primary");
    }
    return nodes;
}

void given_clusters(void)
{
    cr_assert(servers[GIVEN_MONGO]->port == 0 && servers[GIVEN_NATS]->port == 0);
    counts[GIVEN_MONGO] = counts[GIVEN_NATS] = STORE_NODES;
}

int mongo_primary(void)
{
    for (int i = 0; i < counts[GIVEN_MONGO]; i++)
        if (servers[GIVEN_MONGO][i].pid != 0 &&
            is_in_role(&servers[GIVEN_MONGO][i], "isWritablePrimary"))
            return i;
    return -1;
}

bool mongo_follows(int node)
{
    return is_in_role(&servers[GIVEN_MONGO][node], "secondary");
}

int nats_monitor_port(int node)
{
    return servers[GIVEN_NATS][node].monitor_port;
}

/* "host:1,host:2", each after `prefix`. */
static const char *write_addresses(char *text, size_t size, enum given_store_kind kind,
                                   const char *prefix)
{
    const struct server *nodes = given_server(kind);
    int used = 0;

    for (int i = 0; i < counts[kind]; i++)
        used += snprintf(text + used, size - (size_t)used, "%s%s%s", i > 0 ? "," : "", prefix,
                         nodes[i].address);
    return text;
}

const char *given_own_mongo(void)
{
    static char uri[160];
    char addresses[112];

    snprintf(uri, sizeof(uri), "mongodb://%s/?replicaSet=rs0",
             write_addresses(addresses, sizeof(addresses), GIVEN_MONGO, ""));
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

    if (servers[GIVEN_MONGO]->port != 0)
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
    static char urls[128];

    return write_addresses(urls, sizeof(urls), GIVEN_NATS, "nats://");
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
    return servers[kind]->pid;
}

void kill_node(enum given_store_kind kind, int node)
{
    struct server *server = &servers[kind][node];

    cr_assert_neq(server->pid, 0, "this test has not started %s itself", server->name);
    end_process(server->pid, SIGKILL, 10000);
    server->pid = 0;
}

void pause_node(enum given_store_kind kind, int node, bool paused)
{
    struct server *server = &servers[kind][node];

    cr_assert_neq(server->pid, 0, "%s does not run", server->name);
    kill(server->pid, paused ? SIGSTOP : SIGCONT);
    if (paused) /* its threads run on until one of them takes the signal: wait until all stand */
        waitpid(server->pid, /* status= */ NULL, WUNTRACED);
}

void revive_node(enum given_store_kind kind, int node)
{
    struct server *server = &servers[kind][node];

    cr_assert_eq(server->pid, 0, "%s runs", server->name);
    start_server(kind, server, /* fresh= */ false);
}

void kill_store(enum given_store_kind kind)
{
    kill_node(kind, 0);
}

void pause_store(enum given_store_kind kind, bool paused)
{
    pause_node(kind, 0, paused);
}

void revive_store(enum given_store_kind kind, bool wiped)
{
    if (wiped) {
        remove_folder(servers[kind]->folder);
        cr_assert_eq(servers[kind]->pid, 0, "%s runs", servers[kind]->name);
        start_server(kind, servers[kind], /* fresh= */ true);
    } else {
        revive_node(kind, 0);
    }
    if (kind != GIVEN_MONGO)
        return;
    if (wiped)
        initiate();
    eventually(has_primary, NULL, START_TIMEOUT_MS, "mongod is the primary");
}
