/*
 * Idempotency keys, over HTTP and a real store.
 */
#include "common/http_internal.h"
#include "common/idempotency.h"
#include "common/instant.h"
#include "tests/common/fake_app.h"
#include "tests/support/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY "{\"title\":\"x\"}"

static struct http_idempotency hooks;

static void leave_store(struct app *app)
{
    (void)app;
    store_thread_done(given_store());
}

static void with_keys(struct http_config *config)
{
    hooks = idempotency_hooks(given_store());
    config->idempotency = &hooks;
    config->worker_done = leave_store;
}

static struct heard create(struct http_server *server, const char *key, const char *body)
{
    char *headers = xasprintf("%s%s%s%s", given_bearer(ROLE_USER),
                              key == NULL ? "" : "Idempotency-Key: ", key == NULL ? "" : key,
                              key == NULL ? "" : "\r\n");
    struct heard answer = call(server, "POST", "/api/things", headers, body);

    free(headers);
    return answer;
}

Test(idempotency, the_same_key_and_body_give_the_stored_answer)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard first = create(server, "k", BODY);
    cleanup(forget) struct heard second = create(server, "k", BODY);

    cr_assert_eq(first.status, 201);
    cr_assert(header_of(&first, "Idempotency-Replayed") == NULL);
    cr_assert_eq(second.status, 201);
    cr_assert_str_eq(second.body, first.body);
    cr_assert_str_eq(header_of(&second, "Idempotency-Replayed"), "true");
    cr_assert_str_eq(header_of(&second, "ETag"), "\"0\"");
    cr_assert_eq(app.calls, 1);
    stop_app(server);
}

Test(idempotency, a_trailing_slash_is_the_same_route)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard first = create(server, "k", BODY);
    cleanup(freep) char *headers = xasprintf("%sIdempotency-Key: k\r\n", given_bearer(ROLE_USER));
    cleanup(forget) struct heard second = call(server, "POST", "/api/things/", headers, BODY);

    cr_assert_eq(second.status, 201);
    cr_assert_str_eq(second.body, first.body);
    cr_assert_eq(app.calls, 1);
    stop_app(server);
}

Test(idempotency, without_a_key_each_request_runs)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard first = create(server, NULL, BODY);
    cleanup(forget) struct heard second = create(server, NULL, BODY);

    cr_assert_eq(first.status, 201);
    cr_assert_eq(second.status, 201);
    cr_assert_eq(app.calls, 2);
    stop_app(server);
}

Test(idempotency, another_key_is_another_request)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard first = create(server, "k", BODY);
    cleanup(forget) struct heard second = create(server, "K", BODY);

    cr_assert_eq(second.status, first.status);
    cr_assert_eq(app.calls, 2);
    stop_app(server);
}

Test(idempotency, another_body_is_422)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard first = create(server, "k", BODY);
    cleanup(forget) struct heard second = create(server, "k", "{\"title\": \"x\"}");
    cleanup(forget) struct heard third = create(server, "k", BODY);

    cr_assert_eq(first.status, 201);
    expect_error(&second, 422, "Idempotency-Key was used with another body");
    cr_assert(header_of(&second, "Idempotency-Replayed") == NULL);
    cr_assert_eq(third.status, 201);
    cr_assert_eq(app.calls, 1);
    stop_app(server);
}

Test(idempotency, a_stored_error_is_said_again_in_the_shape_asked_for)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard first = create(server, "k", "{}");
    cleanup(forget) struct heard second = create(server, "k", "{}");
    char *headers = xasprintf("%sIdempotency-Key: k\r\nAccept: application/problem+json\r\n",
                              given_bearer(ROLE_USER));
    cleanup(forget) struct heard third = call(server, "POST", "/api/things", headers, "{}");

    expect_error(&first, 400, "Title is required");
    cr_assert_str_eq(second.body, first.body);
    cr_assert_str_eq(header_of(&second, "Idempotency-Replayed"), "true");
    cr_assert_eq(third.status, 400);
    cr_assert_str_eq(header_of(&third, "Content-Type"), "application/problem+json");
    cr_assert(strstr(third.body, "\"field\":\"title\"") != NULL);
    cr_assert_eq(app.calls, 1);
    free(headers);
    stop_app(server);
}

Test(idempotency, keys_have_1_to_255_printable_characters)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    static char keys[4][300];

    memset(keys[0], 'k', 255);
    memset(keys[1], 'k', 256);
    text_copy(keys[2], sizeof(keys[2]), "caf\xc3\xa9");
    text_copy(keys[3], sizeof(keys[3]), "a\tb");
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        cleanup(forget) struct heard answer = create(server, keys[i], BODY);

        if (i == 0)
            cr_assert_eq(answer.status, 201);
        else
            expect_error(&answer, 400, "Idempotency-Key must be 1 to 255 printable characters");
    }
    cr_assert_eq(app.calls, 1);
    stop_app(server);
}

