/*
 * The history: one line of JSON for each thing that anybody did, written when its answer was there,
 * and at the end one for each order that exists. tests/prove/linearize reads it and judges whether
 * the answers fit one ticket that is free, held or sold, one after the other.
 *
 * What was answered with success is kept in memory besides, to be looked for when all is over.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"
#include "tests/support/audit.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct history {
    FILE *file;
    pthread_mutex_t lock; /* of `acknowledged` */
    json_t *acknowledged; /* {what: {id: version}} */
};

static const char *const results[] = {"ok", "refused", "none", "unknown"};

struct history *history_open(const char *path)
{
    struct history *history = xcalloc(1, sizeof(*history));

    pthread_mutex_init(&history->lock, NULL);
    history->acknowledged = json_object();
    history->file = fopen(path, "we");
    cr_assert_not_null(history->file, "cannot write %s", path);
    return history;
}

struct history *history_close(struct history *history)
{
    if (history == NULL)
        return NULL;
    fclose(history->file);
    json_decref(history->acknowledged);
    pthread_mutex_destroy(&history->lock);
    free(history);
    return NULL;
}

static void acknowledge(struct history *history, const struct deed *deed)
{
    const char *id = deed->ticket;
    json_t *group;

    if (strcmp(deed->what, "look") == 0)
        return;
    if (strcmp(deed->what, "reserve") == 0 || strcmp(deed->what, "cancel") == 0)
        id = deed->order;
    else if (strcmp(deed->what, "pay") == 0)
        id = deed->payment;
    else if (strcmp(deed->what, "signup") == 0)
        id = deed->user;

    pthread_mutex_lock(&history->lock);
    group = json_object_get(history->acknowledged, deed->what);
    if (!group) {
        group = json_object();
        json_object_set_new(history->acknowledged, deed->what, group);
    }
    json_object_set_new(group, id, json_integer(deed->version));
    pthread_mutex_unlock(&history->lock);
}

void history_add(struct history *history, const struct deed *deed)
{
    fprintf(history->file,
            "{\"op\":\"%s\",\"who\":%d,\"ticket\":\"%s\",\"order\":\"%s\",\"from\":%" PRId64
            ",\"to\":%" PRId64
            ",\"result\":\"%s\",\"status\":%d,\"seen\":\"%s\",\"expires\":%" PRId64 "}\n",
            deed->what, deed->who, deed->ticket ? deed->ticket : "", deed->order ? deed->order : "",
            deed->from_us, deed->to_us, results[deed->result], deed->status,
            deed->seen ? deed->seen : "", deed->expires_us);
    if (deed->result == RESULT_OK)
        acknowledge(history, deed);
}

const char *document_text(const json_t *document, const char *member)
{
    const char *value = json_string_value(json_object_get(document, member));

    return value ? value : "";
}

const char *document_id(const json_t *document, const char *member)
{
    return document_text(json_object_get(document, member), "$oid");
}

const json_t *order_last_step(const json_t *order)
{
    const json_t *steps = json_object_get(order, "history");

    return json_array_get(steps, json_array_size(steps) - 1);
}

/* When it happened, on the clock of the other lines. */
static int64_t happened_us(const json_t *document, const char *member)
{
    int64_t at_ms = 0;

    if (instant_parse(document_text(json_object_get(document, member), "$date"), &at_ms) != 0)
        return -1;
    return at_ms * 1000 - (instant_now() * 1000 - instant_monotonic_us());
}

static void add_found_orders(struct history *history, const json_t *orders)
{
    json_t *order;
    const char *id;

    json_object_foreach((json_t *)(uintptr_t)orders, id, order)
    {
        const json_t *last = order_last_step(order);

        fprintf(history->file,
                "{\"op\":\"found\",\"who\":%d,\"ticket\":\"%s\",\"order\":\"%s\",\"from\":%" PRId64
                ",\"to\":%" PRId64 ",\"seen\":\"%s\",\"cause\":\"%s\"}\n",
                guest_number(document_id(order, "userId")), document_id(order, "ticketId"), id,
                happened_us(order, "createdAt"), happened_us(last, "at"),
                document_text(order, "status"), document_text(last, "cause"));
    }
    fflush(history->file);
}

/* What an answer of success left behind, or NULL where that is not there. */
struct proof {
    const char *what, *service, *collection;
    const char *statuses; /* one of these, in blanks; "" where it has none */
};

static const struct proof proofs[] = {
    {"signup", "auth", "users", ""},
    {"list", "tickets", "tickets", " available reserved sold withdrawn "},
    {"edit", "tickets", "tickets", " available reserved sold withdrawn "},
    {"withdraw", "tickets", "tickets", " withdrawn sold "}, /* a payment may have been begun */
    {"reserve", "orders", "orders", " created awaiting:payment cancelled complete "},
    {"cancel", "orders", "orders", " cancelled "},
    {"pay", "payments", "payments", " captured voided refunded failed "},
};

static bool is_there(const struct proof *proof, const json_t *document, json_int_t version)
{
    char status[32];

    snprintf(status, sizeof(status), " %s ", document_text(document, "status"));
    return document && json_integer_value(json_object_get(document, "version")) >= version &&
           (!proof->statuses[0] || strstr(proof->statuses, status) != NULL);
}

long history_compare(struct history *history, long *ret_lost)
{
    long answers = 0;

    *ret_lost = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(proofs); i++) {
        json_t *documents = read_collection(proofs[i].service, proofs[i].collection), *version;
        const char *id;

        cr_assert_not_null(documents, "%s cannot be read", proofs[i].service);
        json_object_foreach(json_object_get(history->acknowledged, proofs[i].what), id, version)
        {
            answers++;
            if (is_there(&proofs[i], json_object_get(documents, id), json_integer_value(version)))
                continue;
            if ((*ret_lost)++ == 0)
                fprintf(stderr, "lost: %s of %s was answered with success, now it is '%s'\n",
                        proofs[i].what, id,
                        document_text(json_object_get(documents, id), "status"));
        }
        if (strcmp(proofs[i].what, "reserve") == 0)
            add_found_orders(history, documents);
        json_decref(documents);
    }
    return answers;
}
