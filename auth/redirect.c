/*
 * Redirect: a target that came with a request may lead to this site alone. Else a link to us would
 * open anybody's page in our name.
 *
 * What counts is how a browser reads it: "//host" and, since it takes a backslash for a slash,
 * "/\host" are other sites; tabs and line ends it drops, so that "/<tab>/host" is one as well. So a
 * target begins with one slash, has no backslash, and nothing but visible ASCII, which is also all
 * that a Location may hold. A path that needs other characters has them percent-encoded.
 */
#include "auth/redirect.h"

#include <stddef.h>

const char *redirect_path(const char *next)
{
    size_t length = 0;

    if (!next || next[0] != '/' || next[1] == '/')
        return "/";
    for (; next[length]; length++)
        if (next[length] <= ' ' || next[length] >= 0x7f || next[length] == '\\')
            return "/";
    return length <= REDIRECT_MAX_BYTES ? next : "/";
}