Test(idempotency, a_key_of_a_stranger_is_not_looked_at)
{
    struct app app;
    struct http_server *server = given_app(&app, with_keys);
    cleanup(forget) struct heard mine = create(server, "k", BODY);
    cleanup(forget) struct heard theirs =
        call(server, "POST", "/api/things", "Idempotency-Key: k\r\n", BODY);

    cr_assert_eq(mine.status, 201);
    expect_error(&theirs, 401, "Not authorized");
    stop_app(server);
}

/* The hooks by themselves, to stand where a request is. */
struct turn {
    struct http_request request;
    struct http_reply *reply;
    bool replayed;
    int result;
};

static struct http_reply replies[8];

static struct turn begin_as(const char *user, const char *request_id, const char *key)
{
    static size_t next;
    struct turn turn = {.reply = &replies[next++ % ARRAY_LENGTH(replies)]};

    http_reply_release(turn.reply);
    http_reply_init(turn.reply);
    turn.request = (struct http_request){.method = "POST",
                                         .path = "/api/things",
                                         .id = request_id,
                                         .body_bytes = BODY,
                                         .body_length = strlen(BODY)};
    text_copy(turn.request.session.user_id, ID_BYTES, user);
    turn.result = hooks.begin(hooks.context, &turn.request, key, turn.reply, &turn.replayed);
    return turn;
}

static void end_with(const struct turn *turn, const char *key, int status)
{
    hooks.end(hooks.context, &turn->request, key, status, "{\"a\":1}", 7, "\"4\"");
}

static void release_replies(void)
{
    for (size_t i = 0; i < ARRAY_LENGTH(replies); i++)
        http_reply_release(&replies[i]);
}

static void open_hooks(void)
{
    hooks = idempotency_hooks(given_store());
}

TestSuite(idempotency, .fini = release_replies);

#define ANN "5f1e0c2a9d3b4e6f7a8b9c0d"
#define BOB "5f1e0c2a9d3b4e6f7a8b9c0e"

Test(idempotency, while_the_first_runs_the_second_is_409)
{
    struct turn first, second, third;

    open_hooks();
    first = begin_as(ANN, "r1", "k");
    second = begin_as(ANN, "r2", "k");
    cr_assert_eq(first.result, DONE);
    cr_assert(!first.replayed);
    cr_assert_eq(second.result, CONFLICT);
    cr_assert_str_eq(second.reply->detail, "A request with this Idempotency-Key is still running");
    end_with(&first, "k", 201);
    third = begin_as(ANN, "r3", "k");
    cr_assert_eq(third.result, DONE);
    cr_assert(third.replayed);
    cr_assert_eq(third.reply->status, 201);
    cr_assert_str_eq(writer_text(&third.reply->body), "{\"a\":1}");
}

Test(idempotency, keys_belong_to_a_user_and_a_route)
{
    struct turn bob, ann;

    open_hooks();
    bob = begin_as(BOB, "r1", "k");
    end_with(&bob, "k", 201);
    ann = begin_as(ANN, "r2", "k");
    cr_assert_eq(ann.result, DONE);
    cr_assert(!ann.replayed, "ann was given bob's answer");
}

Test(idempotency, what_may_change_in_a_moment_is_not_stored)
{
    static const int statuses[] = {0, 401, 404, 409, 429, 500, 503};

    open_hooks();
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        struct turn turn = begin_as(ANN, "r1", "k");

        cr_assert_eq(turn.result, DONE, "%d was stored", statuses[i - 1]);
        cr_assert(!turn.replayed, "%d was stored", statuses[i - 1]);
        end_with(&turn, "k", statuses[i]);
    }
}

Test(idempotency, a_lease_that_ended_is_taken_over_by_one)
{
    struct turn dead, second, third;

    open_hooks();
    dead = begin_as(ANN, "r1", "k");
    instant_fake(instant_now() + 31000);
    second = begin_as(ANN, "r2", "k");
    third = begin_as(ANN, "r3", "k");
    cr_assert_eq(second.result, DONE);
    cr_assert(!second.replayed);
    cr_assert_eq(third.result, CONFLICT);

    end_with(&dead, "k", 400); /* it was only slow: too late to say anything */
    cr_assert_eq(begin_as(ANN, "r4", "k").result, CONFLICT);
    end_with(&second, "k", 201);
    end_with(&dead, "k", 0);
    third = begin_as(ANN, "r5", "k");
    cr_assert(third.replayed);
    cr_assert_eq(third.reply->status, 201);
}

