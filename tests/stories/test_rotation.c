/*
 * The key that signs sessions is changed while everybody is signed in, as
 * docs/runbooks/rotate-keys.md has it: process after process, and nobody notices.
 */
#include "tests/support/story.h"

#include "common/session.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define OLD_KEY ONE_SERVICE_JWT_KEY
#define NEW_KEY "another key of these tests, 32 bytes"
#define PEOPLE  3

static atomic_bool stopping;
static atomic_int asked, refused, renewed[PEOPLE];

/* What a browser keeps. */
struct cookies {
    char session[1024], refresh[256];
};

static void keep(const struct answer *answer, struct cookies *cookies)
{
    const char *cookie;

    for (int i = 0; (cookie = answer_header(answer, "Set-Cookie", i)); i++) {
        if (strncmp(cookie, "session=", 8) == 0)
            snprintf(cookies->session, sizeof(cookies->session), "Cookie: %.*s",
                     (int)strcspn(cookie, ";"), cookie);
        if (strncmp(cookie, "refresh=", 8) == 0)
            snprintf(cookies->refresh, sizeof(cookies->refresh), "Cookie: %.*s",
                     (int)strcspn(cookie, ";"), cookie);
    }
}

static const struct answer *ask_with(const char *method, const char *path, const char *cookie)
{
    const struct answer *answer =
        ask_for(&(struct question){.method = method, .path = path, .headers = {cookie}});

    atomic_fetch_add(&asked, 1);
    if (answer->status != 200) {
        fprintf(stderr, "%s %s: %d %s\n", method, path, answer->status, answer->body);
        atomic_fetch_add(&refused, 1);
    }
    return answer;
}

/* Somebody whose page asks for this and that, and renews the session now and then. */
static void browse(int i)
{
    static const char *const paths[] = {"/api/orders", "/api/tickets?seller=me",
                                        "/api/users/currentuser"};
    struct cookies cookies = {.session = ""};
    const struct answer *answer;

    as_nobody();
    answer = post("/api/users/signup",
                  "{\"email\":\"browser%d@example.com\",\"password\":\"a long password\"}", i);
    expect_status(answer, 201);
    keep(answer, &cookies);
    while (!atomic_load(&stopping)) {
        for (size_t k = 0; k < 9; k++) {
            answer = ask_with("GET", paths[k % ARRAY_LENGTH(paths)], cookies.session);
            if (k % ARRAY_LENGTH(paths) == 2 && !answer_text(answer, "currentUser.email"))
                atomic_fetch_add(&refused, 1);
        }
        keep(ask_with("POST", "/api/users/refresh", cookies.refresh), &cookies);
        atomic_fetch_add(&renewed[i], 1);
    }
}

/* Restart all that know a key, one after another, with these. */
static void roll(const char *key, const char *other_key)
{
    static const char *const names[] = {"auth", "tickets", "orders", "payments"};

    set_environment("JWT_KEY=%s", key);
    set_environment("JWT_KEY_OTHER=%s", other_key);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
            stop_service(names[i], k);
            start_service(names[i], k);
        }
}

static bool all_have_renewed(void *context)
{
    const int *before = context;

    for (int i = 0; i < PEOPLE; i++) /* one renewal may have been under way */
        if (atomic_load(&renewed[i]) < before[i] + 2)
            return false;
    return true;
}

static void rotate(void)
{
    int before[PEOPLE];

    roll(OLD_KEY, NEW_KEY);
    roll(NEW_KEY, OLD_KEY);
    for (int i = 0; i < PEOPLE; i++)
        before[i] = atomic_load(&renewed[i]);
    eventually(all_have_renewed, before, 60000, "no session of the old key is left");
    roll(NEW_KEY, "");
    atomic_store(&stopping, true);
}

static void browse_or_rotate(void *context, int i)
{
    (void)context;
    if (i == PEOPLE)
        rotate();
    else
        browse(i);
}

Test(rotation, a_change_of_keys_signs_nobody_out)
{
    const char *old_session;

    given_system(&(struct system_options){.instances = 2});
    as_guest(1); /* signed with the old key */
    old_session = session_header();
    expect_status(get("/api/orders"), 200);
    together(PEOPLE + 1, browse_or_rotate, NULL);
    cr_assert_gt(asked, 100);
    if (refused > 0) {
        print_log_lines(" status=5");
        print_log_lines("level=warning");
    }
    cr_assert_eq(refused, 0, "%d of %d questions were refused", refused, asked);
    for (int k = 0; k < 4; k++) /* both of each answer in turn */
        expect_status(ask_for(&(struct question){
                          .method = "GET", .path = "/api/orders", .headers = {old_session}}),
                      401);
}
