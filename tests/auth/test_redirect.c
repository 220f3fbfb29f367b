/*
 * Where a browser may be sent on to: paths of this site, and nothing that could lead elsewhere.
 */
#include "auth/redirect.h"

#include "common/memory.h"

#include <criterion/criterion.h>
#include <string.h>

Test(redirect, a_path_of_this_site_is_kept)
{
    static const char *const paths[] = {
        "/",      "/orders", "/tickets/new?from=/orders&n=1#form", "/a//b", "/caf%C3%A9",
        "/@host", "/~a",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        cr_assert_str_eq(redirect_path(paths[i]), paths[i]);
}

Test(redirect, anything_else_leads_home)
{
    static const char *const others[] = {
        NULL,
        "",
        "orders",
        "?a",
        ".",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/orders\\..",
        "https://evil.example/",
        "https:/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        " /orders",
        "/a b",
        "\t//evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: session=x",
        "/a\x7f",
        "/caf\xc3\xa9",
        "%2f%2fevil.example",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        cr_assert_str_eq(redirect_path(others[i]), "/", "%s", others[i] ? others[i] : "NULL");
}

Test(redirect, a_path_has_at_most_1024_bytes)
{
    char path[REDIRECT_MAX_BYTES + 2];

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[REDIRECT_MAX_BYTES + 1] = '\0';
    cr_assert_str_eq(redirect_path(path), "/");
    path[REDIRECT_MAX_BYTES] = '\0';
    cr_assert_str_eq(redirect_path(path), path);
}
