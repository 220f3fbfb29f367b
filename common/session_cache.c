/*
 * The cache of good tokens: a table of fixed size, each text in the one place its hash names. The
 * hash is keyed with a random number of this process, so nobody can aim at another's place, and a
 * comparison of whole texts follows it. One lock is enough: what it guards takes some 50 ns.
 */
#include "common/session_cache.h"

#include "common/instant.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 512 /* with a token of 600 bytes each: half a megabyte when all are taken */

struct place {
    char *text; /* owned; NULL: free */
    enum session_source source;
    struct session session;
};

struct session_cache {
    pthread_mutex_t lock;
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct place places[PLACES];
};

struct session_cache *session_cache_new(void)
{
    struct session_cache *cache = xcalloc(1, sizeof(*cache));

    pthread_mutex_init(&cache->lock, NULL);
    crypto_shorthash_keygen(cache->key);
    return cache;
}

struct session_cache *session_cache_free(struct session_cache *cache)
{
    if (cache == NULL)
        return NULL;
    for (size_t i = 0; i < PLACES; i++)
        free(cache->places[i].text);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
    return NULL;
}

static struct place *place_of(struct session_cache *cache, const char *text)
{
    uint64_t hash;

    _Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the hash is a number of 64 bits");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)text, strlen(text), cache->key);
    return &cache->places[hash % PLACES];
}

bool session_cache_find(struct session_cache *cache, enum session_source source, const char *text,
                        struct session *ret_session)
{
    const struct place *place = cache == NULL ? NULL : place_of(cache, text);
    struct session found = {.signed_in = false};

    if (place == NULL)
        return false;
    pthread_mutex_lock(&cache->lock);
    if (place->text != NULL && place->source == source && strcmp(place->text, text) == 0)
        found = place->session;
    pthread_mutex_unlock(&cache->lock);
    if (!found.signed_in || (found.expires_at_s != 0 && found.expires_at_s <= instant_now() / 1000))
        return false;
    *ret_session = found;
    return true;
}

void session_cache_keep(struct session_cache *cache, enum session_source source, const char *text,
                        const struct session *session)
{
    struct place *place;
    char *copy;

    if (cache == NULL)
        return;
    place = place_of(cache, text);
    copy = xstrdup(text);
    pthread_mutex_lock(&cache->lock);
    free(place->text);
    *place = (struct place){.text = copy, .source = source, .session = *session};
    pthread_mutex_unlock(&cache->lock);
}
