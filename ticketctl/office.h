#ifndef TICKETCTL_OFFICE_H
#define TICKETCTL_OFFICE_H

/*
 * Office: a few threads that run errands for requests, so that a request waits for an answer no
 * longer than it wants to, however long a store that hangs keeps the errand.
 *
 * An errand belongs to its sender and to the office; whoever lets go of it last frees it. What it
 * found may be read once errand_await has said that it is done. All functions may be called from
 * any thread.
 */

#include "common/event.h"
#include "common/memory.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define ERRAND_PARTS_MAX   3
#define ERRAND_REASON_MAX  96
#define OFFICE_THREADS_MAX 8
#define OFFICE_WAITING_MAX 64

struct app;
struct office;

struct errand {
    /* What to do. 0; < 0 with `reason`, for people; NOT_FOUND. */
    int (*run)(struct app *app, struct errand *errand);
    char id[96];            /* of an order, of a letter; "" for none */
    enum event_owner owner; /* whose database; OWNER_COUNT for all */
    int64_t limit;
    int64_t deadline_ms; /* monotonic: what is not found by then is not waited for; 0: nobody
                            waits, and it is run all the same */

    /* What came of it. */
    int result;
    bool unasked; /* there was nothing to ask; `reason` says why */
    char reason[ERRAND_REASON_MAX];
    int64_t took_ms;
    struct writer parts[ERRAND_PARTS_MAX]; /* JSON values */
    void *found;                           /* something else, and how to free it */
    void (*found_free)(void *found);

    /* The office's own. */
    bool done;
    int holders;
    struct errand *next;
};

/* Open an office with `threads` threads (≤ OFFICE_THREADS_MAX). `thread_done` is called at the end
 * of each. */
must_check int office_open(struct app *app, size_t threads, void (*thread_done)(struct app *app),
                           struct office **ret_office);

/* Let the errands that run end, forget those that wait, and free. NULL is fine; returns NULL. */
struct office *office_close(struct office *office);

/* Send a copy of `wanted` (its first members). Where too many wait already, it comes back done,
 * with -EAGAIN. */
must_check struct errand *errand_send(struct office *office, const struct errand *wanted);

/* Wait until it is done, at most until its deadline. False: it is not. */
bool errand_await(struct office *office, struct errand *errand);

/* Let go of it. */
void errand_release(struct office *office, struct errand *errand);

/* In an errand: its result, with a reason. */
int errand_fail(struct errand *errand, int result, const char *reason);

/* Why it found nothing, for people, after errand_await said `done`; NULL where there is nothing to
 * say. */
const char *errand_reason(const struct errand *errand, bool done);

#endif
