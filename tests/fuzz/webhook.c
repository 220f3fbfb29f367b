/*
 * A webhook: Stripe-Signature in the first line, the body behind it. Nothing is valid that has not
 * been signed here, and what has been signed is, whatever stands beside it.
 */
#include "common/parse.h"
#include "common/stripe.h"
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#define SECRET "whsec_fuzz"
#define NOW_S  INT64_C(1795000000)

static char *sign(const char *body, size_t length)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char hex[2 * sizeof(mac) + 1];
    cleanup(freep) char *start = xasprintf("%lld.", (long long)NOW_S);

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)SECRET, strlen(SECRET));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)start, strlen(start));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, length);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    return xstrdup(hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    const char *body = end == NULL ? "" : (const char *)end + 1;
    size_t length = end == NULL ? 0 : size - (size_t)(end + 1 - data);
    cleanup(freep) char *header = text_of(data, end == NULL ? size : (size_t)(end - data));
    cleanup(freep) char *right = sign(body, length);
    cleanup(freep) char *signed_header =
        xasprintf("t=%lld,%s,v1=%s", (long long)NOW_S, header, right);
    json_t *event;

    if (strstr(header, right) == NULL)
        require(!stripe_signature_is_valid(SECRET, header, body, length, NOW_S));
    require(stripe_signature_is_valid(SECRET, signed_header, body, length, NOW_S));
    require(!stripe_signature_is_valid(SECRET, signed_header, body, length, NOW_S + 301));
    event = parse_object(body, length);
    require(parse_member(event, "id") != NULL);
    json_decref(event);
    return 0;
}
