/*
 * The crew: processes that work through the points, each with a system of its own.
 *
 * The first of them counts what the flows write, which gives the list of points; then all take one
 * after the other from it. A process ends at the first point that fails, as its system can no
 * longer be trusted, and another one takes its place. What they find is in shared memory.
 */
#include "tests/prove/sweep/sweep.h"

#include "common/instant.h"
#include "common/memory.h"
#include "tests/support/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define POINTS_MAX      20000
#define FAILURES_MAX    8 /* then it is known well enough that something is wrong */
#define PROGRESS_MS     10000
#define STORE_STEP      5 /* of a store's writes, which are many, each fifth */
#define LOGS_KEPT_BELOW "build/sweep"

static const struct plan *plan;
static int64_t begun_ms;

/* Of all processes. */
static struct shared {
    struct tally tally;
    _Atomic int64_t counted_ms; /* when the points were known; 0: not yet */
    atomic_int next;            /* point to be taken */
    atomic_size_t count;        /* of points; valid once it is counted, as are they */
    struct point points[POINTS_MAX];
} * shared;

/* Of this process, if it works. */
static struct point current; /* nth 0: none */
static enum phase phase;

/* ---- the points ---- */

static bool is_chosen(int flow, int part)
{
    return !plan->only && (!plan->flow || strcmp(plan->flow, flows[flow].name) == 0) &&
           (!plan->part || strcmp(plan->part, part_name(part)) == 0);
}

/* How many points a harm has among such calls. The connections of stores are cut at the other end,
 * the services'. */
static int count_points(const int *calls, int part, enum harm harm)
{
    if (harm == HARM_KILL)
        return calls[WAY_SOCKET] + calls[WAY_FILE];
    if (harm == HARM_ENOSPC)
        return calls[WAY_FILE];
    return part < SERVICE_COUNT ? calls[WAY_SOCKET] : 0;
}

static void add_points(struct bench *bench, int flow, int part)
{
    int calls[WAY_COUNT], step = part < SERVICE_COUNT ? 1 : STORE_STEP;

    bench_count(bench, flow, part, calls);
    for (int harm = 0; harm < HARM_COUNT; harm++)
        for (int nth = 1; nth <= count_points(calls, part, (enum harm)harm); nth += step)
            if (shared->count < POINTS_MAX)
                shared->points[shared->count++] = (struct point){flow, part, nth, (enum harm)harm};
}

static void shuffle_points(void)
{
    unsigned dice = plan->seed;

    for (size_t i = shared->count; i > 1; i--) {
        size_t j = (size_t)rand_r(&dice) % i;
        struct point point = shared->points[i - 1];

        shared->points[i - 1] = shared->points[j];
        shared->points[j] = point;
    }
}

static void count_all(struct bench *bench)
{
    shared->count = 0; /* if somebody died of it before */
    if (plan->only)
        shared->points[shared->count++] = *plan->only;
    for (int flow = 0; flow < FLOW_COUNT; flow++)
        for (int part = 0; part < PART_COUNT; part++)
            if (is_chosen(flow, part))
                add_points(bench, flow, part);
    for (int part = 0; part < SERVICE_COUNT && !plan->only; part++)
        part_renew(part); /* as fast as before: nobody traces it */
    shuffle_points();
    atomic_store(&shared->counted_ms, instant_monotonic());
}

/* ---- a process of the crew ---- */

static void say(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);

    printf("%s\n", text);
    fflush(stdout);
    free(text);
    json_decref(line);
}

static void keep_logs(const char *point)
{
    char folder[96];
    const char *argv[] = {
        "sh", "-c", "mkdir -p \"$1\" && cp \"$2\"/*.log \"$1\"", "sh", folder, test_folder(), NULL};

    snprintf(folder, sizeof(folder), "%s/%s", LOGS_KEPT_BELOW, point);
    for (char *c = folder + sizeof(LOGS_KEPT_BELOW); *c; c++)
        if (*c == '/')
            *c = '-';
    end_process(spawn(argv, NULL, NULL), 0, 10000);
    fprintf(stderr, "Its logs: %s\n", folder);
}

static bool is_of_pay(const struct point *point)
{
    return strncmp(flows[point->flow].name, "pay", 3) == 0;
}

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (!stats->passed)
        fprintf(stderr, "\nsweep: %s:%u: %s\n", stats->file, stats->line, stats->message);
}

