/*
 * What the services call instead of the C library: threads, clocks and chance, by the names that
 * redirects.syms gives them. A mutex is its own first word; a condition is an address that somebody
 * waits at; a thread is a fiber.
 */

#include "tests/simulator/simulator.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

int simulated_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                             void *(*main)(void *), void *argument);
int simulated_pthread_join(pthread_t thread, void **ret_value);
int simulated_pthread_mutex_lock(pthread_mutex_t *mutex);
int simulated_pthread_mutex_unlock(pthread_mutex_t *mutex);
int simulated_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int simulated_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                     const struct timespec *until);
int simulated_pthread_cond_signal(pthread_cond_t *condition);
int simulated_pthread_cond_broadcast(pthread_cond_t *condition);
int simulated_pthread_cond_destroy(pthread_cond_t *condition);
int simulated_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int simulated_clock_gettime(clockid_t clock, struct timespec *ret_now);
int simulated_nanosleep(const struct timespec *time, struct timespec *left);
ssize_t simulated_getrandom(void *bytes, size_t count, unsigned int flags);
void simulated_randombytes_buf(void *bytes, size_t count);
uint32_t simulated_randombytes_uniform(uint32_t bound);
int simulated_crypto_pwhash_str(char *ret_hash, const char *password, unsigned long long length,
                                unsigned long long passes, size_t memory);

int simulated_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
                             void *(*main)(void *), void *argument)
{
    struct fiber *fiber = fiber_start(fiber_process(), "thread", main, argument);

    (void)attributes;
    *ret_thread = fiber_number(fiber);
    return 0;
}

int simulated_pthread_join(pthread_t thread, void **ret_value)
{
    (void)ret_value;
    fiber_join(thread);
    return 0;
}

/* The first word says whether somebody has it. */
static int *word_of(pthread_mutex_t *mutex)
{
    return &mutex->__data.__lock;
}

int simulated_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    while (*word_of(mutex) != 0)
        fiber_wait(mutex, INT64_MAX);
    *word_of(mutex) = 1;
    return 0;
}

int simulated_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    *word_of(mutex) = 0;
    fiber_wake(mutex);
    return 0;
}

int simulated_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                     const struct timespec *until)
{
    int64_t until_us = until == NULL ? INT64_MAX
                                     : (int64_t)until->tv_sec * SECOND_US + until->tv_nsec / 1000 -
                                           EPOCH_MS * MS_US;
    bool woken;

    simulated_pthread_mutex_unlock(mutex);
    woken = fiber_wait(condition, until_us);
    simulated_pthread_mutex_lock(mutex);
    return woken ? 0 : ETIMEDOUT;
}

int simulated_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return simulated_pthread_cond_timedwait(condition, mutex, NULL);
}

int simulated_pthread_cond_signal(pthread_cond_t *condition)
{
    fiber_wake_one(condition);
    return 0;
}

int simulated_pthread_cond_broadcast(pthread_cond_t *condition)
{
    fiber_wake(condition);
    return 0;
}

int simulated_pthread_cond_destroy(pthread_cond_t *condition)
{
    (void)condition;
    return 0;
}

int simulated_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    (void)old;
    return 0;
}

/* The steady clock began at EPOCH_MS, and so did the real one, which may be wrong. */
int simulated_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    int64_t now_us = EPOCH_MS * MS_US + world.now_us;

    if (clock == CLOCK_REALTIME && fiber_process() != NULL)
        now_us += fiber_process()->skew_us;
    *ret_now = (struct timespec){.tv_sec = now_us / SECOND_US,
                                 .tv_nsec = (long)(now_us % SECOND_US) * 1000};
    return 0;
}

int simulated_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)left;
    fiber_sleep((int64_t)time->tv_sec * SECOND_US + time->tv_nsec / 1000);
    return 0;
}

void simulated_randombytes_buf(void *bytes, size_t count)
{
    unsigned char *byte = bytes;

    for (size_t i = 0; i < count; i++)
        byte[i] = (unsigned char)chance_below(256);
}

ssize_t simulated_getrandom(void *bytes, size_t count, unsigned int flags)
{
    (void)flags;
    simulated_randombytes_buf(bytes, count);
    return (ssize_t)count;
}

uint32_t simulated_randombytes_uniform(uint32_t bound)
{
    return (uint32_t)chance_below(bound);
}

/* Nobody signs in with it here. */
int simulated_crypto_pwhash_str(char *ret_hash, const char *password, unsigned long long length,
                                unsigned long long passes, size_t memory)
{
    (void)passes;
    (void)memory;
    snprintf(ret_hash, 64, "hash-%.*s", (int)length, password);
    return 0;
}
