/* Log: one line for each thing, whatever it holds; and fail, which writes one. */

#include "common/log.h"

#include "common/fail.h"
#include "common/instant.h"
#include "common/trace.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4
#define LINES   500

/* Standard error is a file from capture() to captured(), whose text is what was written. */
struct capture {
    int file, before;
    char *text;
};

static void capture(struct capture *capture)
{
    char path[] = "/tmp/test-log-XXXXXX";

    capture->file = mkstemp(path);
    cr_assert_geq(capture->file, 0);
    unlink(path);
    fcntl(capture->file, F_SETFL, O_APPEND);
    capture->before = dup(STDERR_FILENO);
    dup2(capture->file, STDERR_FILENO);
}

static char *captured(struct capture *capture)
{
    off_t length = lseek(capture->file, 0, SEEK_END);
    char *text = xcalloc(1, (size_t)length + 1);

    dup2(capture->before, STDERR_FILENO);
    close(capture->before);
    cr_assert_eq(pread(capture->file, text, (size_t)length, 0), length);
    close(capture->file);
    return text;
}

static void begin(struct capture *to)
{
    instant_fake(1795256100000);
    log_open("tests", LOG_INFO);
    capture(to);
}

#define LINE_START "at=2026-11-21T10:15:00.000Z level=info svc=tests msg="

Test(log, a_line_has_its_time_level_service_and_message)
{
    struct capture to;
    cleanup(freep) char *text = NULL;

    begin(&to);
    log_event(LOG_INFO, "listening", "port=%d", 3003);
    log_event(LOG_INFO, "no fields", "%s", "");
    text = captured(&to);
    cr_assert_str_eq(text, LINE_START "\"listening\" port=3003\n" LINE_START "\"no fields\"\n");
}

Test(log, what_is_below_the_least_level_is_not_written)
{
    struct capture to;
    cleanup(freep) char *text = NULL;

    begin(&to);
    log_open("tests", LOG_WARNING);
    log_event(LOG_DEBUG, "no", "%s", "");
    log_event(LOG_INFO, "no", "%s", "");
    log_event(LOG_WARNING, "yes", "%s", "");
    log_event(LOG_ERROR, "also", "%s", "");
    text = captured(&to);
    cr_assert_null(strstr(text, "no"));
    cr_assert_not_null(strstr(text, "level=warning svc=tests msg=\"yes\"\n"));
    cr_assert_not_null(strstr(text, "level=error svc=tests msg=\"also\"\n"));
}

Test(log, no_text_can_forge_a_line)
{
    struct capture to;
    cleanup(freep) char *text = NULL;

    begin(&to);
    log_event(LOG_INFO, "a\nb \"c\" \\ \x1B[31m", "name=%s",
              "x\r\nat=now level=info\t\x7F\xC2\x9B\xFF");
    text = captured(&to);
    cr_assert_str_eq(text,
                     LINE_START "\"a\\nb \\\"c\\\" \\\\ \\x1b[31m\" name=x\\x0d\\nat=now level=info"
                                "\\x09\\x7f\\xc2\\x9b\\xff\n");
}

Test(log, the_threads_context_is_on_each_line)
{
    struct capture to;
    cleanup(freep) char *text = NULL;

    begin(&to);
    log_set_context(&(struct log_context){"r-1", "POST /api/orders", "0af7"});
    log_event(LOG_INFO, "one", "n=%d", 1);
    log_set_context(&(struct log_context){"r-2", "", ""}); /* the trace stays */
    log_event(LOG_INFO, "two", "n=%d", 2);
    log_set_context(NULL);
    log_event(LOG_INFO, "three", "n=%d", 3);
    text = captured(&to);
    cr_assert_str_eq(text, LINE_START
                     "\"one\" n=1 req=r-1 subject=\"POST /api/orders\" trace=0af7\n" LINE_START
                     "\"two\" n=2 req=r-2 trace=0af7\n" LINE_START "\"three\" n=3\n");
}

