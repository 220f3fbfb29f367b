/*
 * Tokens of any header and any payload, signed by hand: libjwt would make only good ones.
 */
#include "tests/common/forge.h"

#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void base64url(const void *data, size_t length, char *out, size_t size)
{
    sodium_bin2base64(out, size, data, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

char *forge(const char *header, const char *payload, const char *key)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char first[1024], second[8192], third[64];
    char *signed_part, *token;

    base64url(header, strlen(header), first, sizeof(first));
    base64url(payload, strlen(payload), second, sizeof(second));
    signed_part = xasprintf("%s.%s", first, second);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)signed_part, strlen(signed_part));
    crypto_auth_hmacsha256_final(&state, mac);
    base64url(mac, sizeof(mac), third, sizeof(third));
    token = xasprintf("%s.%s", signed_part, third);
    free(signed_part);
    return token;
}
