#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

/*
 * Metrics: counters, gauges and histograms, printed in Prometheus's text format.
 *
 * A metric is made (or found again, by name and labels) once and then updated without a lock.
 * Series are bounded: METRICS_MAX_SERIES, labels come from our own tables, never from input.
 * All functions are thread-safe.
 */

#include "common/writer.h"

#include <stdint.h>

#define METRICS_MAX_SERIES 512

struct metrics;   /* the process's metrics */
struct metric;    /* one series: a counter or a gauge */
struct histogram; /* one series of durations */

struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *metrics);

/* Find or make a series. `labels` is Prometheus's inside of the braces (`route="…",method="GET"`)
 * or "". `help` is one sentence. All are copied. Never NULL: past the bound one shared series that
 * is not printed. The metric belongs to `metrics`. */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels,
                               const char *help);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels,
                             const char *help);
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *labels,
                                    const char *help);

void metric_add(struct metric *metric, int64_t amount);
void metric_set(struct metric *metric, int64_t value);
int64_t metric_value(const struct metric *metric);

/* One duration, in microseconds. Buckets 0.5 ms … 10 s, printed in seconds. */
void histogram_add(struct histogram *histogram, int64_t duration_us);

/* All series, sorted by name, with # HELP and # TYPE. */
void metrics_print(struct metrics *metrics, struct writer *out);

/* What the kernel counts for this process (metrics_process.c), in the same format. */
void metrics_print_process(struct writer *out);

#endif