/* A point has failed, and with it this process and its system. */
void criterion_abort_test(void)
{
    struct point failed = current;
    char point[POINT_TEXT_BYTES];

    current.nth = 0; /* what follows may fail too */
    if (failed.nth == 0)
        _exit(EXIT_FAILURE);
    point_text(&failed, point);
    atomic_fetch_add(&shared->tally.failed_pay, is_of_pay(&failed));
    atomic_fetch_add(&shared->tally.failed_answers, phase == PHASE_JUDGE);
    say(json_pack("{s:s, s:b}", "point", point, "ok", 0));
    fprintf(stderr, "The same again: %s --point %s\n", program_invocation_name, point);
    keep_logs(point);
    _exit(EXIT_FAILURE);
}

static void run_point(struct bench *bench, const struct point *point)
{
    int64_t from_ms = instant_monotonic();
    char text[POINT_TEXT_BYTES];
    struct result result;

    current = *point;
    bench_run(bench, point, &phase, &result);
    current.nth = 0;
    point_text(point, text);
    say(json_pack("{s:s, s:s, s:i, s:I, s:b}", "point", text, "met",
                  result.struck ? result.where : "no, it was over", "answer", result.status, "ms",
                  (json_int_t)(instant_monotonic() - from_ms), "ok", 1));
    atomic_fetch_add(&shared->tally.done, 1);
    atomic_fetch_add(&shared->tally.struck, result.struck);
    atomic_fetch_add(&shared->tally.answered, result.done);
    atomic_fetch_add(&shared->tally.of_pay, result.struck && is_of_pay(point));
}

static void list_points(void)
{
    char text[POINT_TEXT_BYTES];

    for (size_t i = 0; i < shared->count; i++) {
        point_text(&shared->points[i], text);
        puts(text);
    }
}

static bool is_time_over(void)
{
    int64_t since_ms = atomic_load(&shared->counted_ms);

    return plan->seconds > 0 && since_ms > 0 &&
           instant_monotonic() - since_ms > plan->seconds * 1000;
}

__attribute__((noreturn)) static void work(void)
{
    struct bench *bench = bench_new(knife_draw(), plan->plant);
    size_t i;

    if (atomic_load(&shared->counted_ms) == 0)
        count_all(bench);
    if (plan->list)
        list_points();
    else
        while (!is_time_over() && (i = (size_t)atomic_fetch_add(&shared->next, 1)) < shared->count)
            run_point(bench, &shared->points[i]);
    bench_free(bench);
    exit(EXIT_SUCCESS);
}

/* ---- all of them ---- */

static void show_progress(bool at_end)
{
    static int64_t shown_ms;
    const struct tally *tally = &shared->tally;
    bool on_terminal = isatty(STDERR_FILENO);

    if (!at_end && instant_monotonic() - shown_ms < (on_terminal ? 200 : PROGRESS_MS))
        return;
    shown_ms = instant_monotonic();
    fprintf(stderr, "%ssweep: %d of %zu points, %d cuts, %d failed, %lld s%s",
            on_terminal ? "\r" : "", tally->done, shared->count, tally->struck, tally->failed,
            (long long)(shown_ms - begun_ms) / 1000, on_terminal && !at_end ? "" : "\n");
}

static pid_t begin_worker(void)
{
    pid_t self = getpid(), pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == self)
            work();
        _exit(EXIT_FAILURE);
    }
    cr_assert_gt(pid, 0, "cannot fork");
    return pid;
}

/* How many should be at work now: at first the one that counts. */
static int wanted_workers(void)
{
    if (is_time_over() || atomic_load(&shared->tally.failed) >= FAILURES_MAX)
        return 0;
    if (atomic_load(&shared->counted_ms) == 0)
        return 1;
    return !plan->list && (size_t)atomic_load(&shared->next) < shared->count ? plan->systems : 0;
}

const struct tally *crew_run(const struct plan *the_plan)
{
    int working = 0, status;

    plan = the_plan;
    begun_ms = instant_monotonic();
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(shared != MAP_FAILED);
    do {
        for (; working < wanted_workers(); working++)
            begin_worker();
        poll(NULL, 0, 50);
        show_progress(false);
        for (; waitpid(-1, &status, WNOHANG) > 0; working--)
            atomic_fetch_add(&shared->tally.failed, status != 0);
    } while (working > 0 || wanted_workers() > 0);
    show_progress(true);
    return &shared->tally;
}
