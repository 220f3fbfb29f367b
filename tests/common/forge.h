#ifndef TESTS_COMMON_FORGE_H
#define TESTS_COMMON_FORGE_H

/*
 * Tokens as nobody should make them.
 */

/* A token of `header` and `payload`, signed with HMAC-SHA256 and `key` whatever the header says.
 * Caller frees. */
char *forge(const char *header, const char *payload, const char *key);

/* The same with HMAC-SHA512, as HS512 wants it. */
char *forge_512(const char *header, const char *payload, const char *key);

#endif
