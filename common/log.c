/*
 * Log: lines of logfmt on standard error.
 *
 * A line is put together on the stack and leaves with one write(2): no lock, and lines of several
 * threads and processes never mix. Whatever is in a text, it stays within its line: control
 * characters and bytes that are no UTF-8 are escaped, so nobody can forge a line or steer the
 * terminal that shows it. What is too long is cut.
 */

#include "common/log.h"

#include "common/instant.h"
#include "common/memory.h"
#include "common/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_BYTES    4096 /* PIPE_BUF: a pipe takes that much in one piece */
#define LOG_VALUE_BYTES   1024 /* the message, or one value of the context */
#define LOG_FIELDS_BYTES  2048
#define LOG_ESCAPED_BYTES 16 /* one character: at most three bytes as \xNN, and a NUL */

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};

static _Atomic(const char *) log_service = "-";
static _Atomic int log_least = LOG_INFO;

static _Thread_local struct log_context thread_context;

struct line {
    char text[LOG_LINE_BYTES];
    size_t length; /* leaves room for the newline */
};

/* Copy the first character of `text` into `ret_escaped`, made harmless; returns its length in
 * `text`. Quotes and backslashes are escaped only inside of quotes. */
static size_t escape(const char *text, bool in_quotes, char ret_escaped[LOG_ESCAPED_BYTES])
{
    uint32_t code_point;
    size_t length = text_decode(text, strnlen(text, 4), &code_point);
    bool valid = length > 0;

    length = valid ? length : 1;
    memcpy(ret_escaped, text, length);
    ret_escaped[length] = '\0';
    if (in_quotes && (*text == '"' || *text == '\\'))
        snprintf(ret_escaped, LOG_ESCAPED_BYTES, "\\%c", *text);
    else if (*text == '\n')
        memcpy(ret_escaped, "\\n", sizeof("\\n"));
    else if (!valid || text_has_control(ret_escaped))
        for (size_t i = 0; i < length; i++) /* never past the NUL: text_decode saw to that */
            /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
            snprintf(ret_escaped + 4 * i, LOG_ESCAPED_BYTES - 4 * i, "\\x%02x",
                     (unsigned)(unsigned char)text[i]);
    return length;
}

/* As `text`, but for what escape() changes; stops before a character that does not fit into `size`
 * bytes. Returns the length written. */
static size_t copy_escaped(char *buffer, size_t size, const char *text, bool in_quotes)
{
    char escaped[LOG_ESCAPED_BYTES] = "";
    size_t used = 0;

    while (*text != '\0') { /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        size_t consumed = escape(text, in_quotes, escaped);
        size_t length = strlen(escaped);

        if (used + length + 1 > size)
            break;
        memcpy(buffer + used, escaped, length);
        used += length;
        text += consumed;
    }
    buffer[used] = '\0';
    return used;
}

static bool needs_quotes(const char *text)
{
    return *text == '\0' || strpbrk(text, " \"\\=") != NULL || text_has_control(text) ||
           !text_is_utf8(text, strlen(text));
}

static const char *quote(const char *text, char *buffer, size_t size)
{
    size_t length;

    assert(size >= sizeof("\"\""));
    length = copy_escaped(buffer + 1, size - 2, text, /* in_quotes= */ true);
    buffer[0] = '"';
    buffer[length + 1] = '"';
    buffer[length + 2] = '\0';
    return buffer;
}

const char *log_quote(const char *text, char *buffer, unsigned long size)
{
    if (needs_quotes(text))
        return quote(text, buffer, size);
    copy_escaped(buffer, size, text, /* in_quotes= */ false);
    return buffer;
}

void log_open(const char *service, enum log_level least)
{
    atomic_store(&log_service, service);
    atomic_store(&log_least, (int)least);
}

int log_level_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return (int)i;
    return -1;
}

void log_set_context(const struct log_context *context)
{
    const char *trace = thread_context.trace;

    if (context == NULL) {
        thread_context = (struct log_context){0};
        return;
    }
    thread_context = *context;
    if (context->trace == NULL || *context->trace == '\0')
        thread_context.trace = trace;
}

void log_set_trace(const char *trace)
{
    thread_context.trace = trace;
}

static void line_add(struct line *line, const char *text)
{
    line->length += copy_escaped(line->text + line->length, LOG_LINE_BYTES - 1 - line->length, text,
                                 /* in_quotes= */ false);
}

/* " key=value", unless there is no value. */
static void line_add_value(struct line *line, const char *key, const char *value)
{
    char quoted[LOG_VALUE_BYTES] = "";

    if (value == NULL || *value == '\0')
        return;
    line_add(line, key);
    line_add(line, log_quote(value, quoted, sizeof(quoted)));
}

/* Nothing can be done about a standard error that takes no more. */
static void line_write(struct line *line)
{
    ssize_t written;

    line->text[line->length++] = '\n';
    do
        written = write(STDERR_FILENO, line->text, line->length);
    while (written < 0 && errno == EINTR);
}

void log_event(enum log_level level, const char *message, const char *fields, ...)
{
    struct line line;
    char at[INSTANT_TEXT_BYTES], quoted[LOG_VALUE_BYTES], formatted[LOG_FIELDS_BYTES];
    int errno_before = errno; /* logging a failure must not change what it is */
    va_list arguments;

    if ((int)level < atomic_load(&log_least))
        return;

    va_start(arguments, fields);
    vsnprintf(formatted, sizeof(formatted), fields, arguments);
    va_end(arguments);

    line.length = 0;
    line_add_value(&line, "at=", instant_format(instant_now(), at));
    line_add_value(&line, " level=", level_names[level]);
    line_add_value(&line, " svc=", atomic_load(&log_service));
    line_add(&line, " msg=");
    line_add(&line, quote(message, quoted, sizeof(quoted)));
    if (*formatted != '\0')
        line_add(&line, " ");
    line_add(&line, formatted);
    line_add_value(&line, " req=", thread_context.request);
    line_add_value(&line, " subject=", thread_context.subject);
    line_add_value(&line, " trace=", thread_context.trace);
    line_write(&line);
    errno = errno_before;
}
