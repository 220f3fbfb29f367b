#ifndef COMMON_DELAY_H
#define COMMON_DELAY_H

/*
 * Delayed jobs in Redis: an id and the instant at which it is due.
 *
 * Two sorted sets, `due` and `leased`. A Lua script claims by Redis's own clock: what is due moves
 * to `leased` until its lease ends, and a lease that ended is due again; a job goes only when
 * delay_done is called. So a job whose worker died fires again, and none is lost while Redis lives.
 * Redis holds timers, not truth: a marker key tells an empty Redis from a quiet one, so that the
 * owner can fill it again. Thread-safe: each call takes one connection of a small pool, with
 * timeouts; a Redis that is away is -EAGAIN.
 */

#include "common/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELAY_ID_BYTES  64
#define DELAY_LEASE_MS  5000
#define DELAY_CLAIM_MAX 64

struct delay;

struct delay_job {
    char id[DELAY_ID_BYTES];
    int64_t due_at_ms; /* as it was scheduled */
};

/* Is it redis://host[:port][/database]? */
bool delay_is_url(const char *url);

/* Connect to `url` (redis://host:port[/db]); keys begin with `prefix`. */
must_check int delay_open(const char *url, const char *prefix, struct delay **ret_delay);
struct delay *delay_free(struct delay *delay);

/* Is it there, and does it keep what it is given (`maxmemory-policy` noeviction, appendonly yes)?
 * Appends a line for each problem. 0, or -EAGAIN. */
struct writer;
must_check int delay_prepare(struct delay *delay, struct writer *problems);
must_check int delay_ping(struct delay *delay);

/* Schedule, or move to a later instant; an earlier one than scheduled changes nothing, so that
 * events heard twice or out of order are harmless. */
must_check int delay_schedule(struct delay *delay, const char *id, int64_t due_at_ms);

/* Forget a job, leased or not. */
must_check int delay_cancel(struct delay *delay, const char *id);

/* Claim at most `most` (≤ DELAY_CLAIM_MAX) due jobs. *ret_next_ms: milliseconds until the next one
 * is due (or a lease ends), at most `wait_most_ms`. *ret_marked: false where the marker key is
 * missing, so that Redis was wiped (or is new). */
must_check int delay_claim(struct delay *delay, struct delay_job *ret_jobs, size_t most,
                           int64_t wait_most_ms, size_t *ret_count, int64_t *ret_next_ms,
                           bool *ret_marked);

/* The job's work is done: free it, unless it was scheduled anew meanwhile. */
must_check int delay_done(struct delay *delay, const struct delay_job *job);

/* Set the marker: everything that should be scheduled is. */
must_check int delay_mark(struct delay *delay);

/* Jobs that wait, and jobs that are leased. */
must_check int delay_count(struct delay *delay, int64_t *ret_due, int64_t *ret_leased);

#endif
