/*
 * The table: one row for each operation, ours and its limit in turn, and what else is printed of
 * processes: their memory, and where the CPU time of a row went.
 *
 * A row that says events leaves work behind in every service. Before anything is measured, the
 * bench waits until the stack is quiet again, lest one row pay for the one before it.
 */

#include "tests/bench/bench.h"

#include "common/instant.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUIET_STEP_MS    200
#define QUIET_CPU_MS     40 /* of all processes in a step: what they use when nobody asks anything */
#define QUIET_AT_MOST_MS 60000
#define CONNECTIONS      64

/* Who may have work from an operation. */
static const struct {
    const char *name;
    size_t port_offset;
} processes[] = {
    {"mongod", offsetof(struct bench, mongo_port)},
    {"nats", offsetof(struct bench, nats_port)},
    {"redis", offsetof(struct bench, redis_port)},
    {"stripe", offsetof(struct bench, stripe_port)},
    {"auth", offsetof(struct bench, auth_port)},
    {"tickets", offsetof(struct bench, tickets_port)},
    {"orders", offsetof(struct bench, orders_port)},
    {"payments", offsetof(struct bench, payments_port)},
    {"expiration", offsetof(struct bench, expiration_port)},
    {"client", offsetof(struct bench, client_port)},
};

_Static_assert(ARRAY_LENGTH(processes) + 2 <= LOAD_PIDS_MAX, "and the row's own, and the bench");

static int port_of(const struct bench *bench, size_t offset)
{
    return (int)*(const int64_t *)((const char *)bench + offset);
}

static double cpu_of_stack(const struct bench *bench)
{
    double sum_ms = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(processes); i++) {
        pid_t pid = listener_of(port_of(bench, processes[i].port_offset));

        sum_ms += pid != 0 ? cpu_ms(pid) : 0;
    }
    return sum_ms;
}

void table_wait_quiet(const struct bench *bench)
{
    struct timespec step = {.tv_nsec = QUIET_STEP_MS * 1000000L};
    int64_t until_ms = instant_monotonic() + QUIET_AT_MOST_MS;
    double before_ms = cpu_of_stack(bench), after_ms;

    for (;;) {
        nanosleep(&step, NULL);
        after_ms = cpu_of_stack(bench);
        if (after_ms - before_ms <= QUIET_CPU_MS)
            return;
        if (instant_monotonic() >= until_ms) {
            fputs("bench: the stack does not become quiet\n", stderr);
            return;
        }
        before_ms = after_ms;
    }
}

struct measured {
    double per_second[BENCH_ROUNDS_MAX], p50_ms[BENCH_ROUNDS_MAX], p99_ms[BENCH_ROUNDS_MAX];
    double cpu_us[LOAD_PIDS_MAX][BENCH_ROUNDS_MAX];
    int64_t failed;
};

static void note(struct measured *measured, int64_t round, const struct load_result *result)
{
    measured->per_second[round] = result->per_second;
    for (int i = 0; i < LOAD_PIDS_MAX; i++)
        measured->cpu_us[i][round] = result->cpu_us[i];
    measured->p50_ms[round] = result->p50_ms;
    measured->p99_ms[round] = result->p99_ms;
    measured->failed += result->failed;
}

static double median(const double *values, int64_t count)
{
    double sorted[BENCH_ROUNDS_MAX];

    memcpy(sorted, values, (size_t)count * sizeof(*values));
    return percentile(sorted, (size_t)count, 0.5);
}

static double spread(const double *values, int64_t count)
{
    double sorted[BENCH_ROUNDS_MAX];

    memcpy(sorted, values, (size_t)count * sizeof(*values));
    percentile(sorted, (size_t)count, 0);
    return sorted[0] > 0 ? (sorted[count - 1] - sorted[0]) / sorted[0] * 100 : 0;
}

/* Ours over the limit's, round by round. */
static double ratio_of(const struct row *row, const struct measured *ours,
                       const struct measured *limit, int64_t rounds)
{
    double ratios[BENCH_ROUNDS_MAX];

    for (int64_t i = 0; i < rounds; i++) {
        double mine = row->by_cpu ? ours->cpu_us[0][i] : ours->per_second[i];
        double theirs = row->by_cpu ? limit->cpu_us[0][i] : limit->per_second[i];

        ratios[i] = theirs > 0 ? mine / theirs : 0;
    }
    return median(ratios, rounds);
}

static void print_aim(double value, const char *comparison, double aim)
{
    bool met = comparison[0] == '<' ? value <= aim : value >= aim;

    fprintf(stdout, "  %s %g %s", comparison, aim, met ? "met" : "MISSED");
}

static void print_row(const struct row *row, const struct measured *ours,
                      const struct measured *limit, int64_t rounds)
{
    double ratio = ratio_of(row, ours, limit, rounds);
    double per_second = median(ours->per_second, rounds);

    fprintf(stdout, "%-22s %7.0f %5.0f%% %8.2f %8.2f %7.0f   %-15s %7.0f %7.0f   %5.2f of %s",
            row->name, per_second, spread(ours->per_second, rounds), median(ours->p50_ms, rounds),
            median(ours->p99_ms, rounds), median(ours->cpu_us[0], rounds), row->limit_name,
            median(limit->per_second, rounds), median(limit->cpu_us[0], rounds), ratio,
            row->by_cpu ? "CPU " : "rate");
    if (row->aim > 0)
        print_aim(ratio, row->by_cpu ? "<=" : ">=", row->aim);
    if (row->aim_per_second > 0)
        print_aim(per_second, "per s >=", row->aim_per_second);
    if (ours->failed > 0)
        fprintf(stdout, "  (%" PRId64 " failed)", ours->failed);
    fputc('\n', stdout);
    fflush(stdout);
}

