/*
 * The simulator: the five services in one thread, on a world that is made of chance.
 *
 * What runs is what ships. Each service's objects are linked as they are, main() and all, several
 * times over: routes, listeners, models, the outbox's relay and sweep, jobs, timers, the settler,
 * the dispatcher, start and stop. What is not ours is made here: MongoDB, JetStream, Redis, Stripe,
 * the clock, the threads and the wire (simulator.h lists the files). The cut goes where the house
 * cut it already: each library is known to one file of common/, and its header is what is played
 * here. So nothing had to be changed to be simulated, and nothing is told twice that could differ.
 *
 * How it is put together (Makefile): a service's objects become one, in which every name is its own
 * but main(), now orders_main(): so five `struct app` and five on_order() live side by side, and
 * two instances share code but no data, since the house has no mutable globals. Calls of threads,
 * clocks and chance are sent to fibers.c by name (redirects.syms). The names of common/ are made
 * weak, so that what is played here wins.
 *
 * A step is what a thread does between two calls of the world: read, decide, commit, publish,
 * acknowledge, ask Stripe. After each, chance says who goes on, and now and then kills it. A commit
 * is two steps: one may die before it, or after it and not know. While people order, pay, cancel
 * and withdraw, processes are killed, paused and stopped, calls fail before or after their effect,
 * messages come late, twice, out of order or into a dead process, Redis is wiped, durables forget,
 * Stripe is slow or silent. Promises are looked at with each effect (promises.c); then calm, and
 * all must come to rest: paid or given back, sold or free, nothing left over.
 *
 * A seed is an episode. Each runs in a child of its own, so it begins with the same memory, and a
 * dead process's leak is nobody's. A seed that breaks a promise is run again with words, and its
 * last steps are printed with the command that shows all of them.
 *
 * Built with -O2 and UBSan. Not ASan: it does not know our stacks and would call what a killed
 * process held a leak; the same code runs under ASan in all other tests.
 *
 *   simulator [--seed N] [--seconds S | --steps N] [--instances I] [--trace] [--break NAME]
 *
 * --seed alone runs that one; with --seconds, that one and those after it. --steps ends the busy
 * time early, to shorten a trace. --break plants a defect, to see it found.
 */

#include "tests/simulator/simulator.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EPISODE_SECONDS 60 /* of real time; one that takes longer hangs */

static const char *const breakages[BREAK_COUNT] = {
    [BREAK_NOTHING] = "nothing",
    [BREAK_VERSION_CHECK] = "version-check",
    [BREAK_UNIQUE_INDEX] = "unique-index",
    [BREAK_EARLY_ACK] = "early-ack",
    [BREAK_EARLY_CAPTURE] = "early-capture",
    [BREAK_OTHERS_LOCK] = "others-lock",
    [BREAK_EARLY_EXPIRY] = "early-expiry",
    [BREAK_OUTBOX] = "outbox",
    [BREAK_SWEEP] = "sweep",
    [BREAK_COPY_ORDER] = "copy-order",
    [BREAK_PAYMENT_INDEX] = "payment-index",
};

struct arguments {
    struct options options;
    int64_t seconds;
    bool has_seed;
};

static int usage(void)
{
    fprintf(stderr,
            "simulator [--seed N] [--seconds S | --steps N] [--instances 1…%d] [--trace]\n"
            "          [--break NAME]  of:",
            INSTANCES_MAX);
    for (int i = 1; i < BREAK_COUNT; i++)
        fprintf(stderr, " %s", breakages[i]);
    fprintf(stderr, "\n");
    return 2;
}

static enum breakage breakage_of(const char *name)
{
    enum breakage breakage = BREAK_NOTHING;

    while (breakage < BREAK_COUNT && strcmp(breakages[breakage], name) != 0)
        breakage++;
    return breakage;
}

/* False: they make no sense. */
static bool read_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 'S'},
        {"seconds", required_argument, NULL, 's'},
        {"steps", required_argument, NULL, 'n'},
        {"instances", required_argument, NULL, 'i'},
        {"trace", no_argument, NULL, 't'},
        {"break", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.options = {.instances = 2}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'S':
            arguments.options.seed = strtoull(optarg, NULL, 10);
            arguments.has_seed = true;
            break;
        case 's': arguments.seconds = strtoll(optarg, NULL, 10); break;
        case 'n': arguments.options.steps_max = strtoll(optarg, NULL, 10); break;
        case 'i': arguments.options.instances = (int)strtol(optarg, NULL, 10); break;
        case 't': arguments.options.trace = true; break;
        case 'b': arguments.options.breakage = breakage_of(optarg); break;
        default: return false;
        }
    }
    *ret_arguments = arguments;
    return optind == argc && arguments.options.breakage < BREAK_COUNT &&
           arguments.options.instances >= 1 && arguments.options.instances <= INSTANCES_MAX;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Run one seed in a child. Its exit code; above 128: died of that signal. */
