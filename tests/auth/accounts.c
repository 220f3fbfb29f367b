/*
 * Verbs about accounts, for the tests of auth's routes.
 */
#include "tests/auth/accounts.h"

#include <stdio.h>
#include <string.h>

const char *const no_limits[] = {"RATE_LIMITS=off", NULL};

const struct answer *post_with(const char *path, const char *cookie)
{
    return ask_for(&(struct question){.method = "POST", .path = path, .headers = {cookie}});
}

const struct answer *enter(const char *how, const char *email, const char *password)
{
    char body[512], path[64];

    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    snprintf(path, sizeof(path), "/api/users/%s", how);
    return ask("POST", path, body);
}

const char *sign_up(const char *email)
{
    const struct answer *answer = enter("signup", email, PASSWORD);

    expect_status(answer, 201);
    return answer_text(answer, "id");
}

const char *set_cookie(const struct answer *answer, const char *name)
{
    const char *value;

    for (int i = 0; (value = answer_header(answer, "Set-Cookie", i)) != NULL; i++)
        if (strncmp(value, name, strlen(name)) == 0 && value[strlen(name)] == '=')
            return value;
    return NULL;
}

const char *cookie_from(const struct answer *answer, const char *name)
{
    static char lines[16][1024];
    static size_t used;
    const char *value = set_cookie(answer, name);

    cr_assert_not_null(value, "no cookie %s in %s", name, answer->headers);
    cr_assert_lt(used, ARRAY_LENGTH(lines));
    snprintf(lines[used], sizeof(lines[0]), "Cookie: %.*s", (int)strcspn(value, ";"), value);
    return lines[used++];
}

const struct answer *current_user(const char *header)
{
    return ask_for(
        &(struct question){.method = "GET", .path = "/api/users/currentuser", .headers = {header}});
}
