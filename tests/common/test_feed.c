/*
 * The ring and its cursors: what is sent, in which order, and when it cannot be known.
 */
#include "common/feed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define A    "aaaaaaaaaaaaaaaaaaaaaaaa"
#define B    "bbbbbbbbbbbbbbbbbbbbbbbb"
#define C    "cccccccccccccccccccccccc"
#define SIZE 8

struct app {
    int written; /* calls of the source's write */
    int result;  /* what it gives */
};

static int write_thing(struct app *app, const struct event *event, struct writer *out)
{
    app->written++;
    write_format(out, "%s", event->ticket.title);
    return app->result;
}

static const struct feed_source eager = {.name = "thing", .write = write_thing};
static const struct feed_source lazy = {
    .name = "thing", .write = write_thing, .awaited_only = true};

/* Say that `id` is now `data`, as event `sequence`. */
static void say(struct feed *feed, uint64_t sequence, const char *id, const char *data)
{
    struct event event;

    event_init(&event, EVENT_TICKET_UPDATED, id, (int64_t)sequence);
    text_copy(event.ticket.title, sizeof(event.ticket.title), data);
    feed_add(feed, &event, sequence);
}

static struct feed_cursor *open_at(struct feed *feed, const char *last_event_id)
{
    return feed_cursor_new(feed, &(struct feed_opening){.last_event_id = last_event_id});
}

static struct feed_cursor *open_for(struct feed *feed, const char *id, const char *last_event_id)
{
    char ids[1][ID_BYTES];

    text_copy(ids[0], ID_BYTES, id);
    return feed_cursor_new(
        feed, &(struct feed_opening){.ids = ids[0], .id_count = 1, .last_event_id = last_event_id});
}

/* The next text is exactly this; NULL: there is none. */
static void expect(struct feed_cursor *cursor, const char *expected)
{
    struct feed_text *text;

    cr_assert_eq(feed_cursor_has_next(cursor), expected != NULL);
    text = feed_cursor_next(cursor);
    if (expected == NULL) {
        cr_assert_null(text);
        return;
    }
    cr_assert_not_null(text, "nothing, not %s", expected);
    cr_assert_eq(text->length, strlen(expected), "%.*s, not %s", (int)text->length, text->bytes,
                 expected);
    cr_assert_eq(memcmp(text->bytes, expected, text->length), 0, "%.*s, not %s", (int)text->length,
                 text->bytes, expected);
    feed_text_drop(text);
}

static void expect_heartbeat(struct feed_cursor *cursor, const char *expected)
{
    struct feed_text *text = feed_cursor_heartbeat(cursor);

    cr_assert_eq(text->length, strlen(expected));
    cr_assert_eq(memcmp(text->bytes, expected, text->length), 0);
    feed_text_drop(text);
}

static struct app app;

static struct feed *given_feed(const struct feed_source *source)
{
    struct feed *feed = feed_new(source, &app, SIZE, NULL);

    app = (struct app){0};
    feed_begin(feed, 11);
    return feed;
}

