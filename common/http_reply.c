/*
 * What a handler says, and how it becomes bytes: the one shape of errors, the table of outcomes,
 * ETags, and the headers that every reply carries.
 *
 * A reply is either a body or errors; errors win. Without an ETag a reply is not to be stored
 * anywhere (it may depend on who asks); with one it may be kept by the client, which must ask each
 * time (no-cache) and is answered 304.
 */
#include "common/http_internal.h"

#include "common/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A store or a queue is full or away: by when it may be back. */
#define RETRY_AFTER_S 1

/* clang-format off */
/*                 status  phrase (RFC 9110)            common text */
static const struct {
    int status; const char *title, *text;
} statuses[] = {
                  {500, "Internal Server Error",  "Internal error"}, /* unknown ones count as this */
                  {200, "OK",                     ""},
                  {201, "Created",                ""},
                  {202, "Accepted",               ""},
                  {204, "No Content",             ""},
                  {303, "See Other",              ""},
                  {304, "Not Modified",           ""},
                  {400, "Bad Request",            "Request is malformed"},
                  {401, "Unauthorized",           "Not authorized"},
                  {404, "Not Found",              "Not Found"},
                  {405, "Method Not Allowed",     "Method not allowed"},
                  {408, "Request Timeout",        "Request took too long to arrive"},
                  {409, "Conflict",               "What you saw has changed"},
                  {412, "Precondition Failed",    "Version changed"},
                  {413, "Content Too Large",      "Body is larger than 64 KiB"},
                  {414, "URI Too Long",           "Target is too long"},
                  {415, "Unsupported Media Type", "Content-Type must be application/json"},
                  {422, "Unprocessable Content",  "Idempotency-Key was used with another body"},
                  {429, "Too Many Requests",      "Too many requests"},
                  {431, "Request Header Fields Too Large", "Headers are too large"},
                  {501, "Not Implemented",        "Transfer-Encoding is not supported"},
                  {503, "Service Unavailable",    "Try again later"},
                  {504, "Gateway Timeout",        "Took too long"},
};

static const int outcome_statuses[] = {
    [DONE] = 200,         [INVALID] = 400,   [REFUSED] = 400,  [UNAUTHENTICATED] = 401,
    [FORBIDDEN] = 401,    [NOT_FOUND] = 404, [CONFLICT] = 409, [MISMATCH] = 412,
    [UNPROCESSABLE] = 422, [LIMITED] = 429,  [STALE] = 503,
};
/* clang-format on */

_Static_assert(ARRAY_LENGTH(outcome_statuses) == OUTCOME_COUNT, "each outcome has a status");
_Static_assert(ARRAY_LENGTH(statuses) <= HTTP_STATUS_SLOTS, "each status has a slot");

size_t http_status_slot(int status)
{
    for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++)
        if (statuses[i].status == status)
            return i;
    return 0;
}

const char *http_status_title(int status)
{
    return statuses[http_status_slot(status)].title;
}

const char *http_status_text(int status)
{
    return statuses[http_status_slot(status)].text;
}

int http_status(enum outcome outcome)
{
    assert((unsigned int)outcome < OUTCOME_COUNT);
    return outcome_statuses[outcome];
}

void http_reply_init(struct http_reply *reply)
{
    *reply = (struct http_reply){.status = 0};
    writer_init(&reply->body);
    writer_init(&reply->errors);
    writer_init(&reply->members);
}

void http_reply_release(struct http_reply *reply)
{
    writer_release(&reply->body);
    writer_release(&reply->errors);
    writer_release(&reply->members);
    free(reply->detail);
    http_stream_free(reply->stream);
    for (size_t i = 0; i < reply->header_count; i++) {
        free((void *)(uintptr_t)reply->headers[i].name);
        free((void *)(uintptr_t)reply->headers[i].value);
    }
    *reply = (struct http_reply){.status = 0};
}

struct writer *reply_body(struct http_reply *reply, int status)
{
    reply->status = status;
    writer_clear(&reply->body);
    return &reply->body;
}

int reply_empty(struct http_reply *reply, int status)
{
    reply_body(reply, status);
    return DONE;
}

