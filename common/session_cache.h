#ifndef COMMON_SESSION_CACHE_H
#define COMMON_SESSION_CACHE_H

/*
 * Tokens that were found good, so that a client's next request need not prove it again: reading a
 * session from its cookie costs some 20 µs, three times what the rest of a small request does.
 *
 * Only good ones are kept, so that forged ones push nobody out; a place is found by a keyed hash
 * and held by the last one. What is found is looked at for its expiry again; bans are the
 * dispatcher's. Thread-safe.
 */

#include "common/session.h"

struct session_cache;

struct session_cache *session_cache_new(void);
struct session_cache *session_cache_free(struct session_cache *cache);

/* Where a token was found: the same text may mean something else elsewhere. */
enum session_source { SOURCE_BEARER, SOURCE_COOKIE };

/* The session that `text` proved before. False: not known, or no longer good. NULL knows nothing.
 */
bool session_cache_find(struct session_cache *cache, enum session_source source, const char *text,
                        struct session *ret_session);

/* Remember that `text` proves `session`, which is signed in. */
void session_cache_keep(struct session_cache *cache, enum session_source source, const char *text,
                        const struct session *session);

#endif