Test(feed, a_stream_begins_with_where_it_is_and_goes_on_in_order)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor;

    say(feed, 11, A, "before");
    cursor = open_at(feed, NULL);
    expect(cursor, "retry: 2000\nid: 11\n\n");
    expect(cursor, NULL);
    say(feed, 12, A, "one");
    say(feed, 14, B, "two"); /* 13 could not be decoded */
    expect(cursor, "id: 12\nevent: thing\ndata: one\n\n");
    expect(cursor, "id: 14\nevent: thing\ndata: two\n\n");
    expect(cursor, NULL);
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, an_event_before_the_first_read_is_not_missed)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor = open_at(feed, NULL);

    say(feed, 11, A, "one");
    expect(cursor, "retry: 2000\nid: 10\n\n");
    expect(cursor, "id: 11\nevent: thing\ndata: one\n\n");
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, every_event_is_told_also_where_the_ring_begins_anew)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor = open_at(feed, NULL);
    char expected[64];

    expect(cursor, "retry: 2000\nid: 10\n\n");
    for (int i = 11; i < 11 + 3 * SIZE; i += 2) { /* two at a time, to meet the end in each way */
        say(feed, (uint64_t)i, A, "x");
        say(feed, (uint64_t)i + 1, A, "x");
        for (int told = i; told < i + 2; told++) {
            snprintf(expected, sizeof(expected), "id: %d\nevent: thing\ndata: x\n\n", told);
            expect(cursor, expected);
        }
        expect(cursor, NULL);
    }
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, line_breaks_stay_within_their_event_and_long_data_is_whole)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor = open_at(feed, NULL);
    char longest[TITLE_BYTES], expected[TITLE_BYTES + 64];

    expect(cursor, "retry: 2000\nid: 10\n\n");
    say(feed, 11, A, "a\n\nb\n");
    expect(cursor, "id: 11\nevent: thing\ndata: a\ndata: \ndata: b\ndata: \n\n");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    say(feed, 12, A, longest);
    snprintf(expected, sizeof(expected), "id: 12\nevent: thing\ndata: %s\n\n", longest);
    expect(cursor, expected);
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, a_cursor_hears_of_its_ids_alone)
{
    static const char ids[2][ID_BYTES] = {C, A};
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor =
        feed_cursor_new(feed, &(struct feed_opening){.ids = ids[0], .id_count = 2});

    expect(cursor, "retry: 2000\nid: 10\n\n");
    say(feed, 11, B, "not this");
    expect(cursor, NULL);
    say(feed, 12, C, "this");
    say(feed, 13, B, "not this");
    say(feed, 14, A, "and this");
    expect(cursor, "id: 12\nevent: thing\ndata: this\n\n");
    expect(cursor, "id: 14\nevent: thing\ndata: and this\n\n");
    expect(cursor, NULL);
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, who_goes_on_hears_exactly_what_it_missed)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor;

    for (uint64_t i = 11; i <= 14; i++)
        say(feed, i, A, "x");
    cursor = open_at(feed, "12");
    expect(cursor, "retry: 2000\nid: 12\n\n");
    expect(cursor, "id: 13\nevent: thing\ndata: x\n\n");
    expect(cursor, "id: 14\nevent: thing\ndata: x\n\n");
    expect(cursor, NULL);
    feed_cursor_free(cursor);

    cursor = open_at(feed, "10"); /* the beginning: all is there */
    expect(cursor, "retry: 2000\nid: 10\n\n");
    expect(cursor, "id: 11\nevent: thing\ndata: x\n\n");
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, what_the_ring_cannot_tell_is_a_reset)
{
    static const char *const names[] = {
        "9", "15", "0", "", "x", "-1", " 12", "12x", "+12", "18446744073709551616", "12 "};
    struct feed *feed = given_feed(&eager);

    for (uint64_t i = 11; i <= 14; i++)
        say(feed, i, A, "x");
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct feed_cursor *cursor = open_at(feed, names[i]);

        expect(cursor, "retry: 2000\nid: 14\nevent: reset\ndata: {}\n\n");
        expect(cursor, NULL);
        feed_cursor_free(cursor);
    }
    for (uint64_t i = 15; i <= 22; i++)
        say(feed, i, A, "x"); /* 15 … 22 are there: 14 may be, or not, and 15 is good */
    for (int name = 13; name <= 15; name++) {
        char text[16];
        struct feed_cursor *cursor;

        snprintf(text, sizeof(text), "%d", name);
        cursor = open_at(feed, text);
        expect(cursor, name == 15 ? "retry: 2000\nid: 15\n\n"
                                  : "retry: 2000\nid: 22\nevent: reset\ndata: {}\n\n");
        feed_cursor_free(cursor);
    }
    feed_free(feed);
}

Test(feed, who_falls_behind_the_ring_is_reset_and_goes_on)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *slow = open_at(feed, NULL);

    expect(slow, "retry: 2000\nid: 10\n\n");
    for (uint64_t i = 11; i < 11 + SIZE; i++)
        say(feed, i, A, "x"); /* as much as there is room for */
    expect(slow, "id: 11\nevent: thing\ndata: x\n\n");
    say(feed, 19, A, "x");
    say(feed, 20, A, "x");
    expect(slow, "id: 20\nevent: reset\ndata: {}\n\n");
    say(feed, 21, A, "x");
    expect(slow, "id: 21\nevent: thing\ndata: x\n\n");
    expect(slow, NULL);
    feed_cursor_free(slow);
    feed_free(feed);
}

Test(feed, what_is_being_sent_outlives_the_ring)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor = open_at(feed, "10");
    struct feed_text *text;

    say(feed, 11, A, "x");
    expect(cursor, "retry: 2000\nid: 10\n\n");
    text = feed_cursor_next(cursor);
    for (uint64_t i = 12; i < 12 + 2 * SIZE; i++)
        say(feed, i, A, "y");
    cr_assert_eq(memcmp(text->bytes, "id: 11\n", 7), 0);
    feed_text_drop(text);
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, a_loss_resets_everybody_wherever_they_were)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *at_end = open_at(feed, NULL), *behind = open_for(feed, A, NULL), *later;

    expect(at_end, "retry: 2000\nid: 10\n\n");
    expect(behind, "retry: 2000\nid: 10\n\n");
    say(feed, 11, A, "x");
    expect(at_end, "id: 11\nevent: thing\ndata: x\n\n");
    feed_begin(feed, 3); /* another stream, which begins anew */
    expect(at_end, "id: 2\nevent: reset\ndata: {}\n\n");
    say(feed, 3, B, "y");
    expect(behind, "id: 3\nevent: reset\ndata: {}\n\n");
    expect(behind, NULL);
    expect(at_end, "id: 3\nevent: thing\ndata: y\n\n");
    later = open_at(feed, "11");
    expect(later, "retry: 2000\nid: 3\nevent: reset\ndata: {}\n\n");
    feed_cursor_free(later);
    feed_cursor_free(at_end);
    feed_cursor_free(behind);
    feed_free(feed);
}