/* Where the CPU time of one operation went, what it set off in other services included. */
static void print_cpu(const struct row *row, const struct measured *ours, int64_t rounds)
{
    fprintf(stdout, "  CPU us of one %s:", row->name);
    for (size_t i = 0; i < ARRAY_LENGTH(processes); i++)
        fprintf(stdout, "  %s %.0f", processes[i].name, median(ours->cpu_us[i + 1], rounds));
    fprintf(stdout, "  bench %.0f\n", median(ours->cpu_us[ARRAY_LENGTH(processes) + 1], rounds));
    fflush(stdout);
}

static void rest(const void *plan)
{
    table_wait_quiet(*(struct bench *const *)plan);
}

static void name_pids(const struct bench *bench, struct load *load)
{
    for (size_t i = 0; i < ARRAY_LENGTH(processes); i++)
        load->pids[i + 1] = listener_of(port_of(bench, processes[i].port_offset));
    load->pids[ARRAY_LENGTH(processes) + 1] = -1;
}

static void run_row(struct bench *bench, const struct row *row, const struct options *options,
                    pid_t nginx)
{
    struct measured ours = {0}, limit = {0};

    for (int64_t round = 0; round < options->rounds; round++) {
        struct load load = {.threads = row->threads,
                            .duration_ms = options->seconds * 1000,
                            .plan = &bench,
                            .begin = row->begin,
                            .work = row->work,
                            .end = row->end,
                            .rest = rest,
                            .pids = {listener_of(port_of(bench, row->port_offset))}};
        struct load bare = {.threads = row->threads,
                            .duration_ms = options->seconds * 1000,
                            .plan = &bench,
                            .begin = row->limit_begin,
                            .work = row->limit_work,
                            .end = row->limit_end,
                            .pids = {row->limit_is_nginx ? nginx : -1}};
        struct load_result result;

        name_pids(bench, &load);
        if (row->supply > 0 && !bench_supply(bench, (size_t)(options->seconds * row->supply)))
            fputs("bench: too few tickets could be made\n", stderr);
        table_wait_quiet(bench);
        result = load_run(&load);
        note(&ours, round, &result);
        result = load_run(&bare);
        note(&limit, round, &result);
    }
    print_row(row, &ours, &limit, options->rounds);
    print_cpu(row, &ours, options->rounds);
}

void table_print(struct bench *bench, const struct options *options, pid_t nginx)
{
    fprintf(stdout, "\n%-22s %7s %6s %8s %8s %7s   %-15s %7s %7s   %s\n", "", "per s", "spread",
            "p50 ms", "p99 ms", "CPU us", "limit", "per s", "CPU us", "ratio, aim");
    for (size_t i = 0; i < bench_row_count; i++)
        if (strstr(bench_rows[i].name, options->only) != NULL)
            run_row(bench, &bench_rows[i], options, nginx);
    fputc('\n', stdout);
}

/* ---- memory ---- */

static const struct {
    const char *name;
    size_t port_offset;
    const char *path;
} services[] = {
    {"auth", offsetof(struct bench, auth_port), "/api/users/currentuser"},
    {"tickets", offsetof(struct bench, tickets_port), "/api/tickets?limit=20"},
    {"orders", offsetof(struct bench, orders_port), "/api/orders"},
    {"payments", offsetof(struct bench, payments_port), "/api/payments/0123456789abcdef01234567"},
    {"expiration", offsetof(struct bench, expiration_port), "/readyz"},
};

void memory_print_idle(const struct bench *bench)
{
    fputs("resident MB as found:                 ", stdout);
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++)
        fprintf(stdout, "  %s %.1f", services[i].name,
                resident_mb(listener_of(port_of(bench, services[i].port_offset))));
    fputs("  (aim <= 18)\n", stdout);
    fflush(stdout);
}

/* What the connections of one service are used for. */
struct visit {
    struct bench *bench;
    int port;
    const char *path;
};

struct visitor {
    struct wire *wire;
    char *cookie;
};

static bool visitor_begin(struct load_worker *worker)
{
    const struct visit *visit = worker->plan;
    struct visitor *visitor = xcalloc(1, sizeof(*visitor));

    visitor->wire = wire_new(visit->port);
    visitor->cookie = bench_cookie(visit->bench);
    worker->state = visitor;
    return true;
}

static bool visitor_work(struct load_worker *worker)
{
    const struct visit *visit = worker->plan;
    struct visitor *visitor = worker->state;

    return wire_ask(visitor->wire, "GET", visit->path, visitor->cookie, NULL);
}

static void visitor_end(struct load_worker *worker)
{
    struct visitor *visitor = worker->state;

    wire_free(visitor->wire);
    free(visitor->cookie);
    free(visitor);
}

void memory_print_busy(struct bench *bench)
{
    fprintf(stdout, "resident MB, %d connections at work:  ", CONNECTIONS);
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
        struct visit visit = {.bench = bench,
                              .port = port_of(bench, services[i].port_offset),
                              .path = services[i].path};
        struct load load = {.threads = CONNECTIONS,
                            .duration_ms = 1000,
                            .plan = &visit,
                            .begin = visitor_begin,
                            .work = visitor_work,
                            .end = visitor_end,
                            .pids = {listener_of(visit.port)}};

        fprintf(stdout, "  %s %.1f", services[i].name, load_run(&load).resident_mb);
    }
    fputs("  (aim <= 30)\n", stdout);
    fflush(stdout);
}
