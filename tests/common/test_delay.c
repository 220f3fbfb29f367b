/*
 * Delayed jobs, against a real redis-server.
 */

#include "common/delay.h"
#include "common/instant.h"
#include "common/writer.h"
#include "tests/support/support.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct delay *given_delay(void)
{
    struct delay *delay = NULL;

    cr_assert_eq(delay_open(given_redis(), "test", &delay), 0);
    return delay;
}

/* One claim. */
struct claim {
    struct delay_job jobs[DELAY_CLAIM_MAX];
    size_t count;
    int64_t next_ms;
    bool marked;
};

static struct claim claim(struct delay *delay)
{
    struct claim claim = {0};

    cr_assert_eq(delay_claim(delay, claim.jobs, DELAY_CLAIM_MAX, 10000, &claim.count,
                             &claim.next_ms, &claim.marked),
                 0);
    return claim;
}

static void schedule(struct delay *delay, const char *id, int64_t in_ms)
{
    cr_assert_eq(delay_schedule(delay, id, instant_now() + in_ms), 0);
}

static void expect_counts(struct delay *delay, int64_t due, int64_t leased)
{
    int64_t is_due = -1, is_leased = -1;

    cr_assert_eq(delay_count(delay, &is_due, &is_leased), 0);
    cr_assert_eq(is_due, due, "%d wait, not %d", (int)is_due, (int)due);
    cr_assert_eq(is_leased, leased, "%d are leased, not %d", (int)is_leased, (int)leased);
}

Test(delay, a_due_job_is_claimed_once_with_its_instant_and_goes_when_done)
{
    struct delay *delay = given_delay();
    int64_t due_at_ms = instant_now() - 50;
    struct claim first, second;

    cr_assert_eq(delay_schedule(delay, "one", due_at_ms), 0);
    first = claim(delay);
    second = claim(delay);
    cr_assert_eq(first.count, 1);
    cr_assert_str_eq(first.jobs[0].id, "one");
    cr_assert_eq(first.jobs[0].due_at_ms, due_at_ms);
    cr_assert_eq(second.count, 0);
    expect_counts(delay, 0, 1);
    cr_assert_eq(delay_done(delay, &first.jobs[0]), 0);
    expect_counts(delay, 0, 0);
    delay = delay_free(delay);
}

Test(delay, a_job_is_not_claimed_before_its_time)
{
    struct delay *delay = given_delay();
    struct claim early;

    schedule(delay, "one", 3000);
    early = claim(delay);
    cr_assert_eq(early.count, 0);
    cr_assert_gt(early.next_ms, 2000);
    cr_assert_leq(early.next_ms, 3000);
    delay = delay_free(delay);
}

Test(delay, the_wait_is_bounded_by_what_was_asked)
{
    struct delay *delay = given_delay();

    cr_assert_eq(claim(delay).next_ms, 10000, "nothing is there");
    schedule(delay, "one", 60000);
    cr_assert_eq(claim(delay).next_ms, 10000);
    delay = delay_free(delay);
}

Test(delay, a_job_moves_to_a_later_instant_only)
{
    struct delay *delay = given_delay();

    schedule(delay, "one", 60000);
    schedule(delay, "one", -1000);
    cr_assert_eq(claim(delay).count, 0, "an earlier instant was taken");
    schedule(delay, "two", -1000);
    schedule(delay, "two", 60000);
    cr_assert_eq(claim(delay).count, 0, "the later instant was not taken");
    expect_counts(delay, 2, 0);
    delay = delay_free(delay);
}

Test(delay, a_cancelled_job_is_gone_leased_or_not)
{
    struct delay *delay = given_delay();

    schedule(delay, "one", 60000);
    schedule(delay, "two", -1);
    schedule(delay, "two-and-more", -1);
    cr_assert_eq(claim(delay).count, 2);
    cr_assert_eq(delay_cancel(delay, "one"), 0);
    cr_assert_eq(delay_cancel(delay, "two"), 0);
    cr_assert_eq(delay_cancel(delay, "unknown"), 0);
    expect_counts(delay, 0, 1);
    delay = delay_free(delay);
}

static bool is_claimed_again(void *context)
{
    return claim(context).count == 1;
}

Test(delay, a_job_whose_worker_died_is_due_again)
{
    struct delay *delay = given_delay();
    struct claim lost;

    schedule(delay, "one", -1);
    lost = claim(delay);
    cr_assert_eq(lost.count, 1);
    cr_assert_leq(claim(delay).next_ms, DELAY_LEASE_MS);
    eventually(is_claimed_again, delay, DELAY_LEASE_MS + 2000, "the lease ends");
    delay = delay_free(delay);
}

Test(delay, done_spares_a_job_that_was_scheduled_anew)
{
    struct delay *delay = given_delay();
    struct claim first;

    schedule(delay, "one", -1);
    first = claim(delay);
    cr_assert_eq(first.count, 1);
    schedule(delay, "one", 60000);
    cr_assert_eq(delay_done(delay, &first.jobs[0]), 0);
    expect_counts(delay, 1, 0);
    delay = delay_free(delay);
}

Test(delay, done_with_an_older_instant_frees_no_newer_lease)
{
    struct delay *delay = given_delay();
    struct claim first, second;

    schedule(delay, "one", -2000);
    first = claim(delay);
    schedule(delay, "one", -1000);
    second = claim(delay);
    cr_assert_eq(second.count, 1);
    cr_assert_eq(delay_done(delay, &first.jobs[0]), 0);
    expect_counts(delay, 0, 1);
    cr_assert_eq(delay_done(delay, &second.jobs[0]), 0);
    expect_counts(delay, 0, 0);
    delay = delay_free(delay);
}

