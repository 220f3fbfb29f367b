/*
 * Gate: places and a breaker for each lane, one mutex.
 *
 * What a failure is to the breaker: no answer in time, a refused or reset connection, 429, 5xx and
 * nonsense. A decline or another refusal is an answer. So is 409: another request of ours with that
 * key is under way, which two clicks of one buyer can bring about, and which must not send the
 * other buyers away.
 */

#include "payments/gate.h"

#include "common/instant.h"
#include "common/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FAILURES_LEAST 5
#define WINDOW_MS      10000

static const char *const lane_names[] = {
    [GATE_BUYER] = "buyer", [GATE_WEBHOOK] = "webhook", [GATE_SETTLER] = "settler"};

/* The calls that charge.c makes; their counters are there from the start. */
static const char *const call_names[] = {"create",  "find",   "confirm",
                                         "capture", "cancel", "refund"};

/* One lane's share. */
struct lane {
    struct breaker breaker;
    int64_t places, taken;
    int64_t waiting, waiting_max;
    struct metric *state, *turned_away_open, *turned_away_full;
};

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t left; /* a buyer has */
    struct lane lanes[GATE_LANES];
    struct metrics *metrics;
};

static struct metric *calls(struct metrics *metrics, const char *call, const char *end)
{
    char labels[64];

    snprintf(labels, sizeof(labels), "call=\"%s\",end=\"%s\"", call, end);
    return metrics_counter(metrics, "stripe_calls_total", labels,
                           "Calls to Stripe, by how they ended.");
}

static struct histogram *call_seconds(struct metrics *metrics, const char *call)
{
    char labels[64];

    snprintf(labels, sizeof(labels), "call=\"%s\"", call);
    return metrics_histogram(metrics, "stripe_call_seconds", labels,
                             "How long calls to Stripe took.");
}

static void open_lane(struct gate *gate, enum gate_lane which, const struct breaker_rule *rule)
{
    static const char help[] = "Visits to Stripe that were not begun, by why.";
    struct lane *lane = &gate->lanes[which];
    char labels[64];

    breaker_init(&lane->breaker, rule);
    snprintf(labels, sizeof(labels), "lane=\"%s\"", lane_names[which]);
    lane->state = metrics_gauge(gate->metrics, "stripe_breaker_state", labels,
                                "0: Stripe is asked; 1: one visit probes; 2: it is left alone.");
    snprintf(labels, sizeof(labels), "lane=\"%s\",why=\"breaker\"", lane_names[which]);
    lane->turned_away_open =
        metrics_counter(gate->metrics, "stripe_turned_away_total", labels, help);
    snprintf(labels, sizeof(labels), "lane=\"%s\",why=\"full\"", lane_names[which]);
    lane->turned_away_full =
        metrics_counter(gate->metrics, "stripe_turned_away_total", labels, help);
}

struct gate *gate_new(const struct gate_config *config)
{
    const struct breaker_rule rule = {
        .failures = FAILURES_LEAST, .window_ms = WINDOW_MS, .pause_ms = config->pause_ms};
    struct gate *gate = xcalloc(1, sizeof(*gate));
    pthread_condattr_t attributes;

    pthread_mutex_init(&gate->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&gate->left, &attributes);
    pthread_condattr_destroy(&attributes);
    gate->metrics = config->metrics;
    for (enum gate_lane lane = 0; lane < GATE_LANES; lane++)
        open_lane(gate, lane, &rule);
    for (size_t i = 0; i < ARRAY_LENGTH(call_names); i++) {
        calls(gate->metrics, call_names[i], "ok");
        call_seconds(gate->metrics, call_names[i]);
    }
    gate->lanes[GATE_BUYER].places = config->places;
    gate->lanes[GATE_BUYER].waiting_max = config->places / 2;
    gate->lanes[GATE_WEBHOOK].places = config->places > 4 ? config->places / 4 : 1;
    gate->lanes[GATE_SETTLER].places = INT64_MAX; /* as many as it has threads */
    return gate;
}

struct gate *gate_free(struct gate *gate)
{
    if (gate == NULL)
        return NULL;
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->mutex);
    free(gate);
    return NULL;
}

bool gate_is_open(struct gate *gate, enum gate_lane lane)
{
    bool open;

    pthread_mutex_lock(&gate->mutex);
    open = breaker_would_admit(&gate->lanes[lane].breaker, instant_monotonic());
    pthread_mutex_unlock(&gate->mutex);
    return open;
}

