/* Metrics: finding, counting, printing, the bound, and many threads at once. */

#include "common/metrics.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS  5000

static const char *print(struct metrics *metrics, struct writer *out)
{
    writer_clear(out);
    metrics_print(metrics, out);
    return writer_text(out);
}

Test(metrics, a_series_is_found_again_by_name_and_labels)
{
    struct metrics *metrics = metrics_new();
    struct metric *get = metrics_counter(metrics, "requests_total", "method=\"GET\"", "Requests.");

    cr_assert_eq(metrics_counter(metrics, "requests_total", "method=\"GET\"", "Requests."), get);
    cr_assert_neq(metrics_counter(metrics, "requests_total", "method=\"PUT\"", "Requests."), get);
    cr_assert_neq(metrics_counter(metrics, "requests", "method=\"GET\"", "Requests."), get);
    metric_add(get, 2);
    metric_add(get, 3);
    cr_assert_eq(metric_value(get), 5);
    metric_set(get, -1);
    cr_assert_eq(metric_value(get), -1);
    cr_assert_null(metrics_free(metrics));
    cr_assert_null(metrics_free(NULL));
}

Test(metrics, series_are_printed_sorted_with_one_head_a_name)
{
    struct metrics *metrics = metrics_new();
    cleanup(writer_release) struct writer out = {0};

    cr_assert_str_eq(print(metrics, &out), "");
    metric_add(metrics_counter(metrics, "b_total", "x=\"2\"", "Two\nlines \\ here."), 1);
    metric_set(metrics_gauge(metrics, "a", "", "Alone."), -7);
    metric_add(metrics_counter(metrics, "b_total", "x=\"1\"", "Two\nlines \\ here."), 4);
    cr_assert_str_eq(print(metrics, &out), "# HELP a Alone.\n"
                                           "# TYPE a gauge\n"
                                           "a -7\n"
                                           "# HELP b_total Two\\nlines \\\\ here.\n"
                                           "# TYPE b_total counter\n"
                                           "b_total{x=\"1\"} 4\n"
                                           "b_total{x=\"2\"} 1\n");
    metrics_free(metrics);
}

Test(metrics, durations_fall_into_cumulative_buckets)
{
    static const int64_t durations_us[] = {-5, 0, 500, 501, 1000, 10000000, 10000001, 60000000};
    struct metrics *metrics = metrics_new();
    struct histogram *plain = metrics_histogram(metrics, "took_seconds", "", "Durations.");
    struct histogram *labelled =
        metrics_histogram(metrics, "took_seconds", "r=\"/\"", "Durations.");
    cleanup(writer_release) struct writer out = {0};

    for (size_t i = 0; i < ARRAY_LENGTH(durations_us); i++)
        histogram_add(plain, durations_us[i]);
    histogram_add(labelled, 1500);
    print(metrics, &out);
    cr_assert_not_null(strstr(out.data, "# TYPE took_seconds histogram\n"
                                        "took_seconds_bucket{le=\"0.0005\"} 3\n"
                                        "took_seconds_bucket{le=\"0.001\"} 5\n"));
    cr_assert_not_null(strstr(out.data, "took_seconds_bucket{le=\"5\"} 5\n"
                                        "took_seconds_bucket{le=\"10\"} 6\n"
                                        "took_seconds_bucket{le=\"+Inf\"} 8\n"
                                        "took_seconds_sum 80.002002\n"
                                        "took_seconds_count 8\n"));
    cr_assert_not_null(strstr(out.data, "took_seconds_bucket{r=\"/\",le=\"0.001\"} 0\n"
                                        "took_seconds_bucket{r=\"/\",le=\"0.0025\"} 1\n"));
    cr_assert_not_null(strstr(out.data, "took_seconds_sum{r=\"/\"} 0.001500\n"
                                        "took_seconds_count{r=\"/\"} 1\n"));
    metrics_free(metrics);
}

Test(metrics, beyond_the_bound_all_share_one_that_is_not_printed)
{
    struct metrics *metrics = metrics_new();
    struct metric *first = metrics_counter(metrics, "first", "", "The first.");
    struct metric *beyond;
    cleanup(writer_release) struct writer out = {0};

    for (int i = 1; i < METRICS_MAX_SERIES; i++) {
        char labels[32];

        snprintf(labels, sizeof(labels), "i=\"%d\"", i);
        cr_assert_neq(metrics_counter(metrics, "many", labels, "Many."), first);
    }
    beyond = metrics_counter(metrics, "beyond", "", "One too many.");
    cr_assert_eq(metrics_gauge(metrics, "further", "", "Further."), beyond);
    histogram_add(metrics_histogram(metrics, "durations", "", "Durations."), 5);
    metric_add(beyond, 1);
    cr_assert_eq(metrics_counter(metrics, "first", "", "The first."), first);
    print(metrics, &out);
    cr_assert_not_null(strstr(out.data, "many{i=\"511\"} 0\n"));
    cr_assert_null(strstr(out.data, "beyond"));
    cr_assert_null(strstr(out.data, "durations"));
    metrics_free(metrics);
}

static void *count_up(void *context)
{
    struct metrics *metrics = context;
    struct histogram *took = metrics_histogram(metrics, "took", "", "Took.");

    for (int i = 0; i < ROUNDS; i++) {
        metric_add(metrics_counter(metrics, "done", "", "Done."), 1);
        histogram_add(took, 1000);
    }
    return NULL;
}

Test(metrics, no_count_is_lost_between_threads)
{
    struct metrics *metrics = metrics_new();
    pthread_t threads[THREADS];
    char expected[64];
    cleanup(writer_release) struct writer out = {0};

    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_up, metrics), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(metric_value(metrics_counter(metrics, "done", "", "Done.")), THREADS * ROUNDS);
    snprintf(expected, sizeof(expected), "took_count %d\n", THREADS * ROUNDS);
    cr_assert_not_null(strstr(print(metrics, &out), expected));
    metrics_free(metrics);
}

/* The value of a figure of this process. */
static double figure(const char *name)
{
    cleanup(writer_release) struct writer out = {0};
    char line[80];
    const char *found;

    writer_init(&out);
    metrics_print_process(&out);
    snprintf(line, sizeof(line), "\n%s ", name);
    found = strstr(writer_text(&out), line);
    cr_assert_not_null(found, "%s in %s", name, writer_text(&out));
    return strtod(found + strlen(line), NULL);
}

Test(metrics, what_the_kernel_counts_for_the_process_is_printed_as_everybody_prints_it)
{
    double descriptors = figure("process_open_fds");
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_expect_eq(figure("process_open_fds"), descriptors + 1);
    close(fd);
    cr_expect_eq(figure("process_open_fds"), descriptors);
    cr_expect_gt(figure("process_max_fds"), descriptors);
    cr_expect_gt(figure("process_resident_memory_bytes"), 1 << 20);
    cr_expect_geq(figure("process_virtual_memory_bytes"), figure("process_resident_memory_bytes"));
    cr_expect_geq(figure("process_cpu_seconds_total"), 0);
}