Test(log, a_trace_that_began_is_on_each_line_until_it_ends)
{
    struct capture to;
    cleanup(freep) char *text = NULL;

    begin(&to);
    trace_begin("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    log_set_context(&(struct log_context){.request = "r-1"});
    log_event(LOG_INFO, "in", "%s", "");
    trace_end();
    log_event(LOG_INFO, "out", "%s", "");
    text = captured(&to);
    cr_assert_str_eq(text,
                     LINE_START "\"in\" req=r-1 trace=0af7651916cd43dd8448eb211c80319c\n" LINE_START
                                "\"out\" req=r-1\n");
}

Test(log, a_long_line_is_cut_and_still_one_line)
{
    struct capture to;
    cleanup(freep) char *text = NULL;
    cleanup(freep) char *endless = xmalloc(100000);

    memset(endless, '\n', 99999); /* twice as long once escaped */
    endless[99999] = '\0';
    begin(&to);
    log_set_context(&(struct log_context){endless, endless, endless});
    log_event(LOG_INFO, endless, "%s", endless);
    text = captured(&to);
    cr_assert_leq(strlen(text), 4096);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
}

static void *write_lines(void *context)
{
    const char *name = context;

    log_set_context(&(struct log_context){.request = name});
    for (int i = 0; i < LINES; i++)
        log_event(LOG_INFO, name, "same=%s", name);
    return NULL;
}

Test(log, lines_of_several_threads_never_mix)
{
    static const char *const names[THREADS] = {"aaaaaaaaaaaa", "bbbbbbbb", "cccccccccccccccc", "d"};
    struct capture to;
    pthread_t threads[THREADS];
    cleanup(freep) char *text = NULL;
    size_t lines = 0;

    begin(&to);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_lines, (void *)names[i]);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    text = captured(&to);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
        char name[32], field[32], request[32];

        *end = '\0';
        cr_assert_eq(
            sscanf(line, LINE_START "\"%31[a-d]\" same=%31s req=%31s", name, field, request), 3,
            "%s", line);
        cr_assert_str_eq(name, field);
        cr_assert_str_eq(name, request);
    }
    cr_assert_eq(lines, THREADS * LINES);
}

Test(log, values_are_quoted_only_when_needed)
{
    /* clang-format off */
    static const struct { const char *value, *quoted; } rows[] = {
        {"plain",      "plain"},
        {"/api/a-b_c", "/api/a-b_c"},
        {"é東",        "é東"},
        {"",           "\"\""},
        {"a b",        "\"a b\""},
        {"a=b",        "\"a=b\""},
        {"a\"b",       "\"a\\\"b\""},
        {"a\\b",       "\"a\\\\b\""},
        {"a\nb",       "\"a\\nb\""},
        {"a\xFF",      "\"a\\xff\""},
    };
    /* clang-format on */
    char buffer[64];

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        cr_expect_str_eq(log_quote(rows[i].value, buffer, sizeof(buffer)), rows[i].quoted);
}

/* Each size is its own allocation, so that one byte too many is seen. */
Test(log, quoting_cuts_at_whole_characters)
{
    for (size_t size = 3; size < 40; size++) {
        cleanup(freep) char *buffer = xmalloc(size);
        size_t length;

        log_quote("a b\n東\"\xFF z", buffer, size);
        length = strlen(buffer);
        cr_assert_lt(length, size);
        cr_assert_eq(buffer[0], '"');
        cr_assert_eq(buffer[length - 1], '"');
        log_quote("plain-and-long-enough", buffer, size);
        cr_assert_lt(strlen(buffer), size);
    }
}

Test(log, levels_have_names)
{
    cr_assert_eq(log_level_parse("debug"), LOG_DEBUG);
    cr_assert_eq(log_level_parse("info"), LOG_INFO);
    cr_assert_eq(log_level_parse("warning"), LOG_WARNING);
    cr_assert_eq(log_level_parse("error"), LOG_ERROR);
    cr_assert_eq(log_level_parse("Error"), -1);
    cr_assert_eq(log_level_parse(""), -1);
}

Test(log, a_line_that_cannot_be_written_leaves_errno_alone)
{
    int before = dup(STDERR_FILENO);

    close(STDERR_FILENO);
    errno = ENOENT;
    log_event(LOG_ERROR, "failed", "%s", "");
    cr_expect_eq(errno, ENOENT);
    dup2(before, STDERR_FILENO);
}

Test(fail, a_failure_is_logged_once_with_its_place_and_returned)
{
    struct capture to;
    cleanup(freep) char *text = NULL;
    int result;

    begin(&to);
    result = fail(-EIO, "cannot read \"%s\"\n", "x");
    text = captured(&to);
    cr_assert_eq(result, -EIO);
    cr_assert_not_null(
        strstr(text, " level=error svc=tests msg=\"cannot read \\\"x\\\"\\n\" where="));
    cr_assert_not_null(strstr(text, "tests/common/test_log.c:"));
    cr_assert_not_null(strstr(text, " error=EIO\n"));
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
}

Test(fail, an_unknown_error_has_a_name_too)
{
    struct capture to;
    cleanup(freep) char *text = NULL;
    int result;

    begin(&to);
    result = fail(-99999, "odd");
    text = captured(&to);
    cr_assert_eq(result, -99999);
    cr_assert_not_null(strstr(text, " error=unknown\n"));
}