/* Is there a place, perhaps in a moment? Only buyers wait. */
static bool await_place(struct gate *gate, struct lane *lane)
{
    int64_t until_ms = instant_monotonic() + GATE_WAIT_MS;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
    bool in_time = true;

    if (lane->taken < lane->places || lane->waiting == lane->waiting_max)
        return lane->taken < lane->places;
    lane->waiting++;
    while (lane->taken >= lane->places && in_time)
        in_time = pthread_cond_timedwait(&gate->left, &gate->mutex, &until) != ETIMEDOUT;
    lane->waiting--;
    return lane->taken < lane->places;
}

int gate_enter(struct gate *gate, enum gate_lane which, struct gate_visit *ret_visit)
{
    struct gate_visit visit = {.gate = gate, .lane = which};
    struct lane *lane = &gate->lanes[which];
    bool may, full = false;

    pthread_mutex_lock(&gate->mutex);
    may = breaker_would_admit(&lane->breaker, instant_monotonic()); /* else there is no waiting */
    if (may)
        full = !await_place(gate, lane);
    may = may && !full && breaker_admit(&lane->breaker, instant_monotonic(), &visit.era);
    lane->taken += may;
    metric_set(lane->state, lane->breaker.state);
    pthread_mutex_unlock(&gate->mutex);

    if (!may) {
        metric_add(full ? lane->turned_away_full : lane->turned_away_open, 1);
        return -EAGAIN;
    }
    *ret_visit = visit;
    return 0;
}

void gate_leave(struct gate_visit *visit)
{
    struct gate *gate = visit->gate;
    struct lane *lane = &gate->lanes[visit->lane];

    pthread_mutex_lock(&gate->mutex);
    lane->taken--;
    breaker_leave(&lane->breaker, visit->era);
    metric_set(lane->state, lane->breaker.state);
    if (visit->lane == GATE_BUYER)
        pthread_cond_signal(&gate->left);
    pthread_mutex_unlock(&gate->mutex);
}

int64_t gate_retry_seconds(struct gate *gate, enum gate_lane lane)
{
    int64_t wait_ms;

    pthread_mutex_lock(&gate->mutex);
    wait_ms = breaker_wait(&gate->lanes[lane].breaker, instant_monotonic());
    pthread_mutex_unlock(&gate->mutex);
    return wait_ms > 1000 ? (wait_ms + 999) / 1000 : 1;
}

void visit_call(struct gate_visit *visit, const char *call)
{
    visit->call = call;
    visit->began_us = instant_monotonic_us();
}

/* How it ended, in a word for the metrics. */
static const char *end_name(int r, const struct stripe_intent *intent)
{
    if (r == -EAGAIN)
        return stripe_silence_name(intent->silence);
    if (r == -EACCES)
        return "denied";
    return r == 0 ? "ok" : "refused";
}

/* Tell the lane's breaker, and log where Stripe is given up, or found again. */
static void tell_breaker(struct gate_visit *visit, bool well)
{
    struct gate *gate = visit->gate;
    struct lane *lane = &gate->lanes[visit->lane];
    enum breaker_state before, after;

    pthread_mutex_lock(&gate->mutex);
    before = lane->breaker.state;
    breaker_note(&lane->breaker, instant_monotonic(), well, &visit->era);
    after = lane->breaker.state;
    metric_set(lane->state, after);
    pthread_mutex_unlock(&gate->mutex);

    if (after == BREAKER_OPEN && before == BREAKER_CLOSED)
        log_event(LOG_WARNING, "stripe keeps failing and is left alone", "lane=%s call=%s",
                  lane_names[visit->lane], visit->call);
    if (after == BREAKER_CLOSED && before != BREAKER_CLOSED)
        log_event(LOG_INFO, "stripe answers again", "lane=%s", lane_names[visit->lane]);
}

int visit_heard(struct gate_visit *visit, int r, const struct stripe_intent *intent)
{
    struct metrics *metrics = visit->gate->metrics;

    metric_add(calls(metrics, visit->call, end_name(r, intent)), 1);
    histogram_add(call_seconds(metrics, visit->call), instant_monotonic_us() - visit->began_us);
    tell_breaker(visit, r != -EAGAIN || intent->silence == STRIPE_KEY_IN_USE);
    return r == -EACCES ? -EAGAIN
                        : r; /* an operator's to mend; to who waits it is one more later */
}
