/*
 * What most service tests begin with: a database of their own, an open store on it, a bus.
 *
 * They are closed when the test's process exits, in reverse order of the first use: a failed
 * assertion exits too, and the leak check runs after that. A test that needs a certain order (or a
 * store that is closed early) opens its own with store_open and bus_open.
 */
#include "common/memory.h"
#include "common/metrics.h"
#include "tests/support/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSES_MAX 8

static struct store *store;
static struct {
    struct bus *bus;
    struct metrics *metrics;
    const char *service;
} buses[BUSES_MAX];

const char *given_database(void)
{
    static char name[32];

    if (!name[0]) {
        snprintf(name, sizeof(name), "test_%d_", (int)getpid());
        drop_at_end(name);
    }
    return name;
}

static void close_store(void)
{
    store = store_free(store);
}

struct store *given_store(void)
{
    struct store_config config = {
        .uri = given_mongo(), .database = given_database(), .app_name = "test", .clients_max = 16};

    if (!store) {
        cr_assert_eq(store_open(&config, &store), 0, "cannot open a store");
        atexit(close_store);
    }
    return store;
}

static void close_buses(void)
{
    for (size_t i = 0; i < BUSES_MAX && buses[i].bus; i++) {
        buses[i].bus = bus_free(buses[i].bus);
        metrics_free(buses[i].metrics);
    }
}

struct bus *given_bus(const char *service)
{
    struct bus_config config = {.url = given_nats(), .service = service, .workers = 4};
    size_t i = 0;

    while (i < BUSES_MAX && buses[i].bus) {
        if (strcmp(buses[i].service, service) == 0)
            return buses[i].bus;
        i++;
    }
    cr_assert_lt(i, BUSES_MAX, "too many buses");
    if (i == 0)
        atexit(close_buses);
    buses[i].service = service;
    config.metrics = buses[i].metrics = metrics_new();
    cr_assert_eq(bus_open(&config, 10000, &buses[i].bus), 0, "cannot open a bus");
    return buses[i].bus;
}