static int run(const struct options *options, struct verdict *shared)
{
    int status = 0;
    pid_t child;

    memset(shared, 0, sizeof(*shared));
    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(options->trace ? 0 : EPISODE_SECONDS);
        world_run(options, shared);
        exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 255;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void add(struct verdict *sum, const struct verdict *one)
{
    sum->steps += one->steps;
    sum->kills += one->kills;
    sum->stops += one->stops;
    sum->faults += one->faults;
    sum->requests += one->requests;
    sum->orders += one->orders;
    sum->completed += one->completed;
    sum->expired += one->expired;
    sum->withdrawn += one->withdrawn;
    sum->banned += one->banned;
    sum->given_up += one->given_up;
    sum->captured += one->captured;
    sum->voided += one->voided;
    sum->refunded += one->refunded;
    sum->declined += one->declined;
    sum->parked += one->parked;
    if (one->rest_ms > sum->rest_ms)
        sum->rest_ms = one->rest_ms;
}

/* Run it again with words, and say how to see all of them. */
static void explain(struct options options, int code, const struct verdict *first,
                    struct verdict *shared)
{
    int64_t steps = first->steps;

    if (!options.trace) {
        options.tell = true;
        code = run(&options, shared);
        if (shared->steps != steps)
            printf("\nthis is not the same episode again: it ended at step %" PRId64
                   ", not %" PRId64 "\n",
                   shared->steps, steps);
    }
    if (code > 1)
        printf("\nseed %" PRIu64 " ended by signal %d\n", options.seed, code - 128);
    printf("\nto see all of it:\n  build/simulator/bin/simulator --seed %" PRIu64 " --instances %d",
           options.seed, options.instances);
    if (options.breakage != BREAK_NOTHING)
        printf(" --break %s", breakages[options.breakage]);
    if (options.steps_max > 0)
        printf(" --steps %" PRId64, options.steps_max);
    printf(" --trace\n");
}

static void print_sum(const struct verdict *sum, double took_s)
{
    printf("simulator: %" PRId64 " steps in %.1f s (%.1f million a minute)\n", sum->steps, took_s,
           (double)sum->steps / took_s * 60 / 1e6);
    printf("  %" PRId64 " requests; %" PRId64 " orders: %" PRId64 " complete, %" PRId64
           " expired, %" PRId64 " given up, %" PRId64 " withdrawn, %" PRId64 " banned\n",
           sum->requests, sum->orders, sum->completed, sum->expired, sum->given_up, sum->withdrawn,
           sum->banned);
    printf("  cards: %" PRId64 " captured, %" PRId64 " declined, %" PRId64 " given back, %" PRId64
           " refunded\n",
           sum->captured, sum->declined, sum->voided, sum->refunded);
    printf("  %" PRId64 " kills, %" PRId64 " stops, %" PRId64 " other faults, %" PRId64
           " messages parked; at rest within %.1f s\n",
           sum->kills, sum->stops, sum->faults, sum->parked, (double)sum->rest_ms / 1000);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct verdict sum = {0}, *shared;
    double begun_s = now_s();
    uint64_t first, count = 0;
    int code = 0;

    if (!read_arguments(argc, argv, &arguments))
        return usage();
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    if (!arguments.has_seed)
        arguments.options.seed = (uint64_t)time(NULL) * 1000;
    if (!arguments.has_seed && arguments.seconds == 0)
        arguments.seconds = 10;
    first = arguments.options.seed;
    do {
        struct verdict one;

        code = run(&arguments.options, shared);
        one = *shared;
        add(&sum, &one);
        count++;
        if (code != 0)
            explain(arguments.options, code, &one, shared);
        arguments.options.seed++;
    } while (code == 0 && now_s() - begun_s < (double)arguments.seconds);
    print_sum(&sum, now_s() - begun_s);
    printf("  seeds %" PRIu64 " to %" PRIu64 ", %d of each service: %s\n", first, first + count - 1,
           arguments.options.instances, code == 0 ? "no promise broken" : "A PROMISE IS BROKEN");
    return code == 0 ? 0 : 1;
}
