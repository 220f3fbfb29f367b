/*
 * Settler: orders in a ring, threads that settle each order's live payment, in the trace of the
 * event that has ended the order.
 *
 * The order's end is in its copy before the id is queued here, so a settler that finds nothing to
 * do is right: somebody else has settled it.
 */

#include "payments/settler.h"

#include "common/log.h"
#include "common/span.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_TIMEOUT_MS 20000 /* for all steps of one payment; Stripe's own limit is below */
#define WORKERS_MAX       32

/* An order that has ended, and the trace of the event that said so. */
struct errand {
    char order_id[ID_BYTES], traceparent[TRACEPARENT_BYTES];
};

struct settler {
    struct charger charger;
    pthread_mutex_t mutex;
    pthread_cond_t queued;
    struct errand ring[SETTLER_QUEUE_MAX];
    size_t first, count;
    bool stopping;
    pthread_t threads[WORKERS_MAX];
    size_t thread_count;
};

static void settle(struct settler *settler, const struct errand *errand)
{
    const struct span_of of = {.kind = SPAN_INTERNAL, .verb = "settle", .object = "payment"};
    struct span *span = span_begin(settler->charger.tracer, &of, errand->traceparent);
    struct payment payment;
    struct gate_visit visit;
    char message[CHARGE_MESSAGE_BYTES];
    int r = payment_find_live(settler->charger.store, errand->order_id, &payment);

    if (r == 0)
        r = gate_enter(settler->charger.gate, GATE_SETTLER, &visit);
    if (r == 0) {
        r = charge_settle(&settler->charger, &visit, &payment, SETTLE_TIMEOUT_MS, message);
        gate_leave(&visit);
    }
    if (r < 0) {
        log_event(LOG_WARNING, "payment is left to the resolver", "order=%s", errand->order_id);
        span_fail(span, "unsettled");
    }
    trace_end();
    span_end(span);
}

/* The next order, or false once the settler stops. */
static bool next(struct settler *settler, struct errand *ret_errand)
{
    bool found = false;

    pthread_mutex_lock(&settler->mutex);
    while (settler->count == 0 && !settler->stopping)
        pthread_cond_wait(&settler->queued, &settler->mutex);
    if (settler->count > 0 && !settler->stopping) {
        *ret_errand = settler->ring[settler->first];
        settler->first = (settler->first + 1) % SETTLER_QUEUE_MAX;
        settler->count--;
        found = true;
    }
    pthread_mutex_unlock(&settler->mutex);
    return found;
}

static void *work(void *context)
{
    struct settler *settler = context;
    struct errand errand;

    while (next(settler, &errand))
        settle(settler, &errand);
    store_thread_done(settler->charger.store);
    return NULL;
}

void settler_wake(struct settler *settler, const char *order_id)
{
    pthread_mutex_lock(&settler->mutex);
    if (settler->count < SETTLER_QUEUE_MAX) {
        size_t last = (settler->first + settler->count) % SETTLER_QUEUE_MAX;

        text_copy(settler->ring[last].order_id, ID_BYTES, order_id);
        text_copy(settler->ring[last].traceparent, TRACEPARENT_BYTES, trace_current());
        settler->count++;
        pthread_cond_signal(&settler->queued);
    }
    pthread_mutex_unlock(&settler->mutex);
}

int settler_open(const struct charger *charger, size_t workers, struct settler **ret_settler)
{
    struct settler *settler = xcalloc(1, sizeof(*settler));

    settler->charger = *charger;
    pthread_mutex_init(&settler->mutex, NULL);
    pthread_cond_init(&settler->queued, NULL);
    for (size_t i = 0; i < workers && i < WORKERS_MAX; i++) {
        if (pthread_create(&settler->threads[i], NULL, work, settler) != 0) {
            settler_free(settler);
            return fail(-EIO, "no thread for the settler");
        }
        settler->thread_count++;
    }
    *ret_settler = settler;
    return 0;
}

struct settler *settler_free(struct settler *settler)
{
    if (settler == NULL)
        return NULL;
    pthread_mutex_lock(&settler->mutex);
    settler->stopping = true;
    pthread_cond_broadcast(&settler->queued);
    pthread_mutex_unlock(&settler->mutex);
    for (size_t i = 0; i < settler->thread_count; i++)
        pthread_join(settler->threads[i], NULL);
    pthread_cond_destroy(&settler->queued);
    pthread_mutex_destroy(&settler->mutex);
    free(settler);
    return NULL;
}
