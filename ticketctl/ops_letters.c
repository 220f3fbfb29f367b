/*
 * Dead letters: listed, shown, and handled again.
 *
 * A letter's id names the message it was (stream, sequence, instant), so two services that could
 * not handle the same message have letters of one id: every question names the service, too.
 * Handling again is the service's own work, as for `ticketctl dead replay`.
 */

#include "common/input.h"
#include "common/instant.h"
#include "common/parse.h"
#include "ticketctl/letters.h"
#include "ticketctl/ops.h"

#include <stdlib.h>
#include <string.h>

#define REPLAY_MS 4000 /* below the request's deadline */
#define ID_MAX    95   /* of a letter */

#define WRONG_SERVICE "Service must be auth, tickets, orders, expiration or payments"
#define WRONG_ID      "Id must be a letter's id"

/* The service that `name` names; an absent one is wrong where it is `required`. */
static enum event_owner read_service(struct http_reply *reply, const char *name, bool required)
{
    enum event_owner owner = name != NULL ? tool_owner(name) : OWNER_COUNT;

    if (owner == OWNER_COUNT && (name != NULL || required))
        reply_error(reply, INVALID, "service", WRONG_SERVICE);
    return owner;
}

/* Send the errand, wait, and answer with the value it found, as it stands or under `key`. */
static int answer_with(struct app *app, const struct errand *wanted, const char *key,
                       struct http_reply *reply)
{
    struct errand *errand = errand_send(app->databases, wanted);
    bool done = errand_await(app->databases, errand);
    int r = done ? errand->result : -EAGAIN;

    if (r == 0) {
        const struct writer *found = &errand->parts[0];
        struct writer *out = reply_body(reply, 200);

        if (key != NULL)
            write_object_begin(out, NULL);
        write_json(out, key, writer_text(found), found->length);
        if (key != NULL)
            write_object_end(out);
    }
    errand_release(app->databases, errand);
    return r;
}

/* ---- the list ---- */

struct row {
    int64_t at_ms;
    char *json;
};

struct list {
    const char *service;
    struct row *rows;
    size_t count, capacity;
};

static int add_row(void *context, const bson_t *document)
{
    struct list *list = context;
    cleanup(writer_release) struct writer json = {0};

    if (list->count == list->capacity)
        return INVALID; /* cannot be: each service gives at most its share */
    letter_write(list->service, document, /* whole= */ false, &json);
    list->rows[list->count++] =
        (struct row){.at_ms = store_read_instant(document, "at", 0), .json = writer_take(&json)};
    return 0;
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left, *b = right;

    return a->at_ms > b->at_ms ? -1 : a->at_ms < b->at_ms;
}

static void write_rows(const struct list *list, int64_t limit, struct writer *out)
{
    write_array_begin(out, NULL);
    for (size_t i = 0; i < list->count && i < (size_t)limit; i++)
        write_json(out, NULL, list->rows[i].json, strlen(list->rows[i].json));
    write_array_end(out);
}

/* The newest of all services, or of one: the newest of each, put together. */
static int list_letters(struct app *app, struct errand *errand)
{
    struct list list = {.capacity = (size_t)errand->limit * OWNER_COUNT};
    int r = ops_ping_databases(app, errand);

    list.rows = xcalloc(list.capacity, sizeof(*list.rows));
    for (enum event_owner owner = 0; owner < OWNER_COUNT && r == 0; owner++) {
        if (errand->owner != OWNER_COUNT && errand->owner != owner)
            continue;
        list.service = event_owner_info(owner)->service;
        r = letters_each(app->tool.stores[owner], NULL, errand->limit, add_row, &list);
    }
    if (list.count > 1)
        qsort(list.rows, list.count, sizeof(*list.rows), compare_rows);
    if (r == 0)
        write_rows(&list, errand->limit, &errand->parts[0]);
    for (size_t i = 0; i < list.count; i++)
        free(list.rows[i].json);
    free(list.rows);
    return r;
}

int route_list_letters(struct app *app, const struct http_request *request,
                       struct http_reply *reply)
{
    enum event_owner owner = read_service(reply, http_query(request, "service"), false);
    struct input_page page = {0};

    input_page(request, reply, &page);
    if (reply_has_errors(reply))
        return INVALID;
    return answer_with(app,
                       &(struct errand){.run = list_letters,
                                        .owner = owner,
                                        .limit = page.limit,
                                        .deadline_ms = instant_monotonic() + OPS_ANSWER_MS},
                       "results", reply);
}

/* ---- one ---- */

static int write_whole(void *context, const bson_t *document)
{
    struct errand *errand = context;

    letter_write(event_owner_info(errand->owner)->service, document, /* whole= */ true,
                 &errand->parts[0]);
    return 0;
}

static int show_letter(struct app *app, struct errand *errand)
{
    int r = ops_ping_databases(app, errand);

    if (r == 0)
        r = letters_each(app->tool.stores[errand->owner], errand->id, 1, write_whole, errand);
    if (r == 0 && errand->parts[0].length == 0)
        return NOT_FOUND;
    return r;
}

int route_show_letter(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    enum event_owner owner = read_service(reply, http_query(request, "service"), true);
    const char *id = http_query(request, "id");
    struct errand wanted = {.run = show_letter, .owner = owner};

    if (id == NULL || *id == '\0' || !text_copy(wanted.id, sizeof(wanted.id), id))
        reply_error(reply, INVALID, "id", WRONG_ID);
    if (reply_has_errors(reply))
        return INVALID;
    wanted.deadline_ms = instant_monotonic() + OPS_ANSWER_MS;
    return answer_with(app, &wanted, /* key= */ NULL, reply);
}

/* ---- again ---- */

/* The service's answer as ours. */
static int answer_replay(const char *text, struct http_reply *reply)
{
    cleanup(json_decrefp) json_t *said = parse_object(text, strlen(text));
    const char *error = parse_member(said, "error");
    struct writer *out;

    if (strcmp(error, "not found") == 0)
        return NOT_FOUND;
    if (*error != '\0' || said == NULL)
        return -EAGAIN;
    out = reply_body(reply, 200);
    write_object_begin(out, NULL);
    write_int(out, "done", (int64_t)json_number_value(json_object_get(said, "handled")));
    write_int(out, "failed", (int64_t)json_number_value(json_object_get(said, "failed")));
    write_object_end(out);
    return 0;
}

int route_replay_letters(struct app *app, const struct http_request *request,
                         struct http_reply *reply)
{
    static const struct input_text id_rule = {
        .field = "id",
        .least = 1,
        .most = ID_MAX,
        .too_short = WRONG_ID,
        .too_long = WRONG_ID,
        .has_control = WRONG_ID,
    };
    const char *service = parse_member(request->body, "service");
    cleanup(freep) char *said = NULL;
    char id[ID_MAX * 4 + 1] = "";
    int r;

    read_service(reply, service, true);
    input_text_optional(request, reply, &id_rule, id, sizeof(id));
    if (reply_has_errors(reply))
        return INVALID;
    r = bus_ask(app->core.bus,
                &(struct bus_question){.service = service, .verb = "replay-dead", .request = id},
                REPLAY_MS, &said);
    if (r != 0)
        return -EAGAIN; /* nobody listens, or it takes longer: it goes on all the same */
    return answer_replay(said, reply);
}
