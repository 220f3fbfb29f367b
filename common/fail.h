#ifndef COMMON_FAIL_H
#define COMMON_FAIL_H

/*
 * Results: what every function that can fail returns.
 *
 *   0   done.
 *  > 0  an outcome: something a peer did or must hear about. The caller handles it, translates
 *       it, or (at the edge of a route or a listener) lets the dispatcher answer it.
 *  < 0  infrastructure failed, a negative errno: forwarded unchanged, never matched on, except
 *       for one: -EAGAIN says that a store, the bus or a queue is away or full, and that the
 *       same call may succeed in a moment.
 *
 * At the edges:            route                     listener
 *   0                      2xx                       acknowledge
 *   > 0                    its 4xx                   park (STALE: ask again later)
 *   -EAGAIN                503 with Retry-After      ask again later, without limit
 *   other < 0              500                       ask again later, at most 12 times, then park
 */

#include "common/memory.h"

#include <errno.h>

/* clang-format off */
enum outcome {
    DONE = 0,
    INVALID,          /* the input breaks a rule                      400 */
    REFUSED,          /* the state does not allow it                  400 */
    UNAUTHENTICATED,  /* nobody is signed in                          401 */
    FORBIDDEN,        /* somebody else's                              401 (the course's choice) */
    NOT_FOUND,        /* unknown id                                   404 */
    CONFLICT,         /* what the client saw has moved on             409 */
    MISMATCH,         /* If-Match names another version               412 */
    UNPROCESSABLE,    /* an Idempotency-Key used with another body    422 */
    LIMITED,          /* too many tries                               429 */
    STALE,            /* another version than the one read, or not yet: read again, or ask later */
    OUTCOME_COUNT
};
/* clang-format on */

/* Raise: logs `format` once, at level error, with file and line; returns `error` (negative).
 * Thread-safe. Use as `return fail(-EIO, "…")`. */
#define fail(error, ...) fail_at(__FILE__, __LINE__, (error), __VA_ARGS__)

int fail_at(const char *file, int line, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5), cold));

#endif
