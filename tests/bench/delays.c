/*
 * Delays: how long until something that was committed here has its effect there. Both ends are read
 * with the same clock: the reply of one service, and the document of another as polled every fifth
 * of a millisecond.
 */

#include "tests/bench/bench.h"

#include "common/delay.h"
#include "common/instant.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 5000
#define BATCH       10
#define AHEAD_MS    400 /* from now until the orders of a batch are due */

static void wait_a_little(void)
{
    struct timespec step = {.tv_nsec = 200000};

    nanosleep(&step, NULL);
}

/* Wait until document `id` matches `status` (NULL: until it exists); false: not in time. */
static bool await(struct store *store, const char *id, const char *status)
{
    int64_t until_ms = instant_monotonic() + PATIENCE_MS;
    int64_t count = 0;

    while (count == 0 && instant_monotonic() < until_ms) {
        bson_t filter = BSON_INITIALIZER;

        store_append_id(&filter, "_id", id);
        if (status != NULL)
            BSON_APPEND_UTF8(&filter, "status", status);
        if (store_count(store, "tickets", &filter, 1, &count) != 0)
            count = 0;
        bson_destroy(&filter);
        if (count == 0)
            wait_a_little();
    }
    return count > 0;
}

size_t measure_propagation(struct bench *bench, double *samples, size_t most)
{
    struct wire *wire = wire_new((int)bench->tickets_port);
    char *cookie = bench_cookie(bench);
    size_t count = 0;

    for (size_t i = 0; i < most; i++) {
        char id[ID_BYTES];
        int64_t committed_us;

        if (!wire_ask(wire, "POST", "/api/tickets", cookie, "{\"title\":\"Bench\",\"price\":5}"))
            break;
        committed_us = instant_monotonic_us();
        wire_member(wire, "id", id, sizeof(id));
        if (await(bench->orders, id, NULL))
            samples[count++] = (double)(instant_monotonic_us() - committed_us) / 1000;
    }
    free(cookie);
    wire_free(wire);
    return count;
}

/* Move an order's deadline, in its document and in Redis, to `due_at_ms`. */
static bool make_due(struct bench *bench, struct delay *delay, const char *order, int64_t due_at_ms)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, set;
    int64_t matched = 0;
    int r;

    store_append_id(&filter, "_id", order);
    BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
    BSON_APPEND_DATE_TIME(&set, "expiresAt", due_at_ms);
    bson_append_document_end(&update, &set);
    r = store_update(bench->orders, "orders", &filter, &update, false, &matched);
    bson_destroy(&filter);
    bson_destroy(&update);
    return r == 0 && matched == 1 && delay_cancel(delay, order) == 0 &&
           delay_schedule(delay, order, due_at_ms) == 0;
}

/* Order up to BATCH tickets and wait until tickets has locked them. */
static size_t order_batch(struct bench *bench, struct wire *wire, const char *cookie,
                          char orders[][ID_BYTES], const char *tickets[])
{
    size_t count = 0;

    while (count < BATCH - 1) {
        size_t next = bench->supply_next++;
        char body[128];

        if (next >= bench->supply_count)
            break;
        snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", bench->supply[next]);
        if (!wire_ask(wire, "POST", "/api/orders", cookie, body) || wire->status != 201)
            break;
        wire_member(wire, "id", orders[count], ID_BYTES);
        tickets[count] = bench->supply[next];
        if (!await(bench->tickets, tickets[count], "reserved"))
            break;
        count++;
    }
    return count;
}

size_t measure_expiry(struct bench *bench, double *samples, size_t most)
{
    struct wire *wire = wire_new((int)bench->orders_port);
    struct delay *delay = NULL;
    size_t count = 0, batches = 1 + most / BATCH;

    if (delay_open(bench->redis_url, "expiration", &delay) != 0)
        return 0;
    for (size_t b = 0; b < batches; b++) {
        char *cookie = bench_cookie(bench);
        char orders[BATCH][ID_BYTES];
        const char *tickets[BATCH];
        size_t made = order_batch(bench, wire, cookie, orders, tickets);
        int64_t due_at_ms = instant_now() + AHEAD_MS;

        /* one after the other, a little apart, so that each is seen when it happens */
        for (size_t i = 0; i < made; i++)
            if (!make_due(bench, delay, orders[i], due_at_ms + (int64_t)i * 60))
                made = i;
        for (size_t i = 0; i < made && count < most; i++)
            if (await(bench->tickets, tickets[i], "available"))
                samples[count++] = (double)(instant_now() - due_at_ms - (int64_t)i * 60);
        free(cookie);
    }
    delay_free(delay);
    wire_free(wire);
    return count;
}

size_t measure_start(struct bench *bench, double *samples, size_t most)
{
    size_t count = 0;

    for (size_t i = 0; i < most; i++) {
        int port = free_port();
        struct wire *wire = wire_new(port);
        int64_t before_us = instant_monotonic_us();
        int64_t until_ms = instant_monotonic() + PATIENCE_MS;
        bool ready = false;
        char port_text[32], *uri = xasprintf("MONGO_URI=%s", bench->mongo_uri);
        pid_t pid;

        snprintf(port_text, sizeof(port_text), "PORT=%d", port);
        pid = fork();
        if (pid == 0) { /* nothing but exec: other threads may hold locks */
            execl("/usr/bin/env", "env", port_text, uri, "LOG_LEVEL=error",
                  "build/release/bin/tickets", (char *)NULL);
            _exit(127);
        }
        free(uri);
        while (!ready && instant_monotonic() < until_ms) {
            ready = wire_ask(wire, "GET", "/readyz", "", NULL) && wire->status == 200;
            if (!ready)
                wait_a_little();
        }
        if (ready)
            samples[count++] = (double)(instant_monotonic_us() - before_us) / 1000;
        wire_free(wire);
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
    }
    return count;
}
