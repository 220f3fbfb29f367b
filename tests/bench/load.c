/*
 * Load: see load.h. Times are CLOCK_MONOTONIC's; CPU time is utime + stime of /proc/<pid>/stat,
 * whose unit (10 ms) is far below what a round of seconds uses.
 */

#include "tests/bench/load.h"

#include "common/instant.h"
#include "common/memory.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES_MAX (1u << 20) /* of one thread; what is beyond is not kept */

struct runner {
    const struct load *load;
    struct load_worker worker;
    pthread_t thread;
    atomic_bool *stop;
    double *samples_ms;
    size_t count, capacity;
    int64_t failed;
};

static void keep(struct runner *runner, double sample_ms)
{
    if (runner->count == runner->capacity && runner->capacity < SAMPLES_MAX) {
        runner->capacity = runner->capacity == 0 ? 1024 : 2 * runner->capacity;
        runner->samples_ms =
            xrealloc(runner->samples_ms, runner->capacity * sizeof(*runner->samples_ms));
    }
    if (runner->count < runner->capacity)
        runner->samples_ms[runner->count++] = sample_ms;
}

static void *run(void *context)
{
    struct runner *runner = context;
    const struct load *load = runner->load;

    if (load->begin != NULL && !load->begin(&runner->worker)) {
        runner->failed++;
        return NULL;
    }
    while (!atomic_load(runner->stop)) {
        int64_t before_us = instant_monotonic_us();

        if (load->work(&runner->worker))
            keep(runner, (double)(instant_monotonic_us() - before_us) / 1000);
        else
            runner->failed++;
    }
    if (load->end != NULL)
        load->end(&runner->worker);
    return NULL;
}

double cpu_ms(pid_t pid)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    FILE *file;
    char *after;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid < 0 ? getpid() : pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) != NULL && (after = strrchr(line, ')')) != NULL)
        sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    fclose(file);
    return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static void cpu_of_each(const struct load *load, double ret_ms[LOAD_PIDS_MAX])
{
    for (int i = 0; i < LOAD_PIDS_MAX; i++)
        ret_ms[i] = load->pids[i] != 0 ? cpu_ms(load->pids[i]) : 0;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

double percentile(double *values, size_t count, double p)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare_doubles);
    return values[(size_t)((double)(count - 1) * p)];
}

/* Put all threads' samples together; frees theirs. */
static void collect(struct runner *runners, int threads, struct load_result *result)
{
    double *all;
    size_t count = 0;

    for (int i = 0; i < threads; i++) {
        count += runners[i].count;
        result->failed += runners[i].failed;
    }
    all = xcalloc(count + 1, sizeof(*all));
    count = 0;
    for (int i = 0; i < threads; i++) {
        if (runners[i].count > 0)
            memcpy(all + count, runners[i].samples_ms, runners[i].count * sizeof(*all));
        count += runners[i].count;
        free(runners[i].samples_ms);
    }
    result->done = (int64_t)count;
    result->p50_ms = percentile(all, count, 0.50);
    result->p99_ms = percentile(all, count, 0.99);
    free(all);
}

struct load_result load_run(const struct load *load)
{
    struct load_result result = {0};
    struct runner *runners = xcalloc((size_t)load->threads, sizeof(*runners));
    struct timespec duration = {.tv_sec = load->duration_ms / 1000,
                                .tv_nsec = (load->duration_ms % 1000) * 1000000};
    atomic_bool stop = false;
    double before_ms[LOAD_PIDS_MAX], after_ms[LOAD_PIDS_MAX];
    int64_t before_us = instant_monotonic_us();

    cpu_of_each(load, before_ms);
    for (int i = 0; i < load->threads; i++) {
        runners[i].load = load;
        runners[i].worker = (struct load_worker){.number = i, .plan = load->plan};
        runners[i].stop = &stop;
        pthread_create(&runners[i].thread, NULL, run, &runners[i]);
    }
    nanosleep(&duration, NULL);
    result.resident_mb = resident_mb(load->pids[0]);
    atomic_store(&stop, true);
    for (int i = 0; i < load->threads; i++)
        pthread_join(runners[i].thread, NULL);

    collect(runners, load->threads, &result);
    result.per_second = (double)result.done * 1e6 / (double)(instant_monotonic_us() - before_us);
    if (load->rest != NULL)
        load->rest(load->plan);
    cpu_of_each(load, after_ms);
    for (int i = 0; i < LOAD_PIDS_MAX && result.done > 0; i++)
        result.cpu_us[i] = (after_ms[i] - before_ms[i]) * 1000 / (double)result.done;
    free(runners);
    return result;
}

double resident_mb(pid_t pid)
{
    char path[64];
    long pages = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* The inode of the socket that listens on `port`, from /proc/net/tcp. */
static unsigned long listening_inode(int port)
{
    char line[512];
    unsigned long inode = 0;
    FILE *file = fopen("/proc/net/tcp", "r");

    while (file != NULL && inode == 0 && fgets(line, sizeof(line), file) != NULL) {
        unsigned int local, state;
        unsigned long found;

        if (sscanf(line, " %*d: %*x:%x %*x:%*x %x %*s %*s %*s %*s %*s %lu", &local, &state,
                   &found) == 3 &&
            (int)local == port && state == 10)
            inode = found;
    }
    if (file != NULL)
        fclose(file);
    return inode;
}

static bool has_socket(const char *pid, const char *socket)
{
    char folder[64], path[384], target[64];
    struct dirent *entry;
    bool found = false;
    DIR *files;

    snprintf(folder, sizeof(folder), "/proc/%.16s/fd", pid);
    files = opendir(folder);
    while (files != NULL && !found && (entry = readdir(files)) != NULL) {
        ssize_t length;

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        length = readlink(path, target, sizeof(target) - 1);
        if (length <= 0)
            continue;
        target[length] = '\0';
        found = strcmp(target, socket) == 0;
    }
    if (files != NULL)
        closedir(files);
    return found;
}

pid_t listener_of(int port)
{
    char socket[64];
    struct dirent *entry;
    pid_t pid = 0;
    DIR *processes = opendir("/proc");

    snprintf(socket, sizeof(socket), "socket:[%lu]", listening_inode(port));
    while (processes != NULL && pid == 0 && (entry = readdir(processes)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_socket(entry->d_name, socket))
            pid = (pid_t)strtol(entry->d_name, NULL, 10);
    if (processes != NULL)
        closedir(processes);
    return pid;
}
