/*
 * Passwords: the hash, and the gate before it.
 */
#include "auth/password.h"
#include "common/instant.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct passwords *given_passwords(int cores)
{
    struct passwords *passwords = NULL;

    cr_assert_eq(passwords_open(cores, &passwords), 0);
    return passwords;
}

Test(password, the_right_one_is_told_from_others)
{
    struct passwords *passwords = given_passwords(1);
    char hash[PASSWORD_HASH_BYTES];

    cr_assert_eq(password_hash(passwords, "correct horse", hash), 0);
    cr_assert_eq(password_check(passwords, "correct horse", hash), DONE);
    cr_assert_eq(password_check(passwords, "correct horsf", hash), UNAUTHENTICATED);
    cr_assert_eq(password_check(passwords, "correct horse ", hash), UNAUTHENTICATED);
    cr_assert_eq(password_check(passwords, "", hash), UNAUTHENTICATED);
    passwords_free(passwords);
}

Test(password, it_is_argon2id_with_19_mib_and_two_passes)
{
    static const char begin[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    struct passwords *passwords = given_passwords(1);
    char one[PASSWORD_HASH_BYTES], two[PASSWORD_HASH_BYTES];

    cr_assert_eq(password_hash(passwords, "correct horse", one), 0);
    cr_assert_eq(password_hash(passwords, "correct horse", two), 0);
    cr_assert_eq(strncmp(one, begin, strlen(begin)), 0, "%s", one);
    cr_assert_str_neq(one, two, "each has its own salt");
    passwords_free(passwords);
}

static int64_t time_of_check(struct passwords *passwords, const char *hash)
{
    int64_t start = instant_monotonic_us();

    cr_assert_eq(password_check(passwords, "wrong wrong", hash), UNAUTHENTICATED);
    return instant_monotonic_us() - start;
}

/* The fastest of several on each side: noise only ever adds. */
Test(password, an_unknown_account_takes_the_same_time)
{
    struct passwords *passwords = given_passwords(1);
    char hash[PASSWORD_HASH_BYTES];
    int64_t known = INT64_MAX, unknown = INT64_MAX;

    cr_assert_eq(password_hash(passwords, "correct horse", hash), 0);
    for (int i = 0; i < 10; i++) {
        int64_t with = time_of_check(passwords, hash);
        int64_t without = time_of_check(passwords, NULL);

        known = with < known ? with : known;
        unknown = without < unknown ? without : unknown;
    }
    cr_assert(unknown * 2 > known && known * 2 > unknown, "known %d us, unknown %d us", (int)known,
              (int)unknown);
    passwords_free(passwords);
}

#define CROWD (4 * PASSWORD_QUEUE_PER_CORE)

struct crowd {
    struct passwords *passwords;
    pthread_barrier_t start;
    atomic_int done, refused, failed;
};

static void *hash_one(void *context)
{
    struct crowd *crowd = context;
    char hash[PASSWORD_HASH_BYTES];
    int r;

    pthread_barrier_wait(&crowd->start);
    r = password_hash(crowd->passwords, "correct horse", hash);
    atomic_fetch_add(r == 0 ? &crowd->done : r == -EAGAIN ? &crowd->refused : &crowd->failed, 1);
    return NULL;
}

Test(password, beyond_a_short_queue_callers_are_turned_away)
{
    struct crowd crowd = {.passwords = given_passwords(1)};
    pthread_t threads[CROWD];

    pthread_barrier_init(&crowd.start, NULL, CROWD);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, hash_one, &crowd), 0);
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);

    cr_assert_eq(atomic_load(&crowd.failed), 0);
    cr_assert_eq(atomic_load(&crowd.done) + atomic_load(&crowd.refused), CROWD);
    cr_assert_geq(atomic_load(&crowd.done), 1);
    cr_assert_gt(atomic_load(&crowd.refused), 0, "all %d were let in", CROWD);

    cr_assert_eq(password_hash(crowd.passwords, "correct horse", (char[PASSWORD_HASH_BYTES]){0}), 0,
                 "the gate is open again");
    passwords_free(crowd.passwords);
}
