/*
 * The hearer's handler and the verbs of heard.h.
 */

#include "tests/common/heard.h"

#include "common/bus_private.h"
#include "common/instant.h"
#include "common/trace.h"
#include "tests/support/support.h"

#include <poll.h>
#include <string.h>

struct app *given_hearer(void)
{
    static struct app *hearers[4]; /* they live as long as the test: buses are closed at its exit */
    static size_t count;
    struct app *app = xcalloc(1, sizeof(*app));

    cr_assert_lt(count, ARRAY_LENGTH(hearers));
    hearers[count++] = app;
    pthread_mutex_init(&app->lock, NULL);
    given_store(); /* opened before any bus, so that it is closed after: its workers use it */
    return app;
}

/* Note that a call for this aggregate runs; false if one does already. */
static bool enter(struct app *app, const char *aggregate_id)
{
    size_t room = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(app->running); i++) {
        if (strcmp(app->running[i], aggregate_id) == 0)
            return false;
        if (app->running[i][0] == '\0')
            room = i;
    }
    text_copy(app->running[room], ID_BYTES, aggregate_id);
    return true;
}

static void leave(struct app *app, const char *aggregate_id)
{
    for (size_t i = 0; i < ARRAY_LENGTH(app->running); i++)
        if (strcmp(app->running[i], aggregate_id) == 0)
            app->running[i][0] = '\0';
}

static int scripted(struct app *app, const char *aggregate_id)
{
    for (size_t i = 0; i < ARRAY_LENGTH(app->script); i++)
        if (strcmp(app->script[i].aggregate_id, aggregate_id) == 0 && app->script[i].times > 0) {
            app->script[i].times--;
            return app->script[i].result;
        }
    return 0;
}

static int on_order(struct app *app, const struct event *event)
{
    struct heard *heard;
    int r;

    pthread_mutex_lock(&app->lock);
    if (!enter(app, event->aggregate_id))
        app->overlapped = true;
    cr_assert_lt(app->count, HEARD_MAX);
    heard = &app->heard[app->count++];
    text_copy(heard->aggregate_id, ID_BYTES, event->aggregate_id);
    heard->type = event->type;
    heard->version = event->version;
    heard->at_ms = event->at_ms;
    text_copy(heard->traceparent, TRACEPARENT_BYTES, event->traceparent);
    heard->traced = strncmp(trace_current(), event->traceparent, 35) == 0;
    r = scripted(app, event->aggregate_id);
    pthread_mutex_unlock(&app->lock);
    poll(NULL, 0, app->slow_ms); /* let another one in, if it can come */
    pthread_mutex_lock(&app->lock);
    leave(app, event->aggregate_id);
    pthread_mutex_unlock(&app->lock);
    return r;
}

/* clang-format off */
const struct event_listener heard_listeners[HEARD_LISTENERS] = {
    {EVENT_ORDER_CREATED,   "hearer-orders", NULL, on_order},
    {EVENT_ORDER_CANCELLED, "hearer-orders", NULL, on_order},
};
/* clang-format on */

void hear_on(struct bus *bus, struct app *app)
{
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(bus_prepare(bus, heard_listeners, HEARD_LISTENERS, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    cr_assert_eq(bus_listen(bus, given_store(), app, heard_listeners, HEARD_LISTENERS), 0);
}

void answer_for(struct app *app, const char *aggregate_id, int result, int times)
{
    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < ARRAY_LENGTH(app->script); i++)
        if (app->script[i].times == 0) {
            text_copy(app->script[i].aggregate_id, ID_BYTES, aggregate_id);
            app->script[i].result = result;
            app->script[i].times = times;
            break;
        }
    pthread_mutex_unlock(&app->lock);
}

struct event order_event(enum event_type type, const char *aggregate_id, int64_t version)
{
    struct event event;

    event_init(&event, type, aggregate_id, version);
    event.order.expires_at_ms = instant_now() + 900000;
    store_new_id(event.order.user_id);
    store_new_id(event.order.ticket.id);
    text_copy(event.order.ticket.title, TITLE_BYTES, "Concert");
    event.order.ticket.price_cents = 2000;
    event.order.status = type == EVENT_ORDER_CANCELLED ? ORDER_CANCELLED : ORDER_CREATED;
    return event;
}

void say_event(struct bus *bus, const struct event *event)
{
    cr_assert_eq(bus_publish_wait(bus, event, 10000), 0, "the event was not acknowledged");
}

size_t times_heard(struct app *app, const char *aggregate_id)
{
    size_t times = 0;

    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < app->count; i++)
        times += aggregate_id == NULL || strcmp(app->heard[i].aggregate_id, aggregate_id) == 0;
    pthread_mutex_unlock(&app->lock);
    return times;
}

struct expectation {
    struct app *app;
    const char *aggregate_id;
    size_t times;
};

static bool is_heard(void *context)
{
    struct expectation *expectation = context;

    return times_heard(expectation->app, expectation->aggregate_id) >= expectation->times;
}

void expect_heard(struct app *app, const char *aggregate_id, size_t times, int64_t timeout_ms)
{
    struct expectation expectation = {app, aggregate_id, times};

    eventually(is_heard, &expectation, timeout_ms, "the events are heard");
}

static bool is_settled(void *context)
{
    struct bus *bus = context;
    jsConsumerInfo *info = NULL;
    jsErrCode error;
    bool settled;

    if (js_GetConsumerInfo(&info, bus->js, "orders", "hearer-orders", NULL, &error) != NATS_OK)
        return false;
    settled = info->NumPending == 0 && info->NumAckPending == 0;
    jsConsumerInfo_Destroy(info);
    return settled;
}

void expect_settled(struct bus *bus, int64_t timeout_ms)
{
    eventually(is_settled, bus, timeout_ms, "the durable has nothing left");
}

int64_t documents(const char *collection)
{
    bson_t all = BSON_INITIALIZER;
    int64_t count = -1;

    cr_assert_eq(store_count(given_store(), collection, &all, 100000, &count), 0);
    bson_destroy(&all);
    return count;
}
