/*
 * Passwords: argon2id by libsodium, m = 19 MiB, t = 2, p = 1 (OWASP's advice), some 17 ms each.
 *
 * A hash fills a core and 19 MiB for all of its time, so more at once than there are cores only
 * make each other late. They pass a gate: one a core runs, a short queue waits its turn, and
 * whoever comes beyond that is told to try again. A burst of sign-ins so costs those who sign in
 * some of their time, and nobody else theirs.
 */
#include "auth/password.h"

#include <pthread.h>
#include <sched.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASH_PASSES UINT64_C(2)
#define HASH_MEMORY (UINT64_C(19) << 20)

_Static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_STRBYTES, "libsodium's text of a hash");

struct passwords {
    pthread_mutex_t lock;
    pthread_cond_t turn; /* a hash has ended */
    int running, waiting;
    int cores;
    char nobody[PASSWORD_HASH_BYTES]; /* the hash of a password that nobody knows */
};

static int count_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int hash_text(const char *password, char ret_hash[PASSWORD_HASH_BYTES])
{
    if (crypto_pwhash_str(ret_hash, password, strlen(password), HASH_PASSES, HASH_MEMORY) != 0)
        return fail(-ENOMEM, "no memory for a password's hash");
    return 0;
}

int passwords_open(int cores, struct passwords **ret_passwords)
{
    struct passwords *passwords;
    pthread_condattr_t clock;
    char unknown[33];
    int r;

    if (sodium_init() < 0)
        return fail(-EIO, "libsodium cannot be used");

    passwords = xcalloc(1, sizeof(*passwords));
    passwords->cores = cores > 0 ? cores : count_cores();
    pthread_mutex_init(&passwords->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&passwords->turn, &clock);
    pthread_condattr_destroy(&clock);

    for (size_t i = 0; i + 1 < sizeof(unknown); i++)
        unknown[i] = (char)('!' + randombytes_uniform(94));
    unknown[sizeof(unknown) - 1] = '\0';
    r = hash_text(unknown, passwords->nobody);
    if (r != 0) {
        passwords_free(passwords);
        return r;
    }
    *ret_passwords = passwords;
    return 0;
}

struct passwords *passwords_free(struct passwords *passwords)
{
    if (!passwords)
        return NULL;
    pthread_cond_destroy(&passwords->turn);
    pthread_mutex_destroy(&passwords->lock);
    free(passwords);
    return NULL;
}

static struct timespec deadline_in(long milliseconds)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += milliseconds / 1000;
    at.tv_nsec += milliseconds % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static int enter(struct passwords *passwords)
{
    const struct timespec deadline = deadline_in(PASSWORD_WAIT_MS);
    int r = 0;

    pthread_mutex_lock(&passwords->lock);
    if (passwords->running >= passwords->cores &&
        passwords->waiting >= PASSWORD_QUEUE_PER_CORE * passwords->cores) {
        r = -EAGAIN;
    } else {
        passwords->waiting++;
        while (r == 0 && passwords->running >= passwords->cores)
            r = -pthread_cond_timedwait(&passwords->turn, &passwords->lock, &deadline);
        passwords->waiting--;
        if (passwords->running < passwords->cores) {
            passwords->running++; /* also when the turn came with the deadline */
            r = 0;
        }
    }
    pthread_mutex_unlock(&passwords->lock);
    return r == 0 ? 0 : -EAGAIN;
}

static void leave(struct passwords *passwords)
{
    pthread_mutex_lock(&passwords->lock);
    passwords->running--;
    pthread_cond_signal(&passwords->turn);
    pthread_mutex_unlock(&passwords->lock);
}

int password_hash(struct passwords *passwords, const char *password,
                  char ret_hash[PASSWORD_HASH_BYTES])
{
    int r;

    r = enter(passwords);
    if (r != 0)
        return r;
    r = hash_text(password, ret_hash);
    leave(passwords);
    return r;
}

int password_check(struct passwords *passwords, const char *password, const char *hash)
{
    bool same;
    int r;

    r = enter(passwords);
    if (r != 0)
        return r;
    same =
        crypto_pwhash_str_verify(hash ? hash : passwords->nobody, password, strlen(password)) == 0;
    leave(passwords);
    return same && hash ? DONE : UNAUTHENTICATED;
}
