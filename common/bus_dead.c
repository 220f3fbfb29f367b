/*
 * Dead letters: events that can never be handled, kept with their reason until somebody looks.
 *
 *   { _id: "<stream>-<sequence>-<stored at>", subject, stream, seq, eventId, aggregateId, reason,
 *     body, headers: [{name, value}], eventAt, traceparent, deliveries, at, replays }
 *
 * The id names the stored message, so that parking it twice (the process died before the broker
 * heard of it) is one letter, and a stream that was wiped and begins again at 1 does not overwrite
 * older letters. The body is kept as text where it is that, else as binary: what is poison may be
 * anything.
 *
 * A letter that gets another chance goes through the same queue, copies and handlers as a message.
 */

#include "common/bus_private.h"
#include "common/instant.h"
#include "common/log.h"

#include <inttypes.h>
#include <string.h>

#define COLLECTION            "deadletters"
#define REASON_MAX_BYTES      128
#define RETRIES_UNDER_WAY_MAX 64

static const char *const outcome_reasons[OUTCOME_COUNT] = {
    [INVALID] = "the handler found it invalid",
    [REFUSED] = "the state does not allow it",
    [UNAUTHENTICATED] = "the handler found nobody signed in",
    [FORBIDDEN] = "it is about somebody else's",
    [NOT_FOUND] = "what it is about does not exist",
    [CONFLICT] = "it conflicts with what is there",
    [MISMATCH] = "it names another version",
    [UNPROCESSABLE] = "it cannot be processed",
    [LIMITED] = "too many tries",
    [STALE] = "it could not be applied yet, for too long",
};

static void write_reason(const struct bus_delivery *delivery, int result, char *reason, size_t size)
{
    if (delivery->reason != NULL)
        snprintf(reason, size, "cannot be decoded: %s", delivery->reason);
    else if (result > 0 && result < OUTCOME_COUNT && outcome_reasons[result] != NULL)
        snprintf(reason, size, "%s", outcome_reasons[result]);
    else
        snprintf(reason, size, "it failed every time: %s", strerror(-result));
}

static void append_text(bson_t *document, const char *key, const char *text, size_t length)
{
    if (length <= INT32_MAX && memchr(text, '\0', length) == NULL && text_is_utf8(text, length))
        bson_append_utf8(document, key, -1, text, (int)length);
    else
        bson_append_binary(document, key, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)text,
                           (uint32_t)length);
}

static void append_headers(bson_t *document, natsMsg *message)
{
    const char **names = NULL;
    bson_t list;
    int count = 0;

    bson_append_array_begin(document, "headers", -1, &list);
    if (message != NULL && natsMsgHeader_Keys(message, &names, &count) == NATS_OK)
        for (int i = 0; i < count; i++) {
            const char *value = NULL;
            char index[16];
            bson_t header;

            natsMsgHeader_Get(message, names[i], &value);
            snprintf(index, sizeof(index), "%d", i);
            bson_append_document_begin(&list, index, -1, &header);
            append_text(&header, "name", names[i], strlen(names[i]));
            append_text(&header, "value", value != NULL ? value : "",
                        value != NULL ? strlen(value) : 0);
            bson_append_document_end(&list, &header);
        }
    bson_append_array_end(document, &list);
    free(names);
}

static void append_body(bson_t *document, const struct bus_delivery *delivery)
{
    cleanup(writer_release) struct writer body = {0};

    writer_init(&body);
    if (delivery->message != NULL) {
        append_text(document, "body", natsMsg_GetData(delivery->message),
                    (size_t)natsMsg_GetDataLength(delivery->message));
        return;
    }
    event_encode(&delivery->event, &body);
    append_text(document, "body", writer_text(&body), body.length);
}

static const char *subject_of(const struct bus_delivery *delivery)
{
    if (delivery->message != NULL)
        return natsMsg_GetSubject(delivery->message);
    return event_info(delivery->event.type)->subject;
}

int bus_park(struct bus *bus, const struct bus_delivery *delivery, int result)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    cleanup(bson_freep) bson_t *update = bson_new();
    char id[96], reason[REASON_MAX_BYTES], quoted[REASON_MAX_BYTES + 16];
    bson_t set;
    int r;

    snprintf(id, sizeof(id), "%s-%" PRIu64 "-%" PRId64, delivery->stream, delivery->sequence,
             delivery->stored_at_ms);
    write_reason(delivery, result, reason, sizeof(reason));
    BSON_APPEND_UTF8(filter, "_id", id);
    BSON_APPEND_DOCUMENT_BEGIN(update, "$setOnInsert", &set);
    BSON_APPEND_UTF8(&set, "subject", subject_of(delivery));
    BSON_APPEND_UTF8(&set, "stream", delivery->stream);
    BSON_APPEND_INT64(&set, "seq", (int64_t)delivery->sequence);
    BSON_APPEND_UTF8(&set, "eventId", delivery->event.id);
    BSON_APPEND_UTF8(&set, "aggregateId", delivery->event.aggregate_id);
    BSON_APPEND_UTF8(&set, "reason", reason);
    append_body(&set, delivery);
    append_headers(&set, delivery->message);
    BSON_APPEND_DATE_TIME(&set, "eventAt", delivery->event.at_ms);
    BSON_APPEND_UTF8(&set, "traceparent", delivery->event.traceparent);
    BSON_APPEND_INT64(&set, "deliveries", (int64_t)delivery->times);
    BSON_APPEND_DATE_TIME(&set, "at", instant_now());
    BSON_APPEND_INT64(&set, "replays", 0);
    bson_append_document_end(update, &set);
    r = store_modify(bus->store, COLLECTION, filter, update, /* fields= */ NULL, STORE_UPSERT,
                     /* ret_index= */ NULL, /* ret_document= */ NULL);
    if (r != 0)
        return r;
    metric_add(bus->parked, 1);
    log_event(LOG_WARNING, "event parked", "letter=%s event=%s reason=%s", id, delivery->event.id,
              log_quote(reason, quoted, sizeof(quoted)));
    return 0;
}

