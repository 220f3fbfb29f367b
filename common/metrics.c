/*
 * Metrics: series made once under a lock, then counted with one atomic addition.
 *
 * Whoever counts keeps the pointer, so the hot path takes no lock and looks nothing up. A series
 * never moves and never goes away before the whole does; that is why the table holds pointers. The
 * numbers of one histogram are read one after the other while others write: its +Inf and _count
 * are both the sum of the buckets as read, so they always agree; _sum may be an addition ahead.
 */

#include "common/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct { int64_t most_us; const char *seconds; } buckets[] = {
    {     500, "0.0005"}, {    1000, "0.001"}, {    2500, "0.0025"}, {   5000, "0.005"},
    {   10000, "0.01"},   {   25000, "0.025"}, {   50000, "0.05"},   { 100000, "0.1"},
    {  250000, "0.25"},   {  500000, "0.5"},   { 1000000, "1"},      {2500000, "2.5"},
    { 5000000, "5"},      {10000000, "10"},
};
/* clang-format on */

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const char *const kind_names[] = {
    [COUNTER] = "counter",
    [GAUGE] = "gauge",
    [HISTOGRAM] = "histogram",
};

struct metric {
    _Atomic int64_t value;
};

struct histogram {
    _Atomic int64_t counts[ARRAY_LENGTH(buckets) + 1]; /* not cumulative; the last is +Inf */
    _Atomic int64_t sum_us;
};

struct series {
    char *name, *labels, *help;
    enum kind kind;
    struct metric metric;       /* of a counter or a gauge */
    struct histogram histogram; /* of a histogram */
};

struct metrics {
    pthread_mutex_t lock; /* guards the table, not what its series count */
    struct series *series[METRICS_MAX_SERIES];
    size_t count;
    struct series beyond; /* what all get that no longer fit */
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = xcalloc(1, sizeof(*metrics));

    pthread_mutex_init(&metrics->lock, NULL);
    return metrics;
}

struct metrics *metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return NULL;
    for (size_t i = 0; i < metrics->count; i++) {
        free(metrics->series[i]->name);
        free(metrics->series[i]->labels);
        free(metrics->series[i]->help);
        free(metrics->series[i]);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
    return NULL;
}

/* Find it, or add it while there is room. */
static struct series *series_of(struct metrics *metrics, enum kind kind, const char *name,
                                const char *labels, const char *help)
{
    struct series *found = NULL;

    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < metrics->count && found == NULL; i++)
        if (strcmp(metrics->series[i]->name, name) == 0 &&
            strcmp(metrics->series[i]->labels, labels) == 0)
            found = metrics->series[i];
    if (found == NULL && metrics->count < METRICS_MAX_SERIES) {
        found = xcalloc(1, sizeof(*found));
        found->name = xstrdup(name);
        found->labels = xstrdup(labels);
        found->help = xstrdup(help);
        found->kind = kind;
        metrics->series[metrics->count++] = found;
    }
    pthread_mutex_unlock(&metrics->lock);

    assert(found == NULL || found->kind == kind);
    return found == NULL ? &metrics->beyond : found;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels,
                               const char *help)
{
    return &series_of(metrics, COUNTER, name, labels, help)->metric;
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels,
                             const char *help)
{
    return &series_of(metrics, GAUGE, name, labels, help)->metric;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *labels,
                                    const char *help)
{
    return &series_of(metrics, HISTOGRAM, name, labels, help)->histogram;
}

void metric_add(struct metric *metric, int64_t amount)
{
    atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

void histogram_add(struct histogram *histogram, int64_t duration_us)
{
    size_t i = 0;

    if (duration_us < 0)
        duration_us = 0;
    while (i < ARRAY_LENGTH(buckets) && duration_us > buckets[i].most_us)
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, duration_us, memory_order_relaxed);
}

/* `# HELP` and `# TYPE`; in a help text a backslash and a newline are escaped. */
static void print_head(const struct series *series, struct writer *out)
{
    write_format(out, "# HELP %s ", series->name);
    for (const char *c = series->help; *c != '\0'; c++)
        if (*c == '\n')
            write_raw(out, "\\n", 2);
        else if (*c == '\\')
            write_raw(out, "\\\\", 2);
        else
            write_raw(out, c, 1);
    write_format(out, "\n# TYPE %s %s\n", series->name, kind_names[series->kind]);
}

static void print_histogram(const struct series *series, struct writer *out)
{
    const char *labels = series->labels;
    const char *comma = *labels == '\0' ? "" : ",";
    const char *open = *labels == '\0' ? "" : "{", *close = *labels == '\0' ? "" : "}";
    int64_t count = 0, sum_us = atomic_load(&series->histogram.sum_us);

    for (size_t i = 0; i <= ARRAY_LENGTH(buckets); i++) {
        count += atomic_load(&series->histogram.counts[i]);
        write_format(out, "%s_bucket{%s%sle=\"%s\"} %" PRId64 "\n", series->name, labels, comma,
                     i < ARRAY_LENGTH(buckets) ? buckets[i].seconds : "+Inf", count);
    }
    write_format(out, "%s_sum%s%s%s %" PRId64 ".%06" PRId64 "\n", series->name, open, labels, close,
                 sum_us / 1000000, sum_us % 1000000);
    write_format(out, "%s_count%s%s%s %" PRId64 "\n", series->name, open, labels, close, count);
}

/* By name first, so that one name's series stand together; then by labels. */
static int compare(const void *left, const void *right)
{
    const struct series *a = *(const struct series *const *)left;
    const struct series *b = *(const struct series *const *)right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : strcmp(a->labels, b->labels);
}

void metrics_print(struct metrics *metrics, struct writer *out)
{
    struct series *sorted[METRICS_MAX_SERIES];
    size_t count;

    pthread_mutex_lock(&metrics->lock);
    count = metrics->count;
    memcpy(sorted, metrics->series, count * sizeof(*sorted));
    pthread_mutex_unlock(&metrics->lock);
    qsort(sorted, count, sizeof(*sorted), compare);

    for (size_t i = 0; i < count; i++) {
        const struct series *series = sorted[i];

        if (i == 0 || strcmp(series->name, sorted[i - 1]->name) != 0)
            print_head(series, out);
        if (series->kind == HISTOGRAM)
            print_histogram(series, out);
        else if (*series->labels == '\0')
            write_format(out, "%s %" PRId64 "\n", series->name, metric_value(&series->metric));
        else
            write_format(out, "%s{%s} %" PRId64 "\n", series->name, series->labels,
                         metric_value(&series->metric));
    }
}