Test(idempotency, after_24_hours_a_key_is_new)
{
    struct turn turn;

    open_hooks();
    turn = begin_as(ANN, "r1", "k");
    end_with(&turn, "k", 201);
    instant_fake(instant_now() + INT64_C(24) * 3600 * 1000 - 1000);
    cr_assert(begin_as(ANN, "r2", "k").replayed);
    instant_fake(instant_now() + 1000);
    turn = begin_as(ANN, "r3", "k");
    cr_assert_eq(turn.result, DONE);
    cr_assert(!turn.replayed);
    end_with(&turn, "k", 200);
    turn = begin_as(ANN, "r4", "k");
    cr_assert(turn.replayed);
    cr_assert_eq(turn.reply->status, 200);
}

static struct turn begin_at(const char *method, const char *path, const char *body)
{
    struct turn turn = {.reply = &replies[0]};

    turn.request = (struct http_request){.method = method,
                                         .path = path,
                                         .id = "r1",
                                         .body_bytes = body,
                                         .body_length = strlen(body)};
    text_copy(turn.request.session.user_id, ID_BYTES, ANN);
    http_reply_release(turn.reply);
    http_reply_init(turn.reply);
    turn.result = hooks.begin(hooks.context, &turn.request, "k", turn.reply, &turn.replayed);
    return turn;
}

/* After a failure, after a death and after 24 h it is the same. */
Test(idempotency, a_request_has_one_fingerprint_however_often_it_is_repeated)
{
    struct turn first, again;

    open_hooks();
    first = begin_as(ANN, "r1", "k");
    cr_assert_eq(strlen(first.request.fingerprint), FINGERPRINT_BYTES - 1);
    end_with(&first, "k", 503);
    again = begin_as(ANN, "r2", "k");
    cr_assert_str_eq(again.request.fingerprint, first.request.fingerprint);
    instant_fake(instant_now() + 31000);
    again = begin_as(ANN, "r3", "k");
    cr_assert_eq(again.result, DONE);
    cr_assert_str_eq(again.request.fingerprint, first.request.fingerprint);
    instant_fake(instant_now() + INT64_C(25) * 3600 * 1000);
    again = begin_at("POST", "/api/things/", BODY);
    cr_assert_eq(again.result, DONE);
    cr_assert_str_eq(again.request.fingerprint, first.request.fingerprint);
}

Test(idempotency, another_user_key_route_or_body_is_another_fingerprint)
{
    struct turn turns[6];

    open_hooks();
    turns[0] = begin_as(ANN, "r1", "k");
    turns[1] = begin_as(BOB, "r2", "k");
    turns[2] = begin_as(ANN, "r3", "K");
    turns[3] = begin_at("PUT", "/api/things", BODY);
    turns[4] = begin_at("POST", "/api/thing", BODY);
    end_with(&turns[0], "k", 503);
    turns[5] = begin_at("POST", "/api/things", BODY " ");
    for (size_t i = 0; i < ARRAY_LENGTH(turns); i++) {
        cr_assert_eq(turns[i].result, DONE, "%zu", i);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(turns[i].request.fingerprint, turns[j].request.fingerprint,
                              "%zu and %zu", i, j);
    }
}

static void *run_contender(void *argument)
{
    struct turn *turn = argument;

    turn->result = hooks.begin(hooks.context, &turn->request, "k", turn->reply, &turn->replayed);
    store_thread_done(hooks.context);
    return NULL;
}

Test(idempotency, of_many_at_once_one_runs)
{
    open_hooks();
    for (int round = 0; round < 10; round++) {
        struct turn turns[8];
        pthread_t threads[8];
        char ids[8][16], path[32];
        int running = 0;

        snprintf(path, sizeof(path), "/round/%d", round);
        for (int i = 0; i < 8; i++) {
            snprintf(ids[i], sizeof(ids[i]), "r%d", i);
            http_reply_release(&replies[i]);
            http_reply_init(&replies[i]);
            turns[i] = (struct turn){
                .reply = &replies[i],
                .request = {.method = "POST", .path = path, .id = ids[i], .body_bytes = ""}};
            pthread_create(&threads[i], NULL, run_contender, &turns[i]);
        }
        for (int i = 0; i < 8; i++) {
            pthread_join(threads[i], NULL);
            cr_assert(turns[i].result == DONE || turns[i].result == CONFLICT);
            running += turns[i].result == DONE;
        }
        cr_assert_eq(running, 1, "%d run", running);
    }
}

Test(idempotency, a_store_that_is_away_is_asked_again_later)
{
    struct store_config config = {.uri = "mongodb://127.0.0.1:1/?replicaSet=rs0",
                                  .database = "none",
                                  .app_name = "test",
                                  .clients_max = 1};
    struct store *store = NULL;

    cr_assert_eq(store_open(&config, &store), 0);
    hooks = idempotency_hooks(store);
    cr_assert_eq(begin_as(ANN, "r1", "k").result, -EAGAIN);
    store_thread_done(store);
    store_free(store);
}
