/*
 * Failed sign-ins, counted across processes, on a real store.
 */
#include "auth/throttle.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>

#define ACCOUNT "ann@example.com"
#define START   INT64_C(1790000000000)

static int take_at(const char *account, int64_t now_ms)
{
    int64_t wait_s;

    return throttle_take(given_store(), account, now_ms, &wait_s);
}

Test(throttle, ten_tries_are_taken_and_the_eleventh_waits)
{
    int64_t wait_s = 0;

    for (int i = 0; i < THROTTLE_TRIES; i++)
        cr_assert_eq(take_at(ACCOUNT, START + i), 0, "try %d", i);
    cr_assert_eq(throttle_take(given_store(), ACCOUNT, START + 60000, &wait_s), LIMITED);
    cr_assert_eq(wait_s, 840, "until the first is 15 minutes old, not %d", (int)wait_s);
    cr_assert_eq(take_at("bob@example.com", START), 0, "another account is free");
}

Test(throttle, each_try_is_free_again_after_its_15_minutes)
{
    for (int i = 0; i < THROTTLE_TRIES; i++)
        cr_assert_eq(take_at(ACCOUNT, START + i * 1000), 0);
    cr_assert_eq(take_at(ACCOUNT, START + THROTTLE_SPAN_MS - 1), LIMITED);
    cr_assert_eq(take_at(ACCOUNT, START + THROTTLE_SPAN_MS), 0);
    cr_assert_eq(take_at(ACCOUNT, START + THROTTLE_SPAN_MS), LIMITED, "only the first was past");
    cr_assert_eq(take_at(ACCOUNT, START + THROTTLE_SPAN_MS + 1000), 0);
}

Test(throttle, a_refused_try_does_not_prolong_the_wait)
{
    for (int i = 0; i < THROTTLE_TRIES; i++)
        cr_assert_eq(take_at(ACCOUNT, START), 0);
    for (int i = 1; i < 20; i++)
        cr_assert_eq(take_at(ACCOUNT, START + i * 1000), LIMITED);
    cr_assert_eq(take_at(ACCOUNT, START + THROTTLE_SPAN_MS), 0);
}

Test(throttle, a_try_given_back_does_not_count)
{
    for (int i = 0; i < 3 * THROTTLE_TRIES; i++) {
        cr_assert_eq(take_at(ACCOUNT, START + i), 0, "try %d", i);
        cr_assert_eq(throttle_give_back(given_store(), ACCOUNT, START + i), 0);
    }
}

#define GUESSERS 24

struct guessers {
    struct store *store;
    pthread_barrier_t start;
    atomic_int taken, limited, failed;
};

static void *guess(void *context)
{
    struct guessers *guessers = context;
    int64_t wait_s;
    int r;

    pthread_barrier_wait(&guessers->start);
    r = throttle_take(guessers->store, ACCOUNT, START, &wait_s);
    atomic_fetch_add(r == 0         ? &guessers->taken
                     : r == LIMITED ? &guessers->limited
                                    : &guessers->failed,
                     1);
    store_thread_done(guessers->store);
    return NULL;
}

Test(throttle, many_at_once_get_no_more_than_ten)
{
    struct guessers guessers = {.store = given_store()};
    pthread_t threads[GUESSERS];

    pthread_barrier_init(&guessers.start, NULL, GUESSERS);
    for (size_t i = 0; i < GUESSERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, guess, &guessers), 0);
    for (size_t i = 0; i < GUESSERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&guessers.failed), 0);
    cr_assert_eq(atomic_load(&guessers.taken), THROTTLE_TRIES);
    cr_assert_eq(atomic_load(&guessers.limited), GUESSERS - THROTTLE_TRIES);
}
