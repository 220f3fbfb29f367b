/*
 * A stream is a transfer of libcurl's that never ends by itself; what has come is kept as text and
 * taken from its beginning, frame by frame.
 */
#include "tests/support/streams.h"

#include "common/instant.h"
#include "tests/support/exchanges.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAR_MS        15000
#define POLL_MS        50
#define LAST_MAX       24
#define EVENT_NAME_MAX 16

struct stream {
    struct stream *next;
    char *path;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    struct writer head, body;
    size_t taken; /* of body */
    bool over;
    CURLcode result;
    char last_id[LAST_MAX], name[EVENT_NAME_MAX];
    json_t *data; /* of the last event */
};

static struct stream *open_streams;

static void release(struct stream *stream)
{
    curl_multi_remove_handle(stream->multi, stream->easy);
    curl_easy_cleanup(stream->easy);
    curl_multi_cleanup(stream->multi);
    curl_slist_free_all(stream->headers);
    free(stream->path);
    writer_release(&stream->head);
    writer_release(&stream->body);
    json_decref(stream->data);
    free(stream);
}

static void release_all(void)
{
    while (open_streams != NULL) {
        struct stream *stream = open_streams;

        open_streams = stream->next;
        release(stream);
    }
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    write_raw(context, data, size * count);
    return size * count;
}

/* Take what has come; wait at most `wait_ms` for it. */
static void turn(struct stream *stream, int wait_ms)
{
    int running = 0, left;
    const CURLMsg *message;

    curl_multi_poll(stream->multi, NULL, 0, wait_ms, NULL);
    curl_multi_perform(stream->multi, &running);
    message = curl_multi_info_read(stream->multi, &left);
    if (message != NULL && message->msg == CURLMSG_DONE) {
        stream->over = true;
        stream->result = message->data.result;
    }
}

static void await_head(struct stream *stream, const struct question *question)
{
    int64_t deadline_ms = instant_monotonic() + HEAR_MS;
    struct answer answer = {.body = ""};
    long status = 0;

    while (strstr(writer_text(&stream->head), "\r\n\r\n") == NULL && !stream->over &&
           instant_monotonic() < deadline_ms)
        turn(stream, POLL_MS);
    curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    answer.headers = writer_text(&stream->head);
    cr_assert_eq(answer.status, 200, "%s: %ld %s", question->path, status,
                 writer_text(&stream->body));
    cr_assert_str_eq(answer_header(&answer, "Content-Type", 0), "text/event-stream");
    cr_assert_str_eq(answer_header(&answer, "Cache-Control", 0), "no-store");
    note_exchange(question, &answer);
}

