/*
 * What no event may end, looked for every second.
 *
 * Deadlines: orders that are overdue, where no timer came (design: net two).
 *
 * Bans: user.banned ends the orders that the buyer had when it was heard (listeners.c). An order
 * whose request had passed the check for bans before, and which is inserted after, is none of
 * those. Unlike a withdrawal's, that crossing has no copy in the database that both sides could
 * look at: each process hears of bans by itself, and the one that inserts may hear of this one
 * later than the one that ended the others; it may also die in between. So no look after the
 * insert would be enough, and this one needs none beside it: every process asks again and again
 * whether somebody whom it takes for banned has an open order.
 *
 * Who was let in again may order at once, at a process that has heard of that, while this one has
 * not. Hence the stream is read again before anything is ended: it has all that any process knew
 * when it took the order that was found.
 */

#include "orders/app.h"

#include "common/bans.h"
#include "common/log.h"

#define SWEEP_BATCH    100
#define SWEEP_AFTER_MS 2000 /* in calm the timers win: they are a few ms late, not seconds */

int job_sweep_overdue(struct app *app)
{
    const struct span_of of = {.kind = SPAN_INTERNAL, .verb = "expire", .object = "overdue order"};
    char ids[SWEEP_BATCH][ID_BYTES];
    size_t count;
    int r;

    r = order_list_overdue(app->core.store, instant_now() - SWEEP_AFTER_MS, SWEEP_BATCH, ids,
                           &count);
    if (r != 0)
        return r;
    if (count > 0)
        log_event(LOG_WARNING, "orders are overdue and had no timer", "count=%zu", count);
    for (size_t i = 0; i < count && r >= 0; i++) {
        struct span *span = span_begin(app->core.tracer, &of, /* traceparent= */ NULL);

        r = order_change_expire(app, ids[i]);
        trace_end();
        if (r < 0)
            span_fail(span, "unchanged");
        span_end(span);
    }
    return r < 0 ? r : 0;
}

static int decide_banned(void *context, struct order *order, enum order_effect *ret_effect)
{
    if (bans_is_banned(context, order->user_id))
        *ret_effect = order_cancel(order, CAUSE_USER_BANNED, instant_now());
    return 0;
}

/* End those of these orders whose buyers are banned still. */
static int end_banned(struct app *app, char (*ids)[ID_BYTES], size_t count)
{
    struct order_change change = {.decide = decide_banned, .context = app->core.bans};
    struct order order;
    int r = bans_read(app->core.bans);

    for (size_t i = 0; r >= 0 && i < count; i++) {
        change.order_id = ids[i];
        r = order_change(app, &change, &order);
    }
    return r < 0 ? r : 0;
}

int job_sweep_banned(struct app *app)
{
    char users[SWEEP_BATCH][ID_BYTES], ids[ORDER_SLOTS_MAX][ID_BYTES];
    size_t place = 0, user_count, count;
    int r = 0;

    while (r == 0 && (user_count = bans_list(app->core.bans, &place, SWEEP_BATCH, users)) > 0) {
        r = order_list_open_of(app->core.store, users, user_count, ids, &count);
        if (r == 0 && count > 0)
            r = end_banned(app, ids, count);
    }
    return r;
}
