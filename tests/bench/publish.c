/*
 * Publishing: how fast events leave the outboxes of a service that is busy, beside how fast nats.c
 * alone can publish messages of that size into a stream with the same settings: one after the
 * other, and with a window as large as ours.
 */

#include "tests/bench/bench.h"

#include "common/bus.h"
#include "common/instant.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM     "bench"
#define SUBJECT    "bench.event"
#define BODY_BYTES 400 /* as of ticket.created, headers included */

/* What tickets says of its outbox: the value of a metric on its own port. */
static double metric_of_tickets(struct bench *bench, const char *name)
{
    struct wire *wire = wire_new((int)bench->tickets_port);
    char line[80];
    double value = 0;
    const char *at;

    snprintf(line, sizeof(line), "\n%s", name);
    if (wire_ask(wire, "GET", "/metrics", "", NULL) && (at = strstr(wire->body, line)) != NULL)
        value = strtod(at + strlen(line), NULL);
    wire_free(wire);
    return value;
}

static double measure_relay(struct bench *bench, int64_t seconds)
{
    struct load load = {.threads = 32,
                        .duration_ms = seconds * 1000,
                        .plan = &bench,
                        .begin = begin_tickets,
                        .work = work_create_ticket,
                        .end = client_end};
    double before = metric_of_tickets(bench, "outbox_published_total ");
    int64_t before_us = instant_monotonic_us();

    load_run(&load);
    return (metric_of_tickets(bench, "outbox_published_total ") - before) * 1e6 /
           (double)(instant_monotonic_us() - before_us);
}

/* Publish for a while with at most `window` under way; messages a second. */
static double measure_raw(jsCtx *js, int64_t window, int64_t seconds)
{
    char body[BODY_BYTES];
    int64_t count = 0, before_us = instant_monotonic_us();
    int64_t until_ms = instant_monotonic() + seconds * 1000;

    memset(body, 'x', sizeof(body));
    while (instant_monotonic() < until_ms) {
        natsStatus status = window == 1
                                ? js_Publish(NULL, js, SUBJECT, body, sizeof(body), NULL, NULL)
                                : js_PublishAsync(js, SUBJECT, body, sizeof(body), NULL);

        if (status != NATS_OK)
            break;
        count++;
    }
    if (window > 1)
        js_PublishAsyncComplete(js, NULL);
    return (double)count * 1e6 / (double)(instant_monotonic_us() - before_us);
}

void publish_print(struct bench *bench, int64_t seconds)
{
    double relay, single = 0, window = 0;
    natsConnection *connection = NULL;
    jsStreamConfig config;
    jsOptions options;
    jsCtx *js = NULL;
    const char *subjects[] = {SUBJECT};

    table_wait_quiet(bench);
    relay = measure_relay(bench, seconds);
    table_wait_quiet(bench);
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = BUS_WINDOW;
    options.PublishAsync.StallWait = 5000;
    jsStreamConfig_Init(&config);
    config.Name = STREAM;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    if (natsConnection_ConnectTo(&connection, bench->nats_url) == NATS_OK &&
        natsConnection_JetStream(&js, connection, &options) == NATS_OK &&
        js_AddStream(NULL, js, &config, NULL, NULL) == NATS_OK) {
        single = measure_raw(js, 1, seconds);
        window = measure_raw(js, BUS_WINDOW, seconds);
        js_DeleteStream(js, STREAM, NULL, NULL);
    }
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    fprintf(stdout,
            "events out, while tickets are created  %6.0f/s      nats.c alone: one by one %.0f/s, "
            "window of %d %.0f/s\n",
            relay, single, BUS_WINDOW, window);
    fflush(stdout);
}
