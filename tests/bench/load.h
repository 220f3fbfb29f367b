#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

/*
 * Load: closed loops on threads, and what they measured.
 *
 * Each of `threads` threads does one operation after the other until the time is up. The latency of
 * each is kept, so that percentiles are exact; a failed operation counts as a failure and not as
 * work. CPU time is read from /proc for the processes named, before and after; the first of them is
 * the one measured, and its memory is read while all threads are at work. What the operations set
 * off and is done after them counts too, where `rest` waits for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_THREADS_MAX 128
#define LOAD_PIDS_MAX    16

/* One thread's own state; made on its thread. */
struct load_worker {
    int number;       /* 0 … threads − 1 */
    void *state;      /* what `begin` made */
    const void *plan; /* the load's `plan` */
};

struct load {
    int threads;
    int64_t duration_ms;
    const void *plan;
    bool (*begin)(struct load_worker *worker); /* false: this thread cannot work */
    bool (*work)(struct load_worker *worker);  /* one operation */
    void (*end)(struct load_worker *worker);
    void (*rest)(const void *plan); /* NULL, or wait for what was set off */
    pid_t pids[LOAD_PIDS_MAX];      /* whose CPU time counts; 0: nobody; -1: the bench itself */
};

struct load_result {
    int64_t done, failed;
    double per_second;
    double p50_ms, p99_ms;
    double cpu_us[LOAD_PIDS_MAX]; /* for each operation, as in `pids` */
    double resident_mb;           /* of pids[0] */
};

struct load_result load_run(const struct load *load);

/* The p-th percentile (0…1) of `count` values, which are sorted in place. */
double percentile(double *values, size_t count, double p);

/* Resident megabytes of a process. */
double resident_mb(pid_t pid);

/* Who listens on a loopback port; 0: nobody. */
pid_t listener_of(int port);

/* Milliseconds of CPU time that a process has used; -1: this one. */
double cpu_ms(pid_t pid);

#endif