/* Letters that are being handled again. */
struct retry {
    struct bus *bus;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t under_way, done, failed;
};

/* A letter under way: the delivery's context. */
struct letter {
    struct retry *retry;
    char id[96];
};

static int letter_failed(struct bus *bus, const struct letter *letter,
                         const struct bus_delivery *delivery, int result)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(letter->id));
    cleanup(bson_freep) bson_t *update = NULL;
    char reason[REASON_MAX_BYTES];

    write_reason(delivery, result, reason, sizeof(reason));
    update = BCON_NEW("$set", "{", "reason", BCON_UTF8(reason), "}", "$inc", "{", "replays",
                      BCON_INT64(1), "}");
    return store_update(bus->store, COLLECTION, filter, update, /* many= */ false, NULL);
}

/* The result of a letter's new chance. On a worker. */
static void settle_letter(struct bus *bus, struct bus_delivery *delivery, int result)
{
    struct letter *letter = delivery->context;
    struct retry *retry = letter->retry;
    int r;

    if (result == 0) {
        cleanup(bson_freep) bson_t *filter = BCON_NEW("_id", BCON_UTF8(letter->id));

        r = store_remove(bus->store, COLLECTION, filter, NULL);
    } else {
        r = letter_failed(bus, letter, delivery, result);
    }
    pthread_mutex_lock(&retry->lock);
    retry->under_way--;
    if (result == 0 && r == 0)
        retry->done++;
    else
        retry->failed++;
    pthread_cond_signal(&retry->changed);
    pthread_mutex_unlock(&retry->lock);
    free(letter);
    bus_delivery_free(delivery);
}

/* The body of a letter, as text or as binary. */
static const char *letter_body(const bson_t *document, size_t *ret_length)
{
    bson_iter_t at;
    uint32_t length = 0;

    *ret_length = 0;
    if (!bson_iter_init_find(&at, document, "body"))
        return "";
    if (BSON_ITER_HOLDS_BINARY(&at)) {
        const uint8_t *data = NULL;

        bson_iter_binary(&at, NULL, &length, &data);
        *ret_length = length;
        return (const char *)data;
    }
    if (BSON_ITER_HOLDS_UTF8(&at)) {
        const char *text = bson_iter_utf8(&at, &length);

        *ret_length = length;
        return text;
    }
    return "";
}

static struct bus_delivery *letter_delivery(struct bus *bus, const bson_t *document)
{
    struct bus_delivery *delivery = xcalloc(1, sizeof(*delivery));
    const char *subject = store_read_text(document, "subject", "");
    size_t length;
    const char *body = letter_body(document, &length);

    delivery->settle = settle_letter;
    if (event_decode(subject, body, length, &delivery->event, &delivery->reason) == 0) {
        delivery->listener = bus_listener(bus, delivery->event.type);
        delivery->event.at_ms = store_read_instant(document, "eventAt", instant_now());
        text_copy(delivery->event.traceparent, sizeof(delivery->event.traceparent),
                  store_read_text(document, "traceparent", ""));
        if (delivery->listener == NULL)
            delivery->reason = "this service does not listen to it";
    }
    return delivery;
}

static int retry_letter(void *context, const bson_t *document)
{
    struct retry *retry = context;
    struct bus_delivery *delivery = letter_delivery(retry->bus, document);
    struct letter *letter = xcalloc(1, sizeof(*letter));

    letter->retry = retry;
    text_copy(letter->id, sizeof(letter->id), store_read_text(document, "_id", ""));
    delivery->context = letter;
    pthread_mutex_lock(&retry->lock);
    while (retry->under_way >= RETRIES_UNDER_WAY_MAX)
        pthread_cond_wait(&retry->changed, &retry->lock);
    retry->under_way++;
    pthread_mutex_unlock(&retry->lock);
    if (bus_enqueue(retry->bus, delivery))
        return 0;
    pthread_mutex_lock(&retry->lock);
    retry->under_way--;
    pthread_mutex_unlock(&retry->lock);
    free(letter);
    bus_delivery_free(delivery);
    return -EAGAIN;
}

int bus_retry_dead(struct bus *bus, const char *id, int64_t *ret_done, int64_t *ret_failed)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    struct retry retry = {.bus = bus};
    int r;

    if (id != NULL)
        BSON_APPEND_UTF8(filter, "_id", id);
    pthread_mutex_init(&retry.lock, NULL);
    bus_cond_init(&retry.changed);
    r = store_each_of_all(bus->store, COLLECTION, filter, retry_letter, &retry);
    pthread_mutex_lock(&retry.lock);
    while (retry.under_way > 0) /* the workers settle whatever was queued, also when they stop */
        pthread_cond_wait(&retry.changed, &retry.lock);
    pthread_mutex_unlock(&retry.lock);
    pthread_mutex_destroy(&retry.lock);
    pthread_cond_destroy(&retry.changed);
    if (r != 0)
        return r;
    if (id != NULL && retry.done + retry.failed == 0)
        return NOT_FOUND;
    *ret_done = retry.done;
    *ret_failed = retry.failed;
    return 0;
}
