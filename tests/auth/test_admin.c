/*
 * The first admin, made at start.
 */
#include "auth/app.h"
#include "tests/support/one_service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMAIL    "\"email\":\"root@example.com\""
#define PASSWORD "\"password\":\"correct horse\""

static const char *const admin[] = {"ADMIN_EMAIL=root@example.com", "ADMIN_PASSWORD=correct horse",
                                    NULL};

static const struct answer *sign_in(void)
{
    return ask("POST", "/api/users/signin", "{" EMAIL "," PASSWORD "}");
}

/* The role that `entered`, a sign-in, was given. */
static const char *role_of(const struct answer *entered)
{
    const char *cookie = answer_header(entered, "Set-Cookie", 0);
    const struct answer *answer;
    char line[2048];

    cr_assert_not_null(cookie, "%s", entered->body);
    snprintf(line, sizeof(line), "Cookie: %.*s", (int)strcspn(cookie, ";"), cookie);
    answer = ask_for(
        &(struct question){.method = "GET", .path = "/api/users/currentuser", .headers = {line}});
    return answer_text(answer, "currentUser.role");
}

Test(admin, it_is_made_at_start_and_may_ban)
{
    const struct answer *entered;

    given_one_service("auth", admin);
    entered = sign_in();
    expect_status(entered, 200);
    cr_assert_str_eq(role_of(entered), "admin");
    await_event(EVENT_USER_CREATED, answer_text(entered, "id"), 0);
}

Test(admin, further_starts_change_nothing)
{
    const struct answer *first, *second;
    struct one_service service = given_one_service("auth", admin);

    first = sign_in();
    end_one_service(&service);
    given_one_service("auth", (const char *const[]){"ADMIN_EMAIL=ROOT@example.com",
                                                    "ADMIN_PASSWORD=another one", NULL});
    second = sign_in();
    expect_status(second, 200);
    cr_assert_str_eq(second->body, first->body);
    cr_assert_eq(count_documents("users", "{}"), 1);
    cr_assert_eq(count_documents("users", "{\"version\": 0}"), 1);
}

/* Whoever signed up with the admin's address before does not become admin. */
Test(admin, an_ordinary_account_is_taken_over_with_its_own_password)
{
    struct one_service service = given_one_service("auth", NULL);
    const struct answer *squatter, *entered;
    char line[256];
    const char *refresh;

    squatter = ask("POST", "/api/users/signup", "{" EMAIL ",\"password\":\"battery staple\"}");
    expect_status(squatter, 201);
    refresh = answer_header(squatter, "Set-Cookie", 1);
    snprintf(line, sizeof(line), "Cookie: %.*s", (int)strcspn(refresh, ";"), refresh);
    end_one_service(&service);

    given_one_service("auth", admin);
    expect_status(ask("POST", "/api/users/signin", "{" EMAIL ",\"password\":\"battery staple\"}"),
                  400);
    expect_status(ask_for(&(struct question){
                      .method = "POST", .path = "/api/users/refresh", .headers = {line}}),
                  401);
    entered = sign_in();
    expect_status(entered, 200);
    cr_assert_str_eq(answer_text(entered, "id"), answer_text(squatter, "id"));
    cr_assert_str_eq(role_of(entered), "admin");
}

static void expect_no_start(const char *email, const char *password, const char *reason)
{
    const char *const env[] = {email, password, "LOG_LEVEL=loud", NULL};
    char *log = NULL;

    cr_assert_eq(given_one_service_that_ends("auth", env, &log), 1);
    cr_assert_not_null(strstr(log, reason), "%s", log);
    cr_assert_not_null(strstr(log, "LOG_LEVEL: "), "all of it at once: %s", log);
    free(log);
}

Test(admin, half_or_wrong_settings_stop_the_start)
{
    expect_no_start("ADMIN_EMAIL=root@example.com", "ADMIN_PASSWORD=", "ADMIN_PASSWORD");
    expect_no_start("ADMIN_EMAIL=", "ADMIN_PASSWORD=correct horse", "ADMIN_EMAIL");
    expect_no_start("ADMIN_EMAIL=root", "ADMIN_PASSWORD=correct horse", "ADMIN_EMAIL");
    expect_no_start("ADMIN_EMAIL=root@example.com", "ADMIN_PASSWORD=short", "ADMIN_PASSWORD");
}

#define PROCESSES 4

struct start {
    struct app app;
    pthread_barrier_t *together;
    int result;
};

static void *start(void *context)
{
    struct start *start = context;

    pthread_barrier_wait(start->together);
    start->result = admin_ensure(&start->app);
    store_thread_done(start->app.core.store);
    return NULL;
}

Test(admin, processes_that_start_at_once_make_one)
{
    static const struct store_index index = {"users", "users_email", "{\"emailKey\": 1}",
                                             "{\"unique\": true}"};
    static const char *const collections[] = {"users"};
    struct metrics *metrics = metrics_new();
    struct outbox *outbox = NULL;
    struct passwords *passwords = NULL;
    struct start starts[PROCESSES];
    pthread_t threads[PROCESSES];
    pthread_barrier_t together;
    cleanup(writer_release) struct writer problems = {0};

    writer_init(&problems);
    cr_assert_eq(store_prepare(given_store(), &index, 1, &problems), 0);
    cr_assert_eq(outbox_open(given_store(), given_bus("auth"), metrics, collections, 1, &outbox),
                 0);
    cr_assert_eq(passwords_open(0, &passwords), 0);
    pthread_barrier_init(&together, NULL, PROCESSES);
    for (size_t i = 0; i < PROCESSES; i++) {
        starts[i] = (struct start){.app = {.core = {.store = given_store(), .outbox = outbox},
                                           .admin_email = "root@example.com",
                                           .admin_password = "correct horse",
                                           .passwords = passwords},
                                   .together = &together};
        cr_assert_eq(pthread_create(&threads[i], NULL, start, &starts[i]), 0);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(starts[i].result, 0);
    }
    cr_assert_eq(count_documents("users", "{\"role\": \"admin\"}"), 1);

    outbox_free(outbox, 1000);
    passwords_free(passwords);
    metrics_free(metrics);
}
