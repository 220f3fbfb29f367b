/*
 * Open streams: what a thousand of them cost tickets, while nothing happens and while a hundred
 * tickets a second are created, all of which each of them is told. The streams are read here, on
 * the same cores, so the delays are those of a busy machine.
 */
#include "tests/bench/bench.h"

#include "common/instant.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAMS    1000
#define PERIOD_US  10000 /* 100 events/s */
#define MEASURE_MS 4000
#define EVENTS_MAX (MEASURE_MS * 1000 / PERIOD_US + 1)
#define ONE_OTHER  "?ids=000000000000000000000000"

struct audience {
    struct bench *bench;
    int fds[STREAMS], count;
    int probe; /* one more, by which delays are measured */
    int epoll_fd;
    atomic_bool over;
    _Atomic int64_t heard; /* events, by all but the probe */
    pthread_t reader;

    _Atomic int64_t said, probed;        /* events since the measurement began */
    _Atomic int64_t said_us[EVENTS_MAX]; /* when each was answered */
    double delays_ms[EVENTS_MAX];
};

static int dial(int64_t port, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[128];
    int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, request, (size_t)length, MSG_NOSIGNAL) == length)
        return fd;
    close(fd);
    return -1;
}

/* An event that is heard before its answer was read counts as one without delay. */
static void note_probe(struct audience *audience)
{
    int64_t n = atomic_load(&audience->probed), since_us;

    if (n == EVENTS_MAX)
        return;
    since_us = atomic_load(&audience->said_us[n]);
    audience->delays_ms[n] = since_us == 0 ? 0 : (double)(instant_monotonic_us() - since_us) / 1000;
    atomic_store(&audience->probed, n + 1);
}

/* Read and count. What is counted is whole in what one read gives, but for a few. */
static void *read_all(void *context)
{
    struct audience *audience = context;
    char text[16384];

    while (!atomic_load(&audience->over)) {
        struct epoll_event events[64];
        int count = epoll_wait(audience->epoll_fd, events, ARRAY_LENGTH(events), 50);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

            text[length < 0 ? 0 : length] = '\0';
            for (char *at = text; (at = strstr(at, "event: ticket")) != NULL; at++) {
                if (fd == audience->probe)
                    note_probe(audience);
                else
                    atomic_fetch_add(&audience->heard, 1);
            }
        }
    }
    return NULL;
}

static bool open_one(struct audience *audience, const char *path, int *ret_fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    *ret_fd = event.data.fd = dial(audience->bench->tickets_port, path);
    return *ret_fd >= 0 && epoll_ctl(audience->epoll_fd, EPOLL_CTL_ADD, *ret_fd, &event) == 0;
}

/* The probe, and `count` on `path`. */
static struct audience *open_all(struct bench *bench, int count, const char *path)
{
    struct audience *audience = xcalloc(1, sizeof(*audience));
    bool open;

    audience->bench = bench;
    audience->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    open = open_one(audience, "/api/tickets/events", &audience->probe);
    while (open && audience->count < count)
        open = open_one(audience, path, &audience->fds[audience->count++]);
    if (!open || pthread_create(&audience->reader, NULL, read_all, audience) != 0) {
        fputs("bench: tickets takes no more streams\n", stderr);
        exit(1);
    }
    return audience;
}

static void close_all(struct audience *audience)
{
    atomic_store(&audience->over, true);
    pthread_join(audience->reader, NULL);
    for (int i = 0; i < audience->count; i++)
        close(audience->fds[i]);
    close(audience->probe);
    close(audience->epoll_fd);
    free(audience);
}

static void rest_until(int64_t until_us)
{
    int64_t left_us = until_us - instant_monotonic_us();
    struct timespec rest = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};

    if (left_us > 0)
        nanosleep(&rest, NULL);
}

/* Create a ticket every PERIOD_US. */
static void say_all(struct audience *audience)
{
    struct wire *wire = wire_new((int)audience->bench->tickets_port);
    char *cookie = bench_cookie(audience->bench);
    int64_t next_us = instant_monotonic_us(), until_us = next_us + MEASURE_MS * INT64_C(1000);

    while (next_us < until_us && audience->said < EVENTS_MAX &&
           wire_ask(wire, "POST", "/api/tickets", cookie, "{\"title\":\"Bench\",\"price\":5}")) {
        atomic_store(&audience->said_us[audience->said], instant_monotonic_us());
        audience->said++;
        next_us += PERIOD_US;
        rest_until(next_us);
    }
    rest_until(until_us);
    free(cookie);
    wire_free(wire);
}

static void print_busy(struct audience *audience, const char *name, pid_t pid)
{
    int64_t began_us = instant_monotonic_us(), heard = atomic_load(&audience->heard);
    double cpu = cpu_ms(pid), seconds;
    size_t count;

    say_all(audience);
    seconds = (double)(instant_monotonic_us() - began_us) / 1000000;
    count = (size_t)atomic_load(&audience->probed);
    fprintf(stdout,
            "  %-26s %4.0f events/s  CPU %5.1f %%  told %7.0f/s  to the probe p50 %.1f p99 %.1f "
            "ms\n",
            name, (double)audience->said / seconds, (cpu_ms(pid) - cpu) / seconds / 10,
            (double)(atomic_load(&audience->heard) - heard) / seconds,
            percentile(audience->delays_ms, count, 0.5),
            percentile(audience->delays_ms, count, 0.99));
    fflush(stdout);
}

static void print_idle(const char *name, pid_t pid, double before_mb)
{
    struct timespec while_idle = {.tv_sec = MEASURE_MS / 1000};
    double cpu = cpu_ms(pid);

    nanosleep(&while_idle, NULL);
    fprintf(stdout, "  %-26s               CPU %5.1f %%  resident %+.1f MB\n", name,
            (cpu_ms(pid) - cpu) / MEASURE_MS * 100, resident_mb(pid) - before_mb);
}

void streams_print(struct bench *bench)
{
    pid_t pid = listener_of((int)bench->tickets_port);
    double before_mb = resident_mb(pid);
    struct audience *audience;

    fprintf(stdout, "%d open streams of tickets:\n", STREAMS);
    audience = open_all(bench, 0, NULL);
    print_busy(audience, "one open", pid);
    close_all(audience);

    audience = open_all(bench, STREAMS, "/api/tickets/events" ONE_OTHER);
    print_idle("idle", pid, before_mb);
    print_busy(audience, "all about another ticket", pid);
    close_all(audience);

    audience = open_all(bench, STREAMS, "/api/tickets/events");
    print_busy(audience, "all about every ticket", pid);
    close_all(audience);
}
