#ifndef COMMON_BANS_H
#define COMMON_BANS_H

/*
 * Bans: which users are banned, in the memory of every process, within a second of the ban.
 *
 * Fed by user.banned and user.unbanned, heard live by each process and read again from the stream
 * at start, on each reconnect, and where it has grown, for as long as a token can live (for ever
 * where tokens do not expire). Moves forward by version. auth asks its own database as well at
 * sign-in and refresh. Thread-safe.
 */

#include "common/bus.h"

struct bans;

/* What is watched for this; --describe tells it of every service that has sessions. */
#define BANS_WATCHED_COUNT 2
extern const enum event_type bans_watched[BANS_WATCHED_COUNT];

/* Watch and read the stream. `token_seconds`: how long a token lives; 0: for ever. *ret_bans is set
 * on failure too, because the bus may call back until bus_free: free it after that. */
must_check int bans_open(struct bus *bus, int64_t token_seconds, struct bans **ret_bans);
/* Read the stream again: after bans_open could not (-EAGAIN), and for whoever must know what was
 * said so far, though this process may have heard less. */
must_check int bans_read(struct bans *bans);

/* Read it again if it has grown since: for a job, as a live message may be lost. -EAGAIN. */
#define BANS_LOOK_MS  10000
#define BANS_FRESH_MS 30000
must_check int bans_look(struct bans *bans);

/* Is all known that was said until BANS_FRESH_MS before `now_ms` (instant_monotonic)? Who does not
 * know lets nobody's session live longer than it does already. Never blocks on the bus. */
bool bans_are_current(const struct bans *bans, int64_t now_ms);
struct bans *bans_free(struct bans *bans); /* after the bus stopped calling: after bus_free */

bool bans_is_banned(const struct bans *bans, const char *user_id);

/* Who is banned, `most` at a time: *place begins as 0 and goes on with each call, until it gives 0.
 * Who is banned meanwhile may be left out, or come twice. */
size_t bans_list(const struct bans *bans, size_t *place, size_t most, char (*ret_ids)[ID_BYTES]);

/* Enter a ban or its end, heard of at its `at_ms`; by the process that made it, at once. */
void bans_apply(struct bans *bans, const struct event *event);

#endif