int reply_error(struct http_reply *reply, enum outcome outcome, const char *field, const char *text)
{
    if (reply->error_count++ == 0)
        reply->detail = xstrdup(text);
    write_object_begin(&reply->errors, NULL);
    write_text(&reply->errors, "message", text);
    if (field != NULL)
        write_text(&reply->errors, "field", field);
    write_object_end(&reply->errors);
    return (int)outcome;
}

bool reply_has_errors(const struct http_reply *reply)
{
    return reply->error_count > 0;
}

struct writer *reply_error_members(struct http_reply *reply)
{
    return &reply->members;
}

void reply_header(struct http_reply *reply, const char *name, const char *value)
{
    struct http_pair *pair = &reply->headers[reply->header_count];

    assert(reply->header_count < HTTP_REPLY_HEADERS_MAX);
    reply->header_count++;
    pair->name = xstrdup(name);
    pair->value = xstrdup(value);
}

void reply_etag(struct http_reply *reply, int64_t version)
{
    snprintf(reply->etag, sizeof(reply->etag), "\"%lld\"", (long long)version);
}

void reply_retry_after(struct http_reply *reply, int64_t seconds)
{
    reply->retry_after_s = seconds;
}

bool http_etag_in_list(const char *list, const char *etag, bool weakly)
{
    size_t length = strlen(etag);

    for (const char *next = list; *(next += strspn(next, " \t,")) != '\0';) {
        bool weak = strncmp(next, "W/", 2) == 0;
        const char *tag = next + (weak ? 2 : 0);
        const char *end = tag[0] == '"' ? strchr(tag + 1, '"') : NULL;

        if (next[0] == '*' && next[1 + strspn(next + 1, " \t")] == '\0')
            return true;
        if (end == NULL || strchr(" \t,", end[1]) == NULL) /* which also finds the end */
            return false;                                  /* not a list of entity tags */
        end++;
        if ((weakly || !weak) && (size_t)(end - tag) == length && memcmp(tag, etag, length) == 0)
            return true;
        next = end;
    }
    return false;
}

void http_reply_errors(const struct http_reply *reply, int status, const char *problem,
                       struct writer *out)
{
    write_object_begin(out, NULL);
    if (problem != NULL) {
        write_text(out, "type", "about:blank");
        write_text(out, "title", http_status_title(status));
        write_int(out, "status", status);
        write_text(out, "detail", reply->detail == NULL ? "" : reply->detail);
        write_text(out, "instance", problem);
    }
    write_array_begin(out, "errors");
    write_raw(out, writer_text(&reply->errors), reply->errors.length);
    write_array_end(out);
    if (reply->members.length > 0) {
        write_raw(out, ",", 1);
        write_raw(out, writer_text(&reply->members), reply->members.length);
    }
    write_object_end(out);
}

static void settle_outcome(struct http_reply *reply, int outcome)
{
    reply->status = http_status((enum outcome)outcome);
    reply->etag[0] = '\0'; /* it would tag the error */
    if (reply->error_count == 0)
        reply_error(reply, (enum outcome)outcome, NULL, http_status_text(reply->status));
    if (outcome == STALE && reply->retry_after_s == 0)
        reply->retry_after_s = RETRY_AFTER_S;
}

/* A failure is ours: what was collected before it is not the client's business. */
static void settle_failure(struct http_reply *reply, int status)
{
    struct http_server *server = reply->server;

    http_reply_release(reply);
    http_reply_init(reply);
    reply->server = server;
    reply->status = status;
    reply->retry_after_s = status == 503 ? RETRY_AFTER_S : 0;
    reply_error(reply, DONE, NULL, http_status_text(status));
}

void http_reply_settle(struct http_exchange *exchange, int result)
{
    struct http_reply *reply = &exchange->reply;

    if (result > 0 && result < OUTCOME_COUNT) {
        settle_outcome(reply, result);
        return;
    }
    if (result == -EAGAIN) {
        settle_failure(reply, 503);
        return;
    }
    if (result == 0 && reply->status != 0 && reply->error_count == 0 && !reply->body.overflow)
        return;
    log_event(LOG_ERROR, "handler failed", "result=%d status=%d errors=%zu overflow=%d", result,
              reply->status, reply->error_count, reply->body.overflow);
    settle_failure(reply, 500);
}

