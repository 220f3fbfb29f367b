#ifndef TESTS_SUPPORT_STREAMS_H
#define TESTS_SUPPORT_STREAMS_H

/*
 * Event streams as a browser hears them: frames are read as the standard says, an id is kept for
 * the next time. All from the test's own thread; verbs fail the test with a reason.
 */

#include "tests/support/one_service.h"

struct stream;

/* Open it: waits for 200 and text/event-stream. Closed with the test at the latest. */
struct stream *open_stream(const struct question *question);
struct stream *listen_to(const char *path); /* GET, as one_service signs */
struct stream *listen_after(const char *path, const char *last_event_id);

/* Wait for the next event that has data: its name is `name`; its data, as JSON, lives until the
 * next call. */
const json_t *hear_event(struct stream *stream, const char *name);

/* The same, and its member `version` is this. */
const json_t *hear_version(struct stream *stream, const char *name, int64_t version);

/* The same, and older versions are passed over: what happened just before a stream began may be on
 * its way yet, and is then heard again. */
const json_t *hear_up_to(struct stream *stream, const char *name, int64_t version);

/* The last id that came; lives as long as the stream. */
const char *last_event_id(const struct stream *stream);

/* Wait until the first bytes are here: whatever happens from now on is heard. */
void await_begun(struct stream *stream);

/* Nothing has come since but comments and ids: looks at what is there, waits for nothing. */
void expect_quiet(struct stream *stream);

/* The same, but for events up to `version`: the state at the beginning may be told again by an
 * event that was under way. */
void expect_no_newer(struct stream *stream, int64_t version);

/* Wait until the server ends it, cleanly, whatever it still says before. */
void expect_over(struct stream *stream);

void close_stream(struct stream *stream);

#endif
