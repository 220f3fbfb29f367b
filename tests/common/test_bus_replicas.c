/*
 * Streams on a cluster of three nats-servers: kept by as many as is asked for, and by no fewer than
 * they once were.
 */

#include "common/bus_private.h"
#include "tests/support/process.h"

#include <signal.h>
#include <stdio.h>

#define SERVERS  3
#define START_MS 30000 /* a cluster elects a leader first, on a machine that may be busy */

struct cluster {
    pid_t pids[SERVERS];
    char url[128];
};

static struct cluster cluster;

static void start_server(int n, const int *ports, const int *routes)
{
    cleanup(freep) char *config = xasprintf("%s/nats-%d.conf", test_folder(), n);
    cleanup(freep) char *log = xasprintf("%s/nats-%d.log", test_folder(), n);
    const char *argv[] = {find_program("TEST_NATS_SERVER", "nats-server"), "-c", config, NULL};
    FILE *file = fopen(config, "w");

    cr_assert_not_null(file);
    fprintf(file,
            "server_name: n%d\nlisten: 127.0.0.1:%d\njetstream { store_dir: \"%s/data-%d\" }\n"
            "cluster { name: test, listen: 127.0.0.1:%d, routes: [",
            n, ports[n], test_folder(), n, routes[n]);
    for (int i = 0; i < SERVERS; i++)
        fprintf(file, "%s\"nats://127.0.0.1:%d\"", i > 0 ? ", " : "", routes[i]);
    fprintf(file, "] }\n");
    fclose(file);
    cluster.pids[n] = spawn(argv, NULL, log);
}

static void given_cluster(void)
{
    int ports[SERVERS], routes[SERVERS];

    for (int i = 0; i < SERVERS; i++) {
        ports[i] = free_port();
        routes[i] = free_port();
    }
    for (int i = 0; i < SERVERS; i++)
        start_server(i, ports, routes);
    snprintf(cluster.url, sizeof(cluster.url),
             "nats://127.0.0.1:%d,nats://127.0.0.1:%d,nats://127.0.0.1:%d", ports[0], ports[1],
             ports[2]);
}

static void end_cluster(void)
{
    for (int i = 0; i < SERVERS; i++)
        end_process(cluster.pids[i], SIGKILL, 5000);
}

static bool is_prepared(void *context)
{
    cleanup(writer_release) struct writer problems = {0};
    int r;

    writer_init(&problems);
    r = bus_prepare(context, NULL, 0, &problems);
    cr_assert(r == 0 || r == -EAGAIN, "%d", r);
    cr_assert_eq(problems.length, 0, "%s", writer_text(&problems));
    return r == 0;
}

/* A service with this setting comes and goes; returns the least replicas of any stream after. */
static int64_t after_service_with(int64_t replicas)
{
    struct bus_config config = {
        .url = cluster.url, .service = "orders", .workers = 1, .replicas = replicas};
    struct bus *bus = NULL;
    int64_t least = SERVERS;

    cr_assert_eq(bus_open(&config, START_MS, &bus), 0);
    eventually(is_prepared, bus, START_MS, "all streams are there");
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
        jsStreamInfo *info = NULL;

        cr_assert_eq(js_GetStreamInfo(&info, bus->js, event_owner_info(owner)->stream, NULL, NULL),
                     NATS_OK);
        if (info->Config->Replicas < least)
            least = info->Config->Replicas;
        jsStreamInfo_Destroy(info);
    }
    bus = bus_free(bus);
    return least;
}

Test(bus_replicas, are_added_by_who_asks_for_more_and_taken_away_by_nobody, .fini = end_cluster)
{
    given_cluster();
    cr_expect_eq(after_service_with(1), 1);
    cr_expect_eq(after_service_with(3), 3);
    cr_expect_eq(after_service_with(1), 3);
}