static bool header_lists(const struct http_exchange *exchange, const char *name, const char *text)
{
    size_t position = 0;
    const char *value;

    while ((value = http_header_next(exchange, name, &position)) != NULL)
        if (strcasestr(value, text) != NULL)
            return true;
    return false;
}

static bool is_not_modified(const struct http_exchange *exchange)
{
    const struct http_reply *reply = &exchange->reply;
    size_t position = 0;
    const char *value;

    if (reply->status != 200 || reply->etag[0] == '\0' ||
        strcmp(exchange->request.method, "GET") != 0)
        return false;
    while ((value = http_header_next(exchange, "If-None-Match", &position)) != NULL)
        if (http_etag_in_list(value, reply->etag, /* weakly */ true))
            return true;
    return false;
}

/* What every reply carries. */
static void add_common_headers(struct MHD_Response *response, const struct http_exchange *exchange,
                               bool has_etag)
{
    MHD_add_response_header(response, "X-Request-Id", exchange->id);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Cache-Control", has_etag ? "private, no-cache" : "no-store");
    if (atomic_load(&exchange->server->draining))
        MHD_add_response_header(response, "Connection", "close");
}

static void add_retry_after(struct MHD_Response *response, int64_t seconds)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)seconds);
    MHD_add_response_header(response, "Retry-After", text);
}

/* Takes what `body` holds. */
static struct MHD_Response *response_of(struct writer *body)
{
    size_t length = body->length;
    struct MHD_Response *response;

    if (length == 0)
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    else
        response =
            MHD_create_response_from_buffer(length, writer_take(body), MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        abort(); /* only without memory, as in memory.h */
    return response;
}

static const char *error_type(const struct http_exchange *exchange, bool *ret_problem)
{
    *ret_problem = header_lists(exchange, "Accept", "application/problem+json");
    return *ret_problem ? "application/problem+json" : "application/json";
}

struct MHD_Response *http_reply_build(struct http_exchange *exchange, unsigned int *ret_status)
{
    struct http_reply *reply = &exchange->reply;
    cleanup(writer_release) struct writer errors = {0};
    struct writer *body = &reply->body;
    const char *type = "application/json";
    struct MHD_Response *response;
    bool problem = false;

    writer_init(&errors);
    if (reply->error_count > 0) {
        type = error_type(exchange, &problem);
        http_reply_errors(reply, reply->status, problem ? exchange->request.path : NULL, &errors);
        body = &errors;
    }
    if (is_not_modified(exchange)) {
        reply->status = 304;
        writer_clear(body);
    }
    if (body->length == 0)
        type = NULL; /* of nothing */
    if (reply->stream != NULL && reply->error_count == 0)
        response = http_stream_response(exchange);
    else
        response = response_of(body);
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, "Content-Type") == 0)
            type = NULL; /* the handler's own */
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    }
    if (type != NULL)
        MHD_add_response_header(response, "Content-Type", type);
    if (reply->etag[0] != '\0')
        MHD_add_response_header(response, "ETag", reply->etag);
    if (reply->retry_after_s > 0)
        add_retry_after(response, reply->retry_after_s);
    add_common_headers(response, exchange, reply->etag[0] != '\0');
    *ret_status = (unsigned int)reply->status;
    return response;
}

struct MHD_Response *http_reply_refuse(const struct http_exchange *exchange, int status)
{
    cleanup(http_reply_release) struct http_reply reply;
    cleanup(writer_release) struct writer body = {0};
    struct MHD_Response *response;
    const char *type;
    bool problem;

    http_reply_init(&reply);
    writer_init(&body);
    type = error_type(exchange, &problem);
    if (status != 204) {
        reply_error(&reply, DONE, NULL, http_status_text(status));
        http_reply_errors(&reply, status, problem ? exchange->request.path : NULL, &body);
    }
    response = response_of(&body);
    if (status != 204)
        MHD_add_response_header(response, "Content-Type", type);
    if (status == 204 || status == 405)
        MHD_add_response_header(response, "Allow", exchange->allow);
    if (status == 503)
        add_retry_after(response, RETRY_AFTER_S);
    add_common_headers(response, exchange, /* has_etag */ false);
    return response;
}