Test(delay, no_more_are_claimed_than_asked_for_and_the_rest_is_due_at_once)
{
    struct delay *delay = given_delay();
    struct claim part = {0};
    char id[16];

    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "job-%d", i);
        schedule(delay, id, -100 + i);
    }
    cr_assert_eq(delay_claim(delay, part.jobs, 10, 10000, &part.count, &part.next_ms, &part.marked),
                 0);
    cr_assert_eq(part.count, 10);
    cr_assert_str_eq(part.jobs[0].id, "job-0", "the one that is due longest comes first");
    cr_assert_eq(part.next_ms, 0);
    expect_counts(delay, 90, 10);
    delay = delay_free(delay);
}

static bool answers(void *context)
{
    return delay_ping(context) == 0;
}

Test(delay, the_marker_tells_a_wiped_redis)
{
    struct delay *delay = given_delay();

    cr_assert_not(claim(delay).marked);
    cr_assert_eq(delay_mark(delay), 0);
    cr_assert(claim(delay).marked);
    kill_store(GIVEN_REDIS);
    revive_store(GIVEN_REDIS, /* wiped= */ false);
    eventually(answers, delay, 5000, "Redis has loaded its data");
    cr_assert(claim(delay).marked, "Redis did not keep what it was given");
    kill_store(GIVEN_REDIS);
    revive_store(GIVEN_REDIS, /* wiped= */ true);
    cr_assert_not(claim(delay).marked);
    delay = delay_free(delay);
}

Test(delay, a_redis_that_is_away_is_eagain_and_comes_back)
{
    struct delay *delay = given_delay();
    struct delay_job jobs[1];
    size_t count;
    int64_t next_ms;
    bool marked;

    schedule(delay, "one", 60000);
    kill_store(GIVEN_REDIS);
    cr_assert_eq(delay_ping(delay), -EAGAIN);
    cr_assert_eq(delay_schedule(delay, "two", instant_now()), -EAGAIN);
    cr_assert_eq(delay_cancel(delay, "one"), -EAGAIN);
    cr_assert_eq(delay_claim(delay, jobs, 1, 1000, &count, &next_ms, &marked), -EAGAIN);
    revive_store(GIVEN_REDIS, /* wiped= */ false);
    eventually(answers, delay, 5000, "Redis has loaded its data");
    expect_counts(delay, 1, 0);
    delay = delay_free(delay);
}

static void configure(const char *name, const char *value)
{
    const char *port = strrchr(given_redis(), ':') + 1;
    redisContext *redis = redisConnect("127.0.0.1", (int)strtol(port, NULL, 10));
    redisReply *reply = redisCommand(redis, "CONFIG SET %s %s", name, value);

    cr_assert_eq(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(redis);
}

Test(delay, a_redis_that_forgets_is_named)
{
    struct delay *delay = given_delay();
    struct writer problems;

    writer_init(&problems);
    cr_assert_eq(delay_prepare(delay, &problems), 0);
    cr_assert_str_eq(writer_text(&problems), "");
    configure("maxmemory-policy", "allkeys-lru");
    configure("appendonly", "no");
    cr_assert_eq(delay_prepare(delay, &problems), 0);
    cr_assert_not_null(strstr(writer_text(&problems), "maxmemory-policy must be noeviction"));
    cr_assert_not_null(strstr(writer_text(&problems), "appendonly must be yes"));
    writer_release(&problems);
    delay = delay_free(delay);
}

Test(delay, addresses_that_are_none_are_refused)
{
    static const char *const urls[] = {"",
                                       "http://x",
                                       "redis://",
                                       "redis://host:port",
                                       "redis://host:1/x",
                                       "redis://host:1/0/more"};
    struct delay *delay = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++)
        cr_assert_eq(delay_open(urls[i], "test", &delay), -EINVAL, "%s", urls[i]);
    cr_assert_eq(delay_open("redis://host", "test", &delay), 0);
    delay = delay_free(delay);
    cr_assert_eq(delay_open("redis://host:6380/2", "test", &delay), 0);
    delay = delay_free(delay);
}

#define CLAIMERS 8
#define JOBS     400

static void *claim_all(void *context)
{
    struct delay *delay = context;
    struct delay_job jobs[16];
    size_t count = 0;
    size_t *total = xcalloc(1, sizeof(*total));
    int64_t next_ms;
    bool marked;

    do {
        cr_assert_eq(delay_claim(delay, jobs, 16, 1000, &count, &next_ms, &marked), 0);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(delay_done(delay, &jobs[i]), 0);
        *total += count;
    } while (count > 0);
    return total;
}

Test(delay, of_many_claimers_each_job_goes_to_one)
{
    struct delay *delay = given_delay();
    pthread_t threads[CLAIMERS];
    size_t total = 0;
    char id[16];

    for (int i = 0; i < JOBS; i++) {
        snprintf(id, sizeof(id), "job-%d", i);
        schedule(delay, id, -1);
    }
    for (int i = 0; i < CLAIMERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, claim_all, delay), 0);
    for (int i = 0; i < CLAIMERS; i++) {
        void *part;

        pthread_join(threads[i], &part);
        total += *(size_t *)part;
        free(part);
    }
    cr_assert_eq(total, JOBS);
    expect_counts(delay, 0, 0);
    delay = delay_free(delay);
}
