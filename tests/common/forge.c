/*
 * Tokens of any header and any payload, signed by hand: libjwt would make only good ones.
 */
#include "tests/common/forge.h"

#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static char *base64url(const void *data, size_t length)
{
    size_t size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = xmalloc(size);

    return sodium_bin2base64(text, size, data, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* What is signed of a token. */
static char *signed_part(const char *header, const char *payload)
{
    cleanup(freep) char *first = base64url(header, strlen(header));
    cleanup(freep) char *second = base64url(payload, strlen(payload));

    return xasprintf("%s.%s", first, second);
}

static char *with_mac(const char *part, const void *mac, size_t length)
{
    cleanup(freep) char *third = base64url(mac, length);

    return xasprintf("%s.%s", part, third);
}

char *forge(const char *header, const char *payload, const char *key)
{
    cleanup(freep) char *part = signed_part(header, payload);
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)part, strlen(part));
    crypto_auth_hmacsha256_final(&state, mac);
    return with_mac(part, mac, sizeof(mac));
}

char *forge_512(const char *header, const char *payload, const char *key)
{
    cleanup(freep) char *part = signed_part(header, payload);
    unsigned char mac[crypto_auth_hmacsha512_BYTES];
    crypto_auth_hmacsha512_state state;

    crypto_auth_hmacsha512_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha512_update(&state, (const unsigned char *)part, strlen(part));
    crypto_auth_hmacsha512_final(&state, mac);
    return with_mac(part, mac, sizeof(mac));
}
