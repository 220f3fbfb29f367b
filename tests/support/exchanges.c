/*
 * Exchanges: one line of JSON for each, written by one write() to a file opened for appending, so
 * that lines of processes and threads do not mix.
 */
#include "tests/support/exchanges.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTED_MAX_BYTES (256u << 10) /* larger answers are lists like smaller ones */
#define STRIPES_OWN     "/v1/"       /* what the local Stripe is asked is no concern here */

static void note(struct writer *line)
{
    const char *path = getenv("TEST_EXCHANGES");
    int file;

    write_raw(line, "\n", 1);
    file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(file, 0, "cannot open %s", path);
    cr_assert_eq(write(file, line->data, line->length), (ssize_t)line->length);
    close(file);
}

void note_exchange(const struct question *question, const struct answer *answer)
{
    cleanup(writer_release) struct writer line = {0};

    if (!getenv("TEST_EXCHANGES") || strlen(answer->body) > NOTED_MAX_BYTES ||
        strncmp(question->path, STRIPES_OWN, strlen(STRIPES_OWN)) == 0)
        return;
    write_object_begin(&line, NULL);
    write_text(&line, "method", question->method);
    write_text(&line, "path", question->path);
    write_int(&line, "status", answer->status);
    write_text(&line, "headers", answer->headers);
    write_text(&line, "body", answer->body);
    write_object_end(&line);
    note(&line);
}

void note_event(const struct event *event)
{
    cleanup(writer_release) struct writer line = {0}, body = {0};

    if (!getenv("TEST_EXCHANGES"))
        return;
    event_encode(event, &body);
    write_object_begin(&line, NULL);
    write_text(&line, "event", event_info(event->type)->subject);
    write_text(&line, "body", writer_text(&body));
    write_object_end(&line);
    note(&line);
}
