/*
 * The thread that sends spans: OTLP over HTTP as JSON, one request at a time.
 *
 * It sleeps while there is nothing; the first span wakes it, and what came within SPAN_WAIT_MS goes
 * with it. A request that was not answered, or with one of OTLP's "again" (429, 502, 503, 504), is
 * made again after a pause that doubles, or as long as Retry-After says, at most TRIES_MAX times;
 * any other refusal is final. The spans that come meanwhile wait in the queue, as far as it goes,
 * so a collector that is away costs spans, and memory up to that bound, and nothing else.
 *
 * At the end each batch that waits is tried once, and nothing goes on beyond tracer_free's timeout:
 * the transfer runs under curl's multi interface, whose wait can be woken.
 */
#include "common/span_private.h"

#include "common/instant.h"
#include "common/log.h"
#include "common/parse.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS      2000L
#define POST_MS         5000  /* a request, from its beginning to the end of its answer */
#define PAUSE_LEAST_MS  1000  /* before the second try; doubled each time */
#define PAUSE_MOST_MS   30000 /* also of a Retry-After */
#define TRIES_MAX       5
#define REPLY_MAX_BYTES 4096 /* of it; what is longer is not read */

enum verdict { TAKEN, REFUSED_FOR_GOOD, AGAIN };

/* One request and its answer. */
struct post {
    struct writer body, reply;
    long status; /* 0: none came */
    int64_t retry_after_ms;
};

static bool is_stopping(const struct tracer *tracer)
{
    return atomic_load(&tracer->stop_at_ms) != INT64_MAX;
}

/* Wait on tracer->changed, under the lock, until `until_ms`; false once that has passed. */
static bool wait_until(struct tracer *tracer, int64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};

    return pthread_cond_timedwait(&tracer->changed, &tracer->lock, &until) == 0;
}

/* Wait for a batch. False once the tracer stops and nothing is left. */
static bool next_batch(struct tracer *tracer, struct span_list *ret_batch)
{
    int64_t until_ms;

    *ret_batch = (struct span_list){0};
    pthread_mutex_lock(&tracer->lock);
    while (tracer->waiting.count == 0 && !tracer->stopping)
        pthread_cond_wait(&tracer->changed, &tracer->lock);
    until_ms = instant_monotonic() + SPAN_WAIT_MS;
    while (tracer->waiting.count < SPAN_BATCH_MAX && !tracer->stopping &&
           wait_until(tracer, until_ms))
        ;
    span_list_take(&tracer->waiting, SPAN_BATCH_MAX, ret_batch);
    pthread_mutex_unlock(&tracer->lock);
    return ret_batch->count > 0;
}

static void pause_for(struct tracer *tracer, int64_t pause_ms)
{
    int64_t until_ms = instant_monotonic() + pause_ms;

    pthread_mutex_lock(&tracer->lock);
    while (!tracer->stopping && wait_until(tracer, until_ms))
        ;
    pthread_mutex_unlock(&tracer->lock);
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    struct writer *reply = context;
    size_t length = size * count;
    size_t room = REPLY_MAX_BYTES - reply->length;

    write_raw(reply, data, length < room ? length : room);
    return length;
}

static void prepare(const struct tracer *tracer, struct post *post, struct curl_slist *headers)
{
    CURL *handle = tracer->handle;

    curl_easy_reset(handle); /* keeps its connection */
    curl_easy_setopt(handle, CURLOPT_URL, tracer->url);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is left behind */
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)POST_MS);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "ticketing");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &post->reply);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)post->body.length);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, writer_text(&post->body));
}

