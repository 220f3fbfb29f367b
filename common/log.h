#ifndef COMMON_LOG_H
#define COMMON_LOG_H

/*
 * Log: one logfmt line for each thing that happened, on standard error.
 *
 *   at=2026-11-21T10:15:00.000Z level=info svc=orders msg="listening" port=3003 req=… trace=…
 *
 * Libraries are silent; the dispatchers (http, bus, service) log. The thread's context (request,
 * event, trace) is added to each of its lines. One line is one write(2), so lines of several
 * threads never mix. Secrets are never passed to it. All functions are thread-safe.
 */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* What the current thread is working on; "" where it is not known. Borrowed until changed. */
struct log_context {
    const char *request; /* request id or event id */
    const char *subject; /* route or event subject */
    const char *trace;   /* the W3C trace id, 32 hex digits */
};

/* Once, at start: names the service in every line (borrowed for ever) and sets the least level
 * that is written. */
void log_open(const char *service, enum log_level least);

/* "debug", "info", "warning" or "error" to its level; -1 if it is none of them. */
int log_level_parse(const char *name);

/* The context of this thread from now on; NULL for none. Copies the struct, borrows its texts. A
 * trace that is NULL or "" leaves the one that trace_begin has set. */
void log_set_context(const struct log_context *context);

/* Only its trace (borrowed), for trace.c; NULL for none. */
void log_set_trace(const char *trace);

/* Write one line. `fields` is logfmt, formatted as by printf ("port=%d"), or "" for none. A value
 * that may hold a blank or a quote is passed through log_quote. */
void log_event(enum log_level level, const char *message, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

/* Quote `text` for logfmt into `buffer` (cut where it does not fit); returns `buffer`. */
const char *log_quote(const char *text, char *buffer, unsigned long size);

#endif
