/*
 * People: who asks the edge, and the questions themselves.
 *
 * Who asks is a matter of each thread. A session travels as the cookie that auth set; guests bring
 * a bearer token that is signed here with the system's key.
 */
#include "tests/support/story.h"

#include "common/memory.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE_MAX     16
#define PASSWORD       "a long password"
#define HEADER_BYTES   2048
#define BODY_BYTES     (2u << 20)
#define PATHS_IN_SIGHT 8
#define FIRST_GUEST    0xabc000u

static struct person {
    char name[32];
    char id[ID_BYTES];
    char header[HEADER_BYTES];
} people[PEOPLE_MAX];

static _Thread_local char current_header[HEADER_BYTES];

/* Put what `answer` set as its session cookie into `ret_header`. */
static void keep_session(const struct answer *answer, char *ret_header)
{
    const char *cookie;

    for (int i = 0; (cookie = answer_header(answer, "Set-Cookie", i)); i++) {
        if (strncmp(cookie, "session=", 8) == 0) {
            snprintf(ret_header, HEADER_BYTES, "Cookie: %.*s", (int)strcspn(cookie, ";"), cookie);
            return;
        }
    }
    cr_assert_fail("no session cookie in %s", answer->headers);
}

static struct person *find_person(const char *name)
{
    struct person *person = people;

    while (person < people + PEOPLE_MAX && person->name[0] && strcmp(person->name, name) != 0)
        person++;
    cr_assert_lt(person, people + PEOPLE_MAX, "too many people");
    return person;
}

void as_user(const char *name)
{
    struct person *person = find_person(name);

    if (!person->name[0]) {
        const struct answer *answer;

        as_nobody();
        answer = post("/api/users/signup",
                      "{\"email\":\"%s@example.com\",\"password\":\"" PASSWORD "\"}", name);
        expect_status(answer, 201);
        keep_session(answer, person->header);
        snprintf(person->id, sizeof(person->id), "%s", answer_text(answer, "id"));
        snprintf(person->name, sizeof(person->name), "%s", name);
    }
    memcpy(current_header, person->header, sizeof(current_header));
}

void as_nobody(void)
{
    current_header[0] = '\0';
}

void as_admin(void)
{
    const struct answer *answer;

    as_nobody();
    answer = post("/api/users/signin", "{\"email\":\"" SYSTEM_ADMIN_EMAIL
                                       "\",\"password\":\"" SYSTEM_ADMIN_PASSWORD "\"}");
    expect_status(answer, 200);
    keep_session(answer, current_header);
}

void as_guest(int number)
{
    const struct session_config config = {.key = ONE_SERVICE_JWT_KEY, .seconds = 900};
    struct session session = {.signed_in = true, .role = ROLE_USER};
    char *token;

    snprintf(session.user_id, sizeof(session.user_id), "%024x", FIRST_GUEST + (unsigned)number);
    snprintf(session.email, sizeof(session.email), "guest%d@example.com", number);
    token = session_issue(&config, &session);
    snprintf(current_header, sizeof(current_header), "Authorization: Bearer %s", token);
    free(token);
}

int guest_number(const char *id)
{
    return (int)(strtoul(id, NULL, 16) - FIRST_GUEST);
}

const char *user_id(const char *name)
{
    const struct person *person = find_person(name);

    cr_assert_neq(person->name[0], '\0', "%s is not signed up", name);
    return person->id;
}

const char *session_header(void)
{
    return current_header[0] ? current_header : NULL;
}

static const struct answer *ask_edge(const char *method, const char *path, const char *body)
{
    const struct question question = {
        .method = method, .path = path, .body = body, .headers = {session_header()}};

    return ask_for(&question);
}

__attribute__((format(printf, 3, 0))) static const struct answer *
ask_with_body(const char *method, const char *path, const char *format, va_list arguments)
{
    char *body = xmalloc(BODY_BYTES);
    const struct answer *answer;
    int length = vsnprintf(body, BODY_BYTES, format, arguments);

    cr_assert_lt((unsigned)length, BODY_BYTES);
    answer = ask_edge(method, path, body);
    free(body);
    return answer;
}

const struct answer *get(const char *path)
{
    return ask_edge("GET", path, NULL);
}

const struct answer *post(const char *path, const char *body, ...)
{
    const struct answer *answer;
    va_list arguments;

    va_start(arguments, body);
    answer = ask_with_body("POST", path, body, arguments);
    va_end(arguments);
    return answer;
}

const struct answer *put(const char *path, const char *body, ...)
{
    const struct answer *answer;
    va_list arguments;

    va_start(arguments, body);
    answer = ask_with_body("PUT", path, body, arguments);
    va_end(arguments);
    return answer;
}

const struct answer *delete_at(const char *path)
{
    return ask_edge("DELETE", path, NULL);
}

const char *at(const char *format, ...)
{
    static _Thread_local char paths[PATHS_IN_SIGHT][512];
    static _Thread_local unsigned next;
    char *path = paths[next++ % PATHS_IN_SIGHT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(path, sizeof(paths[0]), format, arguments);
    va_end(arguments);
    return path;
}

struct crowd {
    void (*work)(void *context, int i);
    void *context;
    pthread_barrier_t start;
};

struct member {
    struct crowd *crowd;
    int number;
    pthread_t thread;
};

static void *begin_together(void *context)
{
    struct member *member = context;

    pthread_barrier_wait(&member->crowd->start);
    member->crowd->work(member->crowd->context, member->number);
    return NULL;
}

void together(int count, void (*work)(void *context, int i), void *context)
{
    struct crowd crowd = {.work = work, .context = context};
    struct member *members = xcalloc((size_t)count, sizeof(*members));

    pthread_barrier_init(&crowd.start, NULL, (unsigned)count);
    for (int i = 0; i < count; i++) {
        members[i] = (struct member){.crowd = &crowd, .number = i};
        cr_assert_eq(pthread_create(&members[i].thread, NULL, begin_together, &members[i]), 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(members[i].thread, NULL);
    pthread_barrier_destroy(&crowd.start);
    free(members);
}
