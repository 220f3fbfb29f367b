/*
 * What was said by an earlier release (tests/prove/events-v1) is understood by this one, and what
 * this one says can be read by that: an event that is decoded and encoded again has every member it
 * came with, unchanged. A member that a later release adds does not disturb.
 */
#include "common/event.h"

#include "common/fail.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "tests/prove/events-v1"

static int is_event(const struct dirent *entry)
{
    return strstr(entry->d_name, ".json") != NULL;
}

static bool decodes(const char *subject, const json_t *body, struct event *ret_event,
                    const char **ret_reason)
{
    char *text = json_dumps(body, JSON_COMPACT);
    int r = event_decode(subject, text, strlen(text), ret_event, ret_reason);

    free(text);
    return r == 0;
}

static json_t *encoded(const struct event *event)
{
    cleanup(writer_release) struct writer out = {0};
    json_t *json;

    event_encode(event, &out);
    json = json_loads(writer_text(&out), 0, NULL);
    cr_assert_not_null(json, "%s", writer_text(&out));
    return json;
}

/* All that is in `said` is in `again`, and the same. */
static void expect_kept(const char *file, const json_t *said, const json_t *again)
{
    const json_t *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)said, name, value)
    {
        cr_expect(json_equal(value, json_object_get(again, name)), "%s: %s is another", file, name);
    }
}

/* The event's members as a later release may say them, with some that this one does not know. */
static void add_unknown(json_t *body)
{
    json_t *ticket = json_object_get(body, "ticket");

    json_object_set_new(body, "seats", json_pack("[{s:i, s:[s, n]}]", "row", 5, "of", "x"));
    if (ticket)
        json_object_set_new(ticket, "venue", json_string("Opera"));
}

static enum event_type check_file(const char *file)
{
    char path[512];
    struct event event, later;
    const char *subject, *reason = "";
    json_t *recorded, *body, *again, *same;

    snprintf(path, sizeof(path), FOLDER "/%s", file);
    recorded = json_load_file(path, 0, NULL);
    subject = json_string_value(json_object_get(recorded, "subject"));
    body = json_object_get(recorded, "body");
    cr_assert(subject && json_is_object(body), "%s holds no event", file);

    cr_assert(decodes(subject, body, &event, &reason), "%s: %s", file, reason);
    cr_expect_str_eq(event.id, json_string_value(json_object_get(
                                   json_object_get(recorded, "headers"), "Nats-Msg-Id")));
    again = encoded(&event);
    expect_kept(file, body, again);

    add_unknown(body);
    cr_assert(decodes(subject, body, &later, &reason), "%s, with more members: %s", file, reason);
    same = encoded(&later);
    cr_expect(json_equal(again, same), "%s: what is unknown changes what is known", file);
    json_decref(same);
    json_decref(again);
    json_decref(recorded);
    return event.type;
}

Test(event_corpus, what_an_earlier_release_said_is_understood_and_said_alike)
{
    bool seen[EVENT_TYPE_COUNT] = {false};
    struct dirent **entries;
    int count = scandir(FOLDER, &entries, is_event, alphasort);

    cr_assert_gt(count, 0, "no events in %s", FOLDER);
    for (int i = 0; i < count; i++) {
        seen[check_file(entries[i]->d_name)] = true;
        free(entries[i]);
    }
    free(entries);
    for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++)
        cr_expect(seen[type], "%s was never recorded", event_info(type)->subject);
}
