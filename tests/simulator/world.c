/*
 * One episode: a busy time, in which people act and everything breaks that may break, then calm, in
 * which nothing breaks any more and nobody begins anything, until all is at rest.
 *
 * Which faults befall a world, and how often, is drawn for each seed, and many seeds leave some out
 * altogether: a fault that would hide another one is so sometimes absent. In calm an operator does
 * what the runbooks say: parked messages are handled again.
 */

#include "tests/simulator/simulator.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_MOST_US (600 * SECOND_US) /* of calm, by when all is at rest */
#define REST_LOOK_US SECOND_US
#define OPERATOR_US  (30 * SECOND_US)
#define STEPS_MOST   INT64_C(4000000) /* of one episode */

struct world world;

/* A rate about `common`, or never. */
static int64_t draw_rate(int64_t common)
{
    static const int64_t quarters[] = {0, 1, 4, 4, 16};

    return common * quarters[chance_below(5)] / 4;
}

static void draw_faults(struct faults *faults)
{
    *faults = (struct faults){
        .kill = draw_rate(800),
        .pause = draw_rate(4),
        .stop = draw_rate(8),
        .store_away = draw_rate(200),
        .store_reply_lost = draw_rate(200),
        .publish_lost = draw_rate(20),
        .ack_lost = draw_rate(20),
        .delivery_lost = draw_rate(40),
        .delivery_twice = draw_rate(10),
        .redis_away = draw_rate(50),
        .stripe_lost = draw_rate(8),
        .stripe_slow = draw_rate(16),
        .answer_lost = draw_rate(10),
        .reorder = (int)chance_below(4) * 20,
        .skew_ms = chance_between(0, 3) * 1000,
        .no_keys = chance_one_in(4),
        .by_hand = draw_rate(16),
        .redis_ahead_ms = chance_between(0, 3) * chance_between(0, 6000),
    };
}

bool world_fault(int64_t one_in)
{
    return !world.calm && chance_one_in(one_in);
}

/* Now and then something happens to a process, to Redis or to a durable. */
static void befall(void *unused)
{
    struct process *process = &processes[chance_below(process_count)];

    if (world.calm)
        return;
    if (process->alive && world_fault(world.faults.pause)) {
        process->paused_until_us = world.now_us + chance_between(0, 45 * SECOND_US);
        note("PAUSES %s until %.3f s", process->name, (double)process->paused_until_us / 1e6);
    } else if (process->alive && world_fault(world.faults.stop)) {
        process_stop(process);
    } else if (world_fault(world.faults.stop * 2)) {
        redis_wipe();
    } else if (world_fault(world.faults.stop * 2)) {
        bus_redeliver();
    }
    later(chance_between(SECOND_US / 4, 4 * SECOND_US), NULL, befall, unused);
}

static void operate(void *unused)
{
    bus_retry_parked();
    later(OPERATOR_US, NULL, operate, unused);
}

static void become_calm(void)
{
    note("CALM: nothing breaks from here on, nobody begins anything");
    world.calm = true;
    world.calm_since_us = world.now_us;
    for (size_t i = 0; i < process_count; i++)
        processes[i].paused_until_us = 0;
    operate(NULL);
}

static void run_until(int64_t until_us)
{
    while (world.now_us < until_us)
        if (!fibers_step() || world.steps > STEPS_MOST)
            broken("P4", "nothing comes to an end");
}

static void set_environment(void)
{
    static const char *const settings[][2] = {
        {"JWT_KEY", "a key that signs nothing in this world"},
        {"STRIPE_KEY", "sk_test_simulator"},
        {"STRIPE_WEBHOOK_SECRET", "whsec_simulator"},
        {"LOCK_SECONDS", "30"},
        {"RESOLVE_SECONDS", "10"},
        {"SETTLE_WORKERS", "2"},
        {"MAX_LIVE_ORDERS", "2"},
        {"RATE_LIMITS", "off"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        setenv(settings[i][0], settings[i][1], /* overwrite= */ 1);
}

void world_report(void)
{
    world.verdict.steps = world.steps;
    *world.report = world.verdict;
}

void world_run(const struct options *options, struct verdict *ret_verdict)
{
    const char *unrest = "";
    int64_t busy_us;

    world.options = *options;
    world.report = ret_verdict;
    if (sodium_init() < 0)
        abort();
    set_environment();
    fibers_open(options->seed);
    draw_faults(&world.faults);
    busy_us = chance_between(10 * SECOND_US, 120 * SECOND_US);
    processes_open(options->instances);
    people_open();
    later(SECOND_US, NULL, befall, NULL);
    while (world.now_us < busy_us && (options->steps_max == 0 || world.steps < options->steps_max))
        if (!fibers_step())
            broken("P4", "nothing happens any more");
    become_calm();
    for (; unrest != NULL; unrest = promise_unrest()) {
        if (world.now_us > world.calm_since_us + REST_MOST_US)
            broken("liveness", "after %d s of calm: %s", (int)(REST_MOST_US / SECOND_US), unrest);
        run_until(world.now_us + REST_LOOK_US);
    }
    world.verdict.rest_ms = (world.now_us - world.calm_since_us) / MS_US;
    world_report();
}