struct stream *open_stream(const struct question *question)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    char url[4096];

    if (open_streams == NULL)
        atexit(release_all);
    stream->next = open_streams;
    open_streams = stream;
    stream->path = xstrdup(question->path);
    stream->multi = curl_multi_init();
    stream->easy = curl_easy_init();
    stream->headers = question_headers(question);
    question_url(question, url, sizeof(url));
    curl_easy_setopt(stream->easy, CURLOPT_URL, url);
    curl_easy_setopt(stream->easy, CURLOPT_HTTPHEADER, stream->headers);
    curl_easy_setopt(stream->easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(stream->easy, CURLOPT_WRITEDATA, &stream->body);
    curl_easy_setopt(stream->easy, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(stream->easy, CURLOPT_HEADERDATA, &stream->head);
    curl_easy_setopt(stream->easy, CURLOPT_NOSIGNAL, 1L);
    curl_multi_add_handle(stream->multi, stream->easy);
    await_head(stream, question);
    return stream;
}

struct stream *listen_to(const char *path)
{
    return open_stream(&(struct question){.method = "GET", .path = path});
}

struct stream *listen_after(const char *path, const char *last_event_id)
{
    cleanup(freep) char *header = xasprintf("Last-Event-ID: %s", last_event_id);

    return open_stream(&(struct question){.method = "GET", .path = path, .headers = {header}});
}

/* For the comparison with the documents. */
static void note_frame(const struct stream *stream, const char *start)
{
    const struct question question = {.method = "GET", .path = stream->path};
    cleanup(freep) char *frame =
        xstrndup(start, (size_t)(writer_text(&stream->body) + stream->taken - start));

    note_exchange(
        &question,
        &(struct answer){.status = 200, .headers = writer_text(&stream->head), .body = frame});
}

/* Take one frame, if a whole one is here. *ret_event: it has data. */
static bool take_frame(struct stream *stream, bool *ret_event)
{
    const char *start = writer_text(&stream->body) + stream->taken;
    const char *end = strstr(start, "\n\n");
    cleanup(writer_release) struct writer data = {0};

    *ret_event = false;
    if (end == NULL)
        return false;
    stream->taken += (size_t)(end + 2 - start);
    for (const char *line = start; line <= end; line = strchr(line, '\n') + 1) {
        int length = (int)strcspn(line, "\n");

        if (strncmp(line, "id: ", 4) == 0)
            snprintf(stream->last_id, LAST_MAX, "%.*s", length - 4, line + 4);
        else if (strncmp(line, "event: ", 7) == 0)
            snprintf(stream->name, EVENT_NAME_MAX, "%.*s", length - 7, line + 7);
        else if (strncmp(line, "data: ", 6) == 0)
            write_raw(&data, line + 6, (size_t)length - 6);
        else
            cr_assert(line[0] == ':' || line[0] == '\n' || strncmp(line, "retry: ", 7) == 0,
                      "what is %.*s", length, line);
    }
    if (data.length == 0)
        return true;
    *ret_event = true;
    note_frame(stream, start);
    json_decref(stream->data);
    stream->data = json_loadb(writer_text(&data), data.length, 0, NULL);
    cr_assert_not_null(stream->data, "%s is no JSON", writer_text(&data));
    return true;
}

/* Wait for an event. False: it is over, or nothing came in time. */
static bool take_event(struct stream *stream, int64_t wait_ms)
{
    int64_t deadline_ms = instant_monotonic() + wait_ms;
    bool event = false;

    for (;;) {
        while (take_frame(stream, &event))
            if (event)
                return true;
        if (stream->over || instant_monotonic() >= deadline_ms)
            return false;
        turn(stream, POLL_MS);
    }
}

const json_t *hear_event(struct stream *stream, const char *name)
{
    cr_assert(take_event(stream, HEAR_MS), "no event %s%s", name, stream->over ? ": it ended" : "");
    cr_assert_str_eq(stream->name, name);
    return stream->data;
}

static int64_t version_of(const json_t *data)
{
    return json_integer_value(json_object_get(data, "version"));
}

static const json_t *is_version(const json_t *data, int64_t version)
{
    cr_assert_eq(version_of(data), version, "version %d, not %d", (int)version_of(data),
                 (int)version);
    return data;
}

const json_t *hear_version(struct stream *stream, const char *name, int64_t version)
{
    return is_version(hear_event(stream, name), version);
}

const json_t *hear_up_to(struct stream *stream, const char *name, int64_t version)
{
    const json_t *data = hear_event(stream, name);

    while (version_of(data) < version)
        data = hear_event(stream, name);
    return is_version(data, version);
}

const char *last_event_id(const struct stream *stream)
{
    return stream->last_id;
}

void await_begun(struct stream *stream)
{
    int64_t deadline_ms = instant_monotonic() + HEAR_MS;

    while (stream->body.length == 0 && instant_monotonic() < deadline_ms)
        turn(stream, POLL_MS);
    cr_assert_gt(stream->body.length, 0, "it does not begin");
}

void expect_quiet(struct stream *stream)
{
    turn(stream, 0);
    cr_assert_not(take_event(stream, 0), "an event %s came", stream->name);
}

void expect_no_newer(struct stream *stream, int64_t version)
{
    turn(stream, 0);
    while (take_event(stream, 0))
        cr_assert_leq(version_of(stream->data), version);
}

void expect_over(struct stream *stream)
{
    while (take_event(stream, HEAR_MS))
        continue;
    cr_assert(stream->over, "it goes on");
    cr_assert_eq(stream->result, CURLE_OK, "it was cut: %s", curl_easy_strerror(stream->result));
}

void close_stream(struct stream *stream)
{
    struct stream **place = &open_streams;

    while (*place != stream)
        place = &(*place)->next;
    *place = stream->next;
    release(stream);
}
