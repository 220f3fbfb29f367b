/*
 * The kill loop: a whole system under load, of which parts are killed or stand still, and what it
 * promised nevertheless.
 *
 *     kill-loop [--mode MODE] [--seed N] [--seconds S] [--instances 1|3] [--history FILE] [--show]
 *               [--only TEXT]
 *
 * Modes are told by --help. Progress is on standard error; on standard output a line of JSON for
 * each promise that was looked at, the last thing that is printed. The exit code is 1 where one is
 * broken, and the command that runs the same again is printed.
 *
 * The system is a story's (tests/support): the real binaries, stores and edge on ports of their
 * own, in memory, gone with this program however it ends. Its verbs are those of Criterion's tests,
 * whose assertions are caught here, as there is no runner to report to.
 *
 * A seed brings back who wants what, and what breaks when; how that interleaves is the machine's.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"
#include "tests/support/process.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
static const struct mode {
    const char *name, *what;
    int (*run)(struct storm *storm);
    int64_t seconds; /* where none were asked for */
} modes[] = {
    {"storm", "200 buyers, 500 tickets, 20 rivals each, while all sorts of things die", blow, 120},
    {"kills", "the same, with as many kills as there can be", blow, 300},
    {"chaos", "the same for people: a show, and a verdict in words", blow, 20},
    {"answers", "32 dealers without rivals, for many answers of success, while things die", blow, 300},
    {"expiry", "how late orders run out: in calm, as one process dies, as Redis is wiped", expire, 60},
    {"deadline", "payments at their order's deadline, give or take 50 ms", pay_at_deadline, 120},
    {"starts", "everything is started in an order that dice choose, again and again", start_in_any_order, 60},
    {"outages", "each store is away for a third of the time", go_without_stores, 60},
    {"stops", "100 graceful stops under load", stop_gracefully, 120},
    {"cluster", "three of everything, of which each dies once: how long that stalls", strike_cluster, 180},
};
/* clang-format on */

static struct storm storm; /* for criterion_abort_test, which is told nothing */

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (!stats->passed)
        fprintf(stderr, "\nkill-loop: %s:%u: %s\n", stats->file, stats->line, stats->message);
}

/* The system could not be brought to an end of the story, which is a failure too. At once: other
 * threads are still out there; what was started goes with this process. */
void criterion_abort_test(void)
{
    if (!storm.for_people)
        promise(&storm, "-", false, "an end that can be judged", "none, see above");
    fprintf(stderr, "The same again: %s\n", replay_command(&storm));
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

const char *replay_command(const struct storm *of)
{
    if (of->for_people)
        return at("make %s SEED=%u", of->mode, of->seed);
    return at("tests/prove/kill-loop --mode %s --seed %u --seconds %lld --instances %d", of->mode,
              of->seed, (long long)of->seconds, of->instances);
}

void promise(const struct storm *of, const char *name, bool ok, const char *target,
             const char *measured, ...)
{
    char text[512];
    va_list arguments;
    json_t *line;

    va_start(arguments, measured);
    vsnprintf(text, sizeof(text), measured, arguments);
    va_end(arguments);
    line = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:b}", "promise", name, "target", target,
                     "measured", text, "runs", 1, "seed", (json_int_t)of->seed, "seconds",
                     (json_int_t)of->seconds, "ok", ok);
    json_dumpf(line, stdout, JSON_COMPACT);
    puts("");
    fflush(stdout);
    json_decref(line);
}

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(modes); i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

static int usage(FILE *file, int code)
{
    fputs("usage: kill-loop [--mode MODE] [--seed N] [--seconds S] [--instances 1|3] "
          "[--history FILE] [--show]\n"
          "                 [--only TEXT]\n\n",
          file);
    for (size_t i = 0; i < ARRAY_LENGTH(modes); i++)
        fprintf(file, "  %-10s %s (%lld s)\n", modes[i].name, modes[i].what,
                (long long)modes[i].seconds);
    return code;
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv)
{
    static const struct option known[] = {{"mode", required_argument, NULL, 'm'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"instances", required_argument, NULL, 'i'},
                                          {"history", required_argument, NULL, 'o'},
                                          {"show", no_argument, NULL, 'w'},
                                          {"only", required_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'm': storm.mode = optarg; break;
        case 's': storm.seed = (unsigned)strtoul(optarg, NULL, 10); break;
        case 't': storm.seconds = strtoll(optarg, NULL, 10); break;
        case 'i': storm.instances = (int)strtol(optarg, NULL, 10); break;
        case 'o': storm.keep = optarg; break;
        case 'n': storm.only = optarg; break;
        case 'w': storm.for_people = true; break;
        case 'h': return usage(stdout, EXIT_SUCCESS);
        default: return usage(stderr, EXIT_FAILURE);
        }
    }
    if (optind < argc || find_mode(storm.mode) == NULL || storm.instances < 1 ||
        storm.instances > INSTANCES_MAX)
        return usage(stderr, EXIT_FAILURE);
    if (storm.seconds <= 0)
        storm.seconds = find_mode(storm.mode)->seconds;
    storm.for_people = storm.for_people || strcmp(storm.mode, "chaos") == 0;
    return -1;
}

int main(int argc, char **argv)
{
    char keep[128];
    int code;

    storm.mode = "storm";
    storm.instances = 1;
    storm.seed = (unsigned)(instant_now() % 1000000);
    code = read_options(argc, argv);
    if (code >= 0)
        return code;
    if (storm.keep == NULL) {
        snprintf(keep, sizeof(keep), "%s/history", test_folder());
        storm.keep = keep;
    }
    storm.history = history_open(storm.keep);
    code = find_mode(storm.mode)->run(&storm);
    storm.history = history_close(storm.history);
    if (code != 0 && !storm.for_people)
        fprintf(stderr, "The same again: %s\n", replay_command(&storm));
    return code;
}
