#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

/*
 * Passwords: hashed with argon2id, a few at a time. Thread-safe.
 */

#include "common/fail.h"

#define PASSWORD_LEAST_CODE_POINTS 8
#define PASSWORD_MOST_CODE_POINTS  128
#define PASSWORD_BYTES             513 /* 128 code points of at most 4 bytes */
#define PASSWORD_HASH_BYTES        128 /* libsodium's crypto_pwhash_STRBYTES */

/* Hashes under way at once (one a core), and callers waiting for their turn. With the 32 workers a
 * service has by default and two cores, six stay free for what needs no hash. */
#define PASSWORD_QUEUE_PER_CORE 12
#define PASSWORD_WAIT_MS        2000

struct passwords;

/* `cores`: how many hashes may run at once; 0: as many as this process may use. < 0: libsodium
 * cannot work here. Freed with passwords_free, once nobody calls in any more. */
must_check int passwords_open(int cores, struct passwords **ret_passwords);
struct passwords *passwords_free(struct passwords *passwords);

/* Hash `password` into ret_hash. 0; -EAGAIN: too many are waiting already. */
must_check int password_hash(struct passwords *passwords, const char *password,
                             char ret_hash[PASSWORD_HASH_BYTES]);

/* Is `password` the one that was hashed to `hash`? DONE or UNAUTHENTICATED; -EAGAIN as above. With
 * `hash` NULL, for an account that does not exist, the same work is done and the answer is
 * UNAUTHENTICATED, so that the time tells nobody which accounts exist. */
must_check int password_check(struct passwords *passwords, const char *password, const char *hash);

#endif
