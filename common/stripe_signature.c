/*
 * The signature of Stripe's webhooks: what stands before anybody's word that money has moved.
 *
 * HMAC-SHA256 over "t.body", as Stripe documents it; compared in constant time, and only within
 * STRIPE_TOLERANCE_S of now, so that an old webhook cannot be played again.
 */

#include "common/stripe.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* The hexadecimal signature at `hex` (up to a comma or the end) equals `expected`. */
static bool signature_equals(const char *hex, const unsigned char expected[32])
{
    unsigned char given[32];
    size_t length = strcspn(hex, ","), used;

    return length == 2 * sizeof(given) &&
           sodium_hex2bin(given, sizeof(given), hex, length, NULL, &used, NULL) == 0 &&
           used == sizeof(given) && sodium_memcmp(given, expected, sizeof(given)) == 0;
}

bool stripe_signature_is_valid(const char *secret, const char *header, const char *body,
                               size_t length, int64_t now_s)
{
    crypto_auth_hmacsha256_state state;
    unsigned char expected[crypto_auth_hmacsha256_BYTES];
    const char *at = strncmp(header, "t=", 2) == 0 ? header + 2 : NULL;
    char *end;
    long long signed_at_s;

    if (*secret == '\0' || at == NULL || *at < '0' || *at > '9')
        return false;
    errno = 0;
    signed_at_s = strtoll(at, &end, 10);
    if (errno != 0 || *end != ',' || signed_at_s < now_s - STRIPE_TOLERANCE_S ||
        signed_at_s > now_s + STRIPE_TOLERANCE_S)
        return false;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)at, (size_t)(end - at));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, length);
    crypto_auth_hmacsha256_final(&state, expected);

    /* Several v1 while a secret is being rolled; other schemes are ignored. */
    for (const char *part = end; part != NULL; part = strchr(part + 1, ','))
        if (strncmp(part, ",v1=", 4) == 0 && signature_equals(part + 4, expected))
            return true;
    return false;
}
