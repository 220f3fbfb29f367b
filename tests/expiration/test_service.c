/*
 * The whole service: its binary hears orders and says when they are due.
 */

#include "tests/support/one_service.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

static struct event order_event(enum event_type type, const char *id, int64_t version,
                                enum order_status status, int64_t expires_at_ms)
{
    struct event event;

    event_init(&event, type, id, version);
    event.order.status = status;
    event.order.expires_at_ms = expires_at_ms;
    text_copy(event.order.user_id, ID_BYTES, "aaaaaaaaaaaaaaaaaaaaaaaa");
    text_copy(event.order.ticket.id, ID_BYTES, "bbbbbbbbbbbbbbbbbbbbbbbb");
    text_copy(event.order.ticket.title, sizeof(event.order.ticket.title), "A seat");
    event.order.ticket.price_cents = 2000;
    return event;
}

static const char *const *redis_env(void)
{
    static char url[128];
    static const char *env[] = {url, NULL};

    snprintf(url, sizeof(url), "REDIS_URL=%s", given_redis());
    return env;
}

Test(service, an_order_expires_within_milliseconds_of_its_deadline)
{
    struct event created, said;
    char id[ID_BYTES];

    given_one_service("expiration", redis_env());
    for (int i = 0; i < 5; i++) {
        store_new_id(id);
        created = order_event(EVENT_ORDER_CREATED, id, 0, ORDER_CREATED, instant_now() + 300);
        deliver(&created);
        deliver(&created);
        said = await_event(EVENT_EXPIRATION_COMPLETE, id, 0);
        cr_expect_eq(said.expiration.due_at_ms, created.order.expires_at_ms);
        cr_expect_geq(said.at_ms, created.order.expires_at_ms);
        cr_expect_lt(said.at_ms, created.order.expires_at_ms + 250);
        cr_expect_eq(count_events(EVENT_EXPIRATION_COMPLETE, id), 1);
    }
}

Test(service, two_processes_say_each_end_once)
{
    struct one_service one = given_one_service("expiration", redis_env());
    struct event created;
    char ids[20][ID_BYTES];

    given_one_service("expiration", redis_env());
    for (int i = 0; i < 20; i++) {
        store_new_id(ids[i]);
        created = order_event(EVENT_ORDER_CREATED, ids[i], 0, ORDER_CREATED, instant_now() + 300);
        deliver(&created);
    }
    for (int i = 0; i < 20; i++)
        await_event(EVENT_EXPIRATION_COMPLETE, ids[i], 0);
    end_one_service(&one);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(count_events(EVENT_EXPIRATION_COMPLETE, ids[i]), 1);
}

static bool is_not_ready(void *context)
{
    (void)context;
    return ask("GET", "/readyz", NULL)->status == 503;
}

static bool is_ready(void *context)
{
    (void)context;
    return ask("GET", "/readyz", NULL)->status == 200;
}

Test(service, it_is_not_ready_without_redis_and_lives_on)
{
    given_one_service("expiration", redis_env());
    kill_store(GIVEN_REDIS);
    eventually(is_not_ready, NULL, 10000, "not ready");
    expect_status(ask("GET", "/livez", NULL), 200);
    revive_store(GIVEN_REDIS, /* wiped= */ false);
    eventually(is_ready, NULL, 10000, "ready again");
}

Test(service, wrong_settings_are_named_at_once)
{
    const char *const wrong[] = {"REDIS_URL=http://127.0.0.1", "LOCK_SECONDS=x", NULL};
    cleanup(freep) char *log = NULL;

    cr_expect_eq(given_one_service_that_ends("expiration", wrong, &log), 1);
    cr_expect_not_null(strstr(log, "REDIS_URL: "), "%s", log);
    cr_expect_not_null(strstr(log, "LOCK_SECONDS: "), "%s", log);
}

Test(service, it_refuses_to_start_on_a_redis_that_may_forget)
{
    cleanup(freep) char *log = NULL;
    const char *const *env = redis_env();
    redisContext *redis;
    int port = 0;

    cr_assert_eq(sscanf(given_redis(), "redis://127.0.0.1:%d", &port), 1);
    redis = redisConnect("127.0.0.1", port);
    cr_assert_eq(redis->err, 0);
    freeReplyObject(redisCommand(redis, "CONFIG SET maxmemory-policy allkeys-lru"));
    redisFree(redis);
    cr_expect_eq(given_one_service_that_ends("expiration", env, &log), 1);
    cr_expect_not_null(strstr(log, "noeviction"), "%s", log);
}
