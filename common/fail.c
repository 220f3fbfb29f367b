/*
 * Failures: where a negative errno is born, it is logged once, with its place.
 *
 * Whoever passes it on stays silent, so one failure is one line, and that line names the call that
 * failed rather than the edge that noticed.
 */

#include "common/fail.h"

#include "common/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAIL_MESSAGE_BYTES 1024

int fail_at(const char *file, int line, int error, const char *format, ...)
{
    char message[FAIL_MESSAGE_BYTES];
    const char *name;
    va_list arguments;

    assert(error < 0);
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    name = strerrorname_np(-error);
    log_event(LOG_ERROR, message, "where=%s:%d error=%s", file, line,
              name == NULL ? "unknown" : name);
    return error;
}
