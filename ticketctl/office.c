/*
 * Errands: questions to stores that may hang, run beside the request that wants to know.
 *
 * The libraries' own deadlines add up (a database that stands still keeps a call for four seconds),
 * and the operator asks just when something hangs. So the request gives up at its own deadline and
 * says what was missing; the errand ends when it ends, and is freed then. Threads are few and the
 * queue is bounded; an errand whose sender has gone is not begun.
 */

#include "ticketctl/office.h"

#include "common/fail.h"
#include "common/instant.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct office {
    struct app *app;
    void (*thread_done)(struct app *app);
    pthread_mutex_t lock; /* guards all of it, and the errands' holders and done */
    pthread_cond_t changed;
    struct errand *first, **last;
    size_t waiting;
    bool closing;
    pthread_t threads[OFFICE_THREADS_MAX];
    size_t thread_count;
};

static void errand_free(struct errand *errand)
{
    for (size_t i = 0; i < ERRAND_PARTS_MAX; i++)
        writer_release(&errand->parts[i]);
    if (errand->found != NULL)
        errand->found_free(errand->found);
    free(errand);
}

/* With the lock held: one holder fewer. */
static void let_go(struct errand *errand)
{
    if (--errand->holders == 0)
        errand_free(errand);
}

/* With the lock held: the next errand that somebody still waits for; NULL when the office closes.
 */
static struct errand *next_errand(struct office *office)
{
    for (;;) {
        struct errand *errand = office->first;

        if (office->closing)
            return NULL;
        if (errand == NULL) {
            pthread_cond_wait(&office->changed, &office->lock);
            continue;
        }
        office->first = errand->next;
        if (office->first == NULL)
            office->last = &office->first;
        office->waiting--;
        if (errand->holders > 1 || errand->deadline_ms == 0)
            return errand;
        let_go(errand);
    }
}

static void *thread_main(void *context)
{
    struct office *office = context;
    struct errand *errand;

    pthread_mutex_lock(&office->lock);
    while ((errand = next_errand(office)) != NULL) {
        int64_t begun_ms = instant_monotonic();
        int r;

        pthread_mutex_unlock(&office->lock);
        r = errand->run(office->app, errand);
        pthread_mutex_lock(&office->lock);
        errand->result = r;
        errand->took_ms = instant_monotonic() - begun_ms;
        errand->done = true;
        let_go(errand);
        pthread_cond_broadcast(&office->changed);
    }
    pthread_mutex_unlock(&office->lock);
    office->thread_done(office->app);
    return NULL;
}

int office_open(struct app *app, size_t threads, void (*thread_done)(struct app *app),
                struct office **ret_office)
{
    struct office *office = xcalloc(1, sizeof(*office));
    pthread_condattr_t attributes;

    assert(threads <= OFFICE_THREADS_MAX);
    *ret_office = office;
    office->app = app;
    office->thread_done = thread_done;
    office->last = &office->first;
    pthread_mutex_init(&office->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&office->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&office->threads[i], NULL, thread_main, office) != 0)
            return fail(-EIO, "cannot start a thread");
        office->thread_count++;
    }
    return 0;
}

struct office *office_close(struct office *office)
{
    if (office == NULL)
        return NULL;
    pthread_mutex_lock(&office->lock);
    office->closing = true;
    pthread_cond_broadcast(&office->changed);
    pthread_mutex_unlock(&office->lock);
    for (size_t i = 0; i < office->thread_count; i++)
        pthread_join(office->threads[i], NULL);
    while (office->first != NULL) {
        struct errand *errand = office->first;

        office->first = errand->next;
        let_go(errand);
    }
    pthread_mutex_destroy(&office->lock);
    pthread_cond_destroy(&office->changed);
    free(office);
    return NULL;
}

struct errand *errand_send(struct office *office, const struct errand *wanted)
{
    struct errand *errand = xmalloc(sizeof(*errand));

    *errand = *wanted;
    errand->holders = 1;
    pthread_mutex_lock(&office->lock);
    if (office->waiting == OFFICE_WAITING_MAX) {
        errand->result = errand_fail(errand, -EAGAIN, "Too many questions wait already");
        errand->done = true;
    } else {
        errand->holders++;
        *office->last = errand;
        office->last = &errand->next;
        office->waiting++;
        pthread_cond_broadcast(&office->changed);
    }
    pthread_mutex_unlock(&office->lock);
    return errand;
}

bool errand_await(struct office *office, struct errand *errand)
{
    struct timespec until = {.tv_sec = (time_t)(errand->deadline_ms / 1000),
                             .tv_nsec = (long)(errand->deadline_ms % 1000) * 1000000};
    bool in_time = true, done;

    pthread_mutex_lock(&office->lock);
    while (!errand->done && in_time)
        in_time = pthread_cond_timedwait(&office->changed, &office->lock, &until) == 0;
    done = errand->done;
    pthread_mutex_unlock(&office->lock);
    return done;
}

void errand_release(struct office *office, struct errand *errand)
{
    pthread_mutex_lock(&office->lock);
    let_go(errand);
    pthread_mutex_unlock(&office->lock);
}

int errand_fail(struct errand *errand, int result, const char *reason)
{
    text_copy(errand->reason, sizeof(errand->reason), reason);
    return result;
}

const char *errand_reason(const struct errand *errand, bool done)
{
    if (!done)
        return "No answer in time";
    return errand->reason[0] != '\0' ? errand->reason : NULL;
}