Test(feed, before_its_stream_was_read_it_knows_nothing)
{
    struct feed *feed = feed_new(&eager, &app, SIZE, NULL);
    struct feed_cursor *fresh = open_at(feed, NULL), *back = open_at(feed, "5");

    expect(fresh, "retry: 2000\nid: 0\n\n");
    expect(back, "retry: 2000\nid: 0\nevent: reset\ndata: {}\n\n");
    expect(fresh, NULL);
    feed_begin(feed, 4);
    expect(fresh, "id: 3\nevent: reset\ndata: {}\n\n");
    expect(back, "id: 3\nevent: reset\ndata: {}\n\n");
    feed_cursor_free(fresh);
    feed_cursor_free(back);
    feed_free(feed);
}

Test(feed, a_heartbeat_moves_a_quiet_client_on)
{
    struct feed *feed = given_feed(&eager);
    struct feed_cursor *cursor = open_for(feed, A, NULL);

    expect(cursor, "retry: 2000\nid: 10\n\n");
    expect_heartbeat(cursor, ":\n\n");
    say(feed, 11, B, "x");
    say(feed, 12, B, "x");
    expect(cursor, NULL);
    expect_heartbeat(cursor, ":\nid: 12\n\n");
    expect_heartbeat(cursor, ":\n\n");
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, a_costly_source_is_asked_only_where_somebody_listens)
{
    struct feed *feed = given_feed(&lazy);
    struct feed_cursor *cursor;

    say(feed, 11, A, "nobody");
    cr_assert_eq(app.written, 0);
    cursor = open_for(feed, A, NULL);
    say(feed, 12, B, "nobody");
    cr_assert_eq(app.written, 0);
    say(feed, 13, A, "you");
    cr_assert_eq(app.written, 1);
    expect(cursor, "retry: 2000\nid: 11\n\n");
    expect(cursor, "id: 13\nevent: thing\ndata: you\n\n");
    expect(cursor, NULL);
    app.result = -EAGAIN;
    say(feed, 14, A, "cannot be told");
    expect(cursor, "id: 14\nevent: reset\ndata: {}\n\n");
    feed_cursor_free(cursor);
    feed_free(feed);
}

Test(feed, a_stream_may_begin_with_the_current_state)
{
    struct feed *feed = given_feed(&lazy);
    struct feed_cursor *cursor;

    say(feed, 11, A, "x");
    say(feed, 12, B, "x");
    cursor = open_for(feed, A, "11");
    cr_assert(feed_cursor_is_current(cursor)); /* only another's has happened since */
    feed_cursor_free(cursor);

    cursor = open_for(feed, A, NULL);
    cr_assert_not(feed_cursor_is_current(cursor));
    feed_cursor_free(cursor);

    cursor = open_for(feed, A, "10");
    cr_assert_not(feed_cursor_is_current(cursor));
    say(feed, 13, A, "y");
    feed_cursor_begin_with(cursor, "now");
    expect(cursor, "retry: 2000\nid: 12\nevent: thing\ndata: now\n\n");
    expect(cursor, "id: 13\nevent: thing\ndata: y\n\n");
    feed_cursor_free(cursor);
    feed_free(feed);
}

/* ---- threads ---- */

#define MANY    20000
#define READERS 4

static void *add_many(void *context)
{
    for (uint64_t i = 11; i < 11 + MANY; i++)
        say(context, i, i % 2 == 0 ? A : B, "x");
    return NULL;
}

/* Reads to the last event: sequences rise, and what is left out was told by a reset. */
static void *read_many(void *context)
{
    struct feed_cursor *cursor = open_for(context, A, NULL);
    unsigned long long last = 0, sequence = 0;

    while (sequence < 11 + MANY - 1) {
        struct feed_text *text = feed_cursor_next(cursor);
        char line[128] = "";
        bool reset;

        if (text == NULL)
            continue;
        cr_assert_lt(text->length, sizeof(line));
        memcpy(line, text->bytes, text->length);
        if (strncmp(line, "retry", 5) == 0) {
            cr_assert_eq(sscanf(line, "retry: 2000\nid: %llu", &sequence), 1);
        } else {
            reset = strstr(line, "\nevent: reset") != NULL;
            cr_assert_eq(sscanf(line, "id: %llu", &sequence), 1);
            cr_assert(sequence > last || (reset && sequence >= last));
            cr_assert(reset || sequence <= last + 2);
        }
        last = sequence;
        feed_text_drop(text);
    }
    feed_cursor_free(cursor);
    return NULL;
}

Test(feed, many_may_read_while_it_is_added_to)
{
    struct feed *feed = given_feed(&eager);
    pthread_t adder, readers[READERS];

    for (int i = 0; i < READERS; i++)
        cr_assert_eq(pthread_create(&readers[i], NULL, read_many, feed), 0);
    cr_assert_eq(pthread_create(&adder, NULL, add_many, feed), 0);
    pthread_join(adder, NULL);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    feed_free(feed);
}