/* Let the transfer run to its end, or to that of the tracer. */
static CURLcode transfer(struct tracer *tracer)
{
    CURLcode result = CURLE_OPERATION_TIMEDOUT;
    int running = 1, left;
    const CURLMsg *message;

    curl_multi_add_handle(tracer->multi, tracer->handle);
    while (curl_multi_perform(tracer->multi, &running) == CURLM_OK && running > 0) {
        int64_t left_ms = atomic_load(&tracer->stop_at_ms) - instant_monotonic();

        if (left_ms <= 0)
            break;
        curl_multi_poll(tracer->multi, NULL, 0, (int)(left_ms < POST_MS ? left_ms : POST_MS), NULL);
    }
    while ((message = curl_multi_info_read(tracer->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    curl_multi_remove_handle(tracer->multi, tracer->handle);
    return result;
}

static void send_post(struct tracer *tracer, struct post *post)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_off_t retry_after_s = 0;

    headers = curl_slist_append(headers, "Expect:");
    writer_clear(&post->reply);
    post->status = 0;
    post->retry_after_ms = 0;
    prepare(tracer, post, headers);
    if (transfer(tracer) == CURLE_OK) {
        curl_easy_getinfo(tracer->handle, CURLINFO_RESPONSE_CODE, &post->status);
        curl_easy_getinfo(tracer->handle, CURLINFO_RETRY_AFTER, &retry_after_s);
        post->retry_after_ms =
            retry_after_s > PAUSE_MOST_MS / 1000 ? PAUSE_MOST_MS : (int64_t)retry_after_s * 1000;
    }
    curl_slist_free_all(headers);
}

static enum verdict judge(const struct post *post)
{
    switch (post->status) {
    case 0:
    case 429:
    case 502:
    case 503:
    case 504: return AGAIN;
    default: return post->status / 100 == 2 ? TAKEN : REFUSED_FOR_GOOD;
    }
}

/* How many of `count` the answer says were rejected: {"partialSuccess":{"rejectedSpans":"3"}}. */
static int64_t count_rejected(const struct post *post, size_t count)
{
    json_t *reply = json_loads(writer_text(&post->reply), 0, NULL);
    json_t *rejected = json_object_get(json_object_get(reply, "partialSuccess"), "rejectedSpans");
    int64_t number = json_is_string(rejected) ? strtoll(json_string_value(rejected), NULL, 10)
                                              : json_integer_value(rejected);

    json_decref(reply);
    return number < 0 ? 0 : number > (int64_t)count ? (int64_t)count : number;
}

/* Between half of the pause and all of it, lest all processes come back at once. */
static int64_t pause_before(const struct post *post, int tries)
{
    int64_t pause_ms = PAUSE_LEAST_MS * (INT64_C(1) << (tries - 1));

    if (post->retry_after_ms > 0)
        return post->retry_after_ms;
    pause_ms = pause_ms < PAUSE_MOST_MS ? pause_ms : PAUSE_MOST_MS;
    return pause_ms / 2 + randombytes_uniform((uint32_t)(pause_ms / 2));
}

/* Say that it fails, or no longer does, once each. */
static void note(struct tracer *tracer, bool failing, long status)
{
    if (failing && !tracer->failing)
        log_event(LOG_WARNING, "the collector does not take traces", "status=%ld", status);
    if (!failing && tracer->failing)
        log_event(LOG_INFO, "the collector takes traces again", "%s", "");
    tracer->failing = failing;
}

static void deliver(struct tracer *tracer, const struct span_list *batch)
{
    struct post post = {0};
    enum verdict verdict = AGAIN;
    int64_t lost = (int64_t)batch->count;

    writer_init(&post.body);
    writer_init(&post.reply);
    span_list_to_json(tracer, batch, &post.body);
    for (int tries = 1; verdict == AGAIN && tries <= TRIES_MAX; tries++) {
        send_post(tracer, &post);
        verdict = judge(&post);
        note(tracer, verdict != TAKEN, post.status);
        if (is_stopping(tracer))
            break; /* to the next batch: one that hangs has used up the time anyway */
        if (verdict == AGAIN && tries < TRIES_MAX)
            pause_for(tracer, pause_before(&post, tries));
    }
    if (verdict == TAKEN)
        lost = count_rejected(&post, batch->count);
    metric_add(tracer->exported, (int64_t)batch->count - lost);
    metric_add(tracer->dropped, lost);
    writer_release(&post.body);
    writer_release(&post.reply);
}

void *tracer_run(void *context)
{
    struct tracer *tracer = context;
    struct span_list batch;

    while (next_batch(tracer, &batch)) {
        deliver(tracer, &batch);
        span_list_free(&batch);
    }
    return NULL;
}
