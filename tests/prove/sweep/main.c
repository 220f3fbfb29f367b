/*
 * The system-call sweep: every flow, cut at every write of every part.
 *
 *     sweep [--seed N] [--seconds S] [--systems K] [--flow F] [--part P] [--list]
 *           [--point POINT] [--plant DEFECT]
 *
 * A point is "pay/payments/17/kill": in place of the 17th write by payments since the flow pay
 * began, it is killed. What a flow writes is counted first, in a run that nothing cuts; then each
 * point is a run of its own, in an order that the seed gives, until all are done or their
 * seconds are over. --list prints the points there would be, --point runs one, --plant shows that
 * the sweep can fail.
 *
 * A line of JSON for each point goes to standard output, and at the end one for each promise;
 * progress to standard error. The exit code is 1 where a promise is broken; the command that runs
 * the point again is printed, and the logs of its system are kept.
 */
#include "tests/prove/sweep/sweep.h"

#include "common/instant.h"
#include "common/log.h"
#include "common/memory.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const plants[] = {
    [PLANT_NOTHING] = "nothing", [PLANT_LIE] = "lie", [PLANT_RUMOUR] = "rumour"};

static int usage(FILE *file, int code)
{
    fputs("usage: sweep [--seed N] [--seconds S] [--systems 1..4] [--flow F] [--part P] [--list]\n"
          "             [--point FLOW/PART/N/HARM] [--plant lie|rumour]\n\nFlows:",
          file);
    for (int i = 0; i < FLOW_COUNT; i++)
        fprintf(file, " %s", flows[i].name);
    fputs("\nParts:", file);
    for (int i = 0; i < PART_COUNT; i++)
        fprintf(file, " %s", part_name(i));
    fputs("\nHarms: kill epipe reset enospc\n", file);
    return code;
}

static enum plant find_plant(const char *name)
{
    size_t i = 0;

    while (i < ARRAY_LENGTH(plants) && strcmp(plants[i], name) != 0)
        i++;
    return (enum plant)i;
}

static bool is_right(const struct plan *plan)
{
    return plan->systems >= 1 && plan->systems <= SYSTEMS_MAX &&
           plan->plant < ARRAY_LENGTH(plants) && (!plan->part || part_of(plan->part) >= 0);
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct plan *plan, struct point *point)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'},    {"seconds", required_argument, NULL, 't'},
        {"systems", required_argument, NULL, 'k'}, {"flow", required_argument, NULL, 'f'},
        {"part", required_argument, NULL, 'p'},    {"list", no_argument, NULL, 'l'},
        {"point", required_argument, NULL, 'o'},   {"plant", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 's': plan->seed = (unsigned)strtoul(optarg, NULL, 10); break;
        case 't': plan->seconds = strtoll(optarg, NULL, 10); break;
        case 'k': plan->systems = (int)strtol(optarg, NULL, 10); break;
        case 'f': plan->flow = optarg; break;
        case 'p': plan->part = optarg; break;
        case 'l': plan->list = true; break;
        case 'o':
            if (point_parse(optarg, point) < 0)
                return usage(stderr, EXIT_FAILURE);
            plan->only = point;
            break;
        case 'd': plan->plant = find_plant(optarg); break;
        case 'h': return usage(stdout, EXIT_SUCCESS);
        default: return usage(stderr, EXIT_FAILURE);
        }
    }
    return optind < argc || !is_right(plan) ? usage(stderr, EXIT_FAILURE) : -1;
}

/* Of one promise: how many of how many broke it. */
static void promise(const struct plan *plan, int64_t seconds, const char *name, const char *target,
                    const char *what, int broken, int of)
{
    char measured[160];
    json_t *line;

    snprintf(measured, sizeof(measured), "%d in %d %s", broken, of, what);
    line = json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:b}", "promise", name, "target", target,
                     "measured", measured, "runs", 1, "seed", (int)plan->seed, "seconds",
                     (json_int_t)seconds, "ok", broken == 0);
    json_dumpf(line, stdout, JSON_COMPACT);
    puts("");
    json_decref(line);
}

static int tell(const struct plan *plan, const struct tally *tally, int64_t seconds)
{
    int cuts = tally->struck + tally->failed;

    promise(plan, seconds, "P2", "0, cut at every write of every flow",
            "cuts at a write (killed, EPIPE, ECONNRESET, ENOSPC)", tally->failed, cuts);
    promise(plan, seconds, "P6", "0, cut at every write of paying",
            "such cuts, paid again or given up after", tally->failed_pay,
            tally->of_pay + tally->failed_pay);
    promise(plan, seconds, "P9", "0 lost", "successes answered in runs that were cut",
            tally->failed_answers, tally->answered + tally->failed_answers);
    if (cuts == 0)
        fputs("Nothing was cut.\n", stderr);
    return tally->failed == 0 && cuts > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct plan plan = {.seed = (unsigned)(instant_now() % 1000000), .systems = 2};
    int64_t begun_ms = instant_monotonic();
    const struct tally *tally;
    struct point point;
    int code = read_options(argc, argv, &plan, &point);

    if (code >= 0)
        return code;
    log_open("sweep", LOG_ERROR); /* ours loses a broker that is killed, as it must */
    tally = crew_run(&plan);
    if (plan.list)
        return tally->failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    return tell(&plan, tally, (instant_monotonic() - begun_ms) / 1000);
}
