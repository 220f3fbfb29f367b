/*
 * The collector: libmicrohttpd with a thread for each connection, and a strict reading of what the
 * OTLP specification says of JSON: ids in lower-case hexadecimal, 64-bit numbers as texts, enums as
 * numbers, no member that is not the message's. What breaks a rule is answered with 400 and noted.
 */
#include "tests/support/collector.h"

#include "common/memory.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPANS_MAX 20000
#define AWAIT_MS  20000

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct MHD_Daemon *daemon;
    int status, rejects, requests;
    char retry_after[16];
    struct collected *spans[SPANS_MAX];
    int count;
    const char *problem;
} collector = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .status = 200};

struct upload {
    char *data;
    size_t length;
};

/* ---- reading ---- */

static bool refuse(const char *why)
{
    collector.problem = why;
    return false;
}

/* Has `object` only these members? `names` is "a b c". */
static bool has_only(const json_t *object, const char *names)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return refuse("something is no object");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *at = strstr(names, key);

        if (at == NULL || (at[strlen(key)] != ' ' && at[strlen(key)] != '\0'))
            return refuse("a message has a member that is none of its");
    }
    return true;
}

static bool read_hex(const json_t *object, const char *key, size_t digits, char *ret_text)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text == NULL || strlen(text) != digits || strspn(text, "0123456789abcdef") != digits ||
        strspn(text, "0") == digits)
        return refuse("an id is not in hexadecimal, or is 0");
    memcpy(ret_text, text, digits + 1);
    return true;
}

static bool read_decimal(const json_t *object, const char *key, int64_t *ret_number)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text == NULL || *text == '\0' || strspn(text, "-0123456789") != strlen(text))
        return refuse("a 64-bit number is no text of digits");
    *ret_number = strtoll(text, NULL, 10);
    return true;
}

static bool read_attributes(const json_t *object, json_t *ret_attributes)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(object, "attributes"), i, item)
    {
        const json_t *value = json_object_get(item, "value");
        const char *key = json_string_value(json_object_get(item, "key"));
        int64_t number;

        if (!has_only(item, "key value") || key == NULL || json_object_get(ret_attributes, key))
            return refuse("an attribute has no key of its own");
        if (!has_only(value, "stringValue intValue") || json_object_size(value) != 1)
            return refuse("an attribute has not one value");
        if (json_is_string(json_object_get(value, "stringValue")))
            json_object_set(ret_attributes, key, json_object_get(value, "stringValue"));
        else if (read_decimal(value, "intValue", &number))
            json_object_set_new(ret_attributes, key, json_integer(number));
        else
            return false;
    }
    return true;
}

static bool read_links(const json_t *object, struct collected *span)
{
    const json_t *link;
    char trace_id[33], span_id[17];
    size_t i;

    json_array_foreach(json_object_get(object, "links"), i, link)
    {
        if (!has_only(link, "traceId spanId") || !read_hex(link, "traceId", 32, trace_id) ||
            !read_hex(link, "spanId", 16, span_id))
            return false;
        span->linked = true;
    }
    return true;
}

static bool read_span(const json_t *object, struct collected *span)
{
    const json_t *status = json_object_get(object, "status");
    const char *name = json_string_value(json_object_get(object, "name"));

    span->attributes = json_object();
    if (!has_only(object, "traceId spanId parentSpanId flags name kind startTimeUnixNano "
                          "endTimeUnixNano attributes links status") ||
        !read_hex(object, "traceId", 32, span->trace_id) ||
        !read_hex(object, "spanId", 16, span->span_id))
        return false;
    if (json_object_get(object, "parentSpanId") &&
        !read_hex(object, "parentSpanId", 16, span->parent_id))
        return false;
    if (!read_decimal(object, "startTimeUnixNano", &span->start_ns) ||
        !read_decimal(object, "endTimeUnixNano", &span->end_ns) || span->start_ns > span->end_ns)
        return refuse("a span has no times, or ends before it begins");
    if (name == NULL || strlen(name) >= sizeof(span->name) || *name == '\0')
        return refuse("a span has no name");
    memcpy(span->name, name, strlen(name) + 1);
    span->kind = (int)json_integer_value(json_object_get(object, "kind"));
    if (span->kind < 1 || span->kind > 5)
        return refuse("a span is of no kind");
    if (status != NULL && !has_only(status, "code message"))
        return false;
    span->failed = json_integer_value(json_object_get(status, "code")) == 2;
    return read_attributes(object, span->attributes) && read_links(object, span);
}

