/*
 * The parts of a system that can be cut: five services and three stores, by number.
 */
#include "tests/prove/sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[PART_COUNT] = {"auth",     "tickets", "orders", "expiration",
                                              "payments", "mongod",  "nats",   "redis"};

/* The stores are the last ones, in their own order. */
static enum given_store_kind store_of(int part)
{
    return (enum given_store_kind)(part - SERVICE_COUNT);
}

const char *part_name(int part)
{
    return names[part];
}

int part_of(const char *name)
{
    for (int part = 0; part < PART_COUNT; part++)
        if (strcmp(names[part], name) == 0)
            return part;
    return -1;
}

pid_t part_pid(int part)
{
    return part < SERVICE_COUNT ? service_pid(names[part], 0) : store_pid(store_of(part));
}

int part_port(int part)
{
    const char *url = store_of(part) == GIVEN_MONGO  ? given_own_mongo()
                      : store_of(part) == GIVEN_NATS ? given_nats()
                                                     : given_redis();

    if (part < SERVICE_COUNT)
        return service_port(names[part], 0);
    return (int)strtol(strrchr(url, ':') + 1, NULL, 10);
}

void part_renew(int part)
{
    if (part < SERVICE_COUNT) {
        kill_service(names[part], 0);
        start_service(names[part], 0);
    } else {
        kill_store(store_of(part));
        revive_store(store_of(part), false);
    }
}
