/*
 * What Linux counts for every process, under the names that all Prometheus clients give it
 * (process_…), so that common dashboards find it.
 *
 * It is read when it is asked for: a small file of /proc and one directory, some ten microseconds,
 * and one for each open descriptor. What cannot be read is left out. (process_start_time_seconds is
 * not here: service.c notes it once, so that a change of it means another process.)
 */

#include "common/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILE_BYTES 2048

/* The beginning of a file of /proc, as a text; "" where it cannot be read. */
static void read_file(const char *path, char ret_text[FILE_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, ret_text, FILE_BYTES - 1);

    ret_text[length < 0 ? 0 : length] = '\0';
    if (fd >= 0)
        close(fd);
}

static void print_head(struct writer *out, const char *name, const char *type, const char *help)
{
    write_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_gauge(struct writer *out, const char *name, const char *help, uint64_t value)
{
    print_head(out, name, "gauge", help);
    write_format(out, "%s %" PRIu64 "\n", name, value);
}

/* Fields of /proc/self/stat, numbered as in proc(5), where name and state are the second and third.
 */
enum stat_field {
    STAT_PPID = 4,
    STAT_USER = 14,
    STAT_SYSTEM = 15,
    STAT_VIRTUAL = 23,
    STAT_RESIDENT = 24
};

/* False: it cannot be read. */
static bool read_stat(uint64_t ret_fields[STAT_RESIDENT + 1])
{
    char text[FILE_BYTES], *rest;

    read_file("/proc/self/stat", text);
    rest = strrchr(text, ')'); /* the name before it may hold anything */
    if (rest == NULL || strlen(rest) < sizeof(") S ") - 1)
        return false;
    rest += sizeof(") S ") - 1;
    for (int field = STAT_PPID; field <= STAT_RESIDENT; field++)
        ret_fields[field] = strtoull(rest, &rest, 10);
    return true;
}

static void print_time_and_memory(struct writer *out)
{
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t fields[STAT_RESIDENT + 1], used;

    if (!read_stat(fields))
        return;
    used = fields[STAT_USER] + fields[STAT_SYSTEM];
    print_head(out, "process_cpu_seconds_total", "counter", "Processor time used, all threads.");
    write_format(out, "process_cpu_seconds_total %" PRIu64 ".%02" PRIu64 "\n", used / ticks,
                 used % ticks * 100 / ticks);
    print_gauge(out, "process_resident_memory_bytes", "Memory in use.",
                fields[STAT_RESIDENT] * page);
    print_gauge(out, "process_virtual_memory_bytes", "Address space in use.", fields[STAT_VIRTUAL]);
}

static void print_descriptors(struct writer *out)
{
    DIR *folder = opendir("/proc/self/fd");
    struct rlimit limit;
    uint64_t open = 0;

    if (folder != NULL) {
        while (readdir(folder) != NULL)
            open++;
        closedir(folder);
        print_gauge(out, "process_open_fds", "Open file descriptors.",
                    open - 3); /* ".", "..", and the one that we look with */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        print_gauge(out, "process_max_fds", "How many may be open.", limit.rlim_cur);
}

void metrics_print_process(struct writer *out)
{
    print_time_and_memory(out);
    print_descriptors(out);
}