static bool keep_spans(const json_t *spans, const char *service)
{
    const json_t *object;
    size_t i;

    if (json_array_size(spans) == 0)
        return refuse("an envelope is empty");
    json_array_foreach(spans, i, object)
    {
        struct collected *span = xcalloc(1, sizeof(*span));

        cr_assert_lt(collector.count, SPANS_MAX);
        snprintf(span->service, sizeof(span->service), "%s", service);
        collector.spans[collector.count++] =
            span; /* also where it is refused, for its attributes */
        if (!read_span(object, span))
            return false;
    }
    return true;
}

static bool keep_resource(const json_t *resource_spans)
{
    static const char *const must[] = {"service.name", "service.version", "service.instance.id"};
    const json_t *resource = json_object_get(resource_spans, "resource"), *scope;
    json_t *attributes = json_object();
    bool fine = has_only(resource_spans, "resource scopeSpans") &&
                has_only(resource, "attributes") && read_attributes(resource, attributes);
    size_t i;

    for (i = 0; fine && i < ARRAY_LENGTH(must); i++)
        if (json_string_length(json_object_get(attributes, must[i])) == 0)
            fine = refuse("a resource does not say which service it is");
    json_array_foreach(json_object_get(resource_spans, "scopeSpans"), i, scope)
    {
        fine = fine && has_only(scope, "scope spans schemaUrl") &&
               has_only(json_object_get(scope, "scope"), "name version") &&
               keep_spans(json_object_get(scope, "spans"),
                          json_string_value(json_object_get(attributes, "service.name")));
    }
    json_decref(attributes);
    return fine;
}

static bool keep(const struct upload *upload)
{
    json_t *root = json_loadb(upload->data, upload->length, JSON_REJECT_DUPLICATES, NULL);
    json_t *resources = json_object_get(root, "resourceSpans"), *item;
    bool fine = has_only(root, "resourceSpans") && json_array_size(resources) > 0;
    size_t i;

    json_array_foreach(resources, i, item) fine = fine && keep_resource(item);
    json_decref(root);
    return fine;
}

/* ---- answering ---- */

/* Under the lock: which status, and the body that goes with it. */
static int decide(const struct upload *upload, char *ret_body, size_t size)
{
    collector.requests++;
    pthread_cond_broadcast(&collector.changed);
    while (collector.status == 0)
        pthread_cond_wait(&collector.changed, &collector.lock);
    snprintf(ret_body, size, "{\"message\":\"refused\"}");
    if (collector.status != 200)
        return collector.status;
    if (!keep(upload))
        return 400;
    snprintf(ret_body, size,
             collector.rejects > 0 ? "{\"partialSuccess\":{\"rejectedSpans\":\"%d\"}}" : "{}",
             collector.rejects);
    return 200;
}

static enum MHD_Result answer(struct MHD_Connection *connection, const struct upload *upload)
{
    struct MHD_Response *response;
    enum MHD_Result queued;
    char body[80], retry_after[16];
    int status;

    pthread_mutex_lock(&collector.lock);
    status = decide(upload, body, sizeof(body));
    memcpy(retry_after, collector.retry_after, sizeof(retry_after));
    pthread_mutex_unlock(&collector.lock);
    response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "application/json");
    if (retry_after[0] != '\0')
        MHD_add_response_header(response, "Retry-After", retry_after);
    queued = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct upload *upload = *state;
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");

    (void)context;
    (void)version;
    if (upload == NULL) {
        *state = xcalloc(1, sizeof(*upload));
        return MHD_YES;
    }
    if (*size > 0) {
        upload->data = xrealloc(upload->data, upload->length + *size);
        memcpy(upload->data + upload->length, data, *size);
        upload->length += *size;
        *size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/v1/traces") != 0 || strcmp(method, "POST") != 0 || type == NULL ||
        strcmp(type, "application/json") != 0) {
        pthread_mutex_lock(&collector.lock);
        refuse("a request is no POST of JSON to /v1/traces");
        pthread_mutex_unlock(&collector.lock);
    }
    return answer(connection, upload);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct upload *upload = *state;

    (void)context;
    (void)connection;
    (void)how;
    if (upload != NULL)
        free(upload->data);
    free(upload);
    *state = NULL;
}

static void stop(void)
{
    collector_answers(503, NULL); /* who waits for an answer gets one */
    MHD_stop_daemon(collector.daemon);
    for (int i = 0; i < collector.count; i++) {
        json_decref(collector.spans[i]->attributes);
        free(collector.spans[i]);
    }
}

const char *given_collector(void)
{
    static char endpoint[48];
    int port = free_port();

    collector.daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL, NULL,
        on_request, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    cr_assert_not_null(collector.daemon, "no collector on port %d", port);
    atexit(stop);
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", port);
    return endpoint;
}

