/*
 * Sessions. The first byte says what follows: C a Cookie header, A an Authorization header, J the
 * claims of a token that is signed with our key, H a token's header and (behind a newline) its
 * claims, signed too: what only who knows the key can send is read as carefully.
 */
#include "common/session.h"
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#define KEY    "a key of these tests, 32 bytes long"
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

static char *encode(const char *bytes, size_t length)
{
    size_t size = sodium_base64_ENCODED_LEN(length, BASE64);
    char *text = xmalloc(size);

    sodium_bin2base64(text, size, (const unsigned char *)bytes, length, BASE64);
    return text;
}

static char *sign(const char *header, const char *claims)
{
    cleanup(freep) char *first = encode(header, strlen(header));
    cleanup(freep) char *second = encode(claims, strlen(claims));
    cleanup(freep) char *data = xasprintf("%s.%s", first, second);
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    cleanup(freep) char *signature = NULL;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)KEY, strlen(KEY));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)data, strlen(data));
    crypto_auth_hmacsha256_final(&state, mac);
    signature = encode((const char *)mac, sizeof(mac));
    return xasprintf("%s.%s", data, signature);
}

static void check(const struct session *session)
{
    char id[ID_BYTES];

    if (!session->signed_in)
        return;
    require(text_is_id(session->user_id, id) && session->email[0] != '\0');
    require(session->role == ROLE_USER || session->role == ROLE_ADMIN);
    require(session->expires_at_s > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct session_config config = {.key = KEY, .cookie = "session", .seconds = 900};
    cleanup(freep) char *text = size > 0 ? text_of(data + 1, size - 1) : xstrdup("");
    cleanup(freep) char *token = NULL;
    struct session session = {.signed_in = false};
    char *claims = text;

    switch (size > 0 ? data[0] : 0) {
    case 'C': session_read(&config, NULL, text, &session); break;
    case 'A': session_read(&config, text, NULL, &session); break;
    case 'J':
        token = sign("{\"alg\":\"HS256\"}", text);
        session_check(&config, token, strlen(token), &session);
        check(&session);
        return 0;
    case 'H':
        strsep(&claims, "\n");
        token = sign(text, claims == NULL ? "" : claims);
        session_check(&config, token, strlen(token), &session);
        check(&session);
        return 0;
    default: break;
    }
    check(&session);
    return 0;
}