void collector_answers(int status, const char *retry_after)
{
    pthread_mutex_lock(&collector.lock);
    collector.status = status;
    snprintf(collector.retry_after, sizeof(collector.retry_after), "%s",
             retry_after == NULL ? "" : retry_after);
    pthread_cond_broadcast(&collector.changed);
    pthread_mutex_unlock(&collector.lock);
}

void collector_rejects(int count)
{
    pthread_mutex_lock(&collector.lock);
    collector.rejects = count;
    pthread_mutex_unlock(&collector.lock);
}

/* ---- asking ---- */

static int read_locked(const int *number)
{
    int value;

    pthread_mutex_lock(&collector.lock);
    value = *number;
    pthread_mutex_unlock(&collector.lock);
    return value;
}

int collector_requests(void)
{
    return read_locked(&collector.requests);
}

int collector_spans(void)
{
    return read_locked(&collector.count);
}

const char *collector_problem(void)
{
    const char *problem;

    pthread_mutex_lock(&collector.lock);
    problem = collector.problem;
    pthread_mutex_unlock(&collector.lock);
    return problem;
}

static bool has_spans(void *context)
{
    return collector_spans() >= *(int *)context;
}

void expect_spans(int count, int64_t timeout_ms)
{
    eventually(has_spans, &count, timeout_ms, "the collector has all spans");
}

const struct collected *find_span(const char *service, const char *name, int nth)
{
    const struct collected *found = NULL;

    pthread_mutex_lock(&collector.lock);
    for (int i = 0; i < collector.count && found == NULL; i++)
        if (strcmp(collector.spans[i]->service, service) == 0 &&
            strcmp(collector.spans[i]->name, name) == 0 && nth-- == 0)
            found = collector.spans[i];
    pthread_mutex_unlock(&collector.lock);
    return found;
}

struct wanted {
    const char *service, *name;
};

static bool is_there(void *context)
{
    const struct wanted *wanted = context;

    return find_span(wanted->service, wanted->name, 0) != NULL;
}

const struct collected *await_span(const char *service, const char *name)
{
    struct wanted wanted = {service, name};
    char what[160];

    snprintf(what, sizeof(what), "the collector has %s of %s", name, service);
    eventually(is_there, &wanted, AWAIT_MS, what);
    return find_span(service, name, 0);
}

/* The parent of `span`, or NULL. */
static const struct collected *parent_of(const struct collected *span)
{
    const struct collected *found = NULL;

    pthread_mutex_lock(&collector.lock);
    for (int i = 0; i < collector.count && found == NULL; i++)
        if (strcmp(collector.spans[i]->span_id, span->parent_id) == 0 &&
            strcmp(collector.spans[i]->trace_id, span->trace_id) == 0)
            found = collector.spans[i];
    pthread_mutex_unlock(&collector.lock);
    return found;
}

bool descends_from(const struct collected *span, const struct collected *ancestor)
{
    while (span != NULL && span != ancestor)
        span = parent_of(span);
    return span != NULL;
}

struct below {
    const struct collected *ancestor, *found;
    const char *service, *name;
};

static bool is_below(void *context)
{
    struct below *below = context;
    const struct collected *span;

    below->found = NULL;
    for (int i = 0; below->found == NULL; i++) {
        span = find_span(below->service, below->name, i);
        if (span == NULL)
            return false;
        if (descends_from(span, below->ancestor))
            below->found = span;
    }
    return true;
}

const struct collected *await_span_below(const struct collected *ancestor, const char *service,
                                         const char *name)
{
    struct below below = {.ancestor = ancestor, .service = service, .name = name};
    char what[256];

    snprintf(what, sizeof(what), "%s of %s is below %s of %s", name, service, ancestor->name,
             ancestor->service);
    eventually(is_below, &below, AWAIT_MS, what);
    return below.found;
}

bool collector_has_trace(const char *trace_id)
{
    bool found = false;

    pthread_mutex_lock(&collector.lock);
    for (int i = 0; i < collector.count && !found; i++)
        found = strcmp(collector.spans[i]->trace_id, trace_id) == 0;
    pthread_mutex_unlock(&collector.lock);
    return found;
}

bool collector_mentions(const char *text)
{
    bool found = false;

    pthread_mutex_lock(&collector.lock);
    for (int i = 0; i < collector.count && !found; i++) {
        char *attributes = json_dumps(collector.spans[i]->attributes, 0);

        found = strstr(attributes, text) != NULL || strstr(collector.spans[i]->name, text) != NULL;
        free(attributes);
    }
    pthread_mutex_unlock(&collector.lock);
    return found;
}

const char *span_text_of(const struct collected *span, const char *key)
{
    return json_string_value(json_object_get(span->attributes, key));
}

int64_t span_number_of(const struct collected *span, const char *key)
{
    const json_t *value = json_object_get(span->attributes, key);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}
