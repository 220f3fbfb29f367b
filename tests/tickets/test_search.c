/*
 * The list: its orders, its words and its pages, on a real store.
 */
#include "common/service.h"
#include "tests/support/support.h"
#include "tickets/search.h"
#include "tickets/ticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELLER "aaaaaaaaaaaaaaaaaaaaaaaa"

/* Insert as ticket_insert does, but for the event, which no list looks at. */
static void given_listed(const char *title, int64_t price_cents, int64_t created_at_ms)
{
    cleanup(bson_freep) bson_t *document = bson_new();
    char id[ID_BYTES];

    store_new_id(id);
    store_append_id(document, "_id", id);
    BSON_APPEND_UTF8(document, "title", title);
    search_append_keys(document, title);
    BSON_APPEND_INT64(document, "priceCents", price_cents);
    store_append_id(document, "userId", SELLER);
    BSON_APPEND_UTF8(document, "status", "available");
    BSON_APPEND_DATE_TIME(document, "createdAt", created_at_ms);
    BSON_APPEND_INT64(document, "version", 0);
    cr_assert_eq(store_insert(given_store(), TICKETS, document, NULL), 0);
}

static void collect_title(void *context, const struct ticket *ticket)
{
    write_format(context, "%s,", ticket->state.title);
}

/* The titles of a page, each with a comma; *ret_next as of search_run. */
static const char *titles(const struct search *search, char **ret_next)
{
    static char text[4096];
    cleanup(writer_release) struct writer out = {0};
    char *next = NULL;

    writer_init(&out);
    cr_assert_eq(search_run(given_store(), search, collect_title, &out, &next), 0);
    snprintf(text, sizeof(text), "%s", writer_text(&out));
    if (ret_next)
        *ret_next = next;
    else
        free(next);
    return text;
}

static const char *found(const char *words)
{
    return titles(&(struct search){.sort = SEARCH_TITLE, .words = words, .limit = 100}, NULL);
}

Test(search, each_sort_has_its_order)
{
    given_listed("b", 300, 1);
    given_listed("C", 100, 2);
    given_listed("á", 200, 3);

    cr_assert_str_eq(titles(&(struct search){.sort = SEARCH_NEWEST, .limit = 9}, NULL), "á,C,b,");
    cr_assert_str_eq(titles(&(struct search){.sort = SEARCH_PRICE_UP, .limit = 9}, NULL), "C,á,b,");
    cr_assert_str_eq(titles(&(struct search){.sort = SEARCH_PRICE_DOWN, .limit = 9}, NULL),
                     "b,á,C,");
    cr_assert_str_eq(titles(&(struct search){.sort = SEARCH_TITLE, .limit = 9}, NULL), "á,b,C,");
}

Test(search, sorts_are_named_as_in_the_contract)
{
    cr_assert_eq(search_sort_parse(NULL), SEARCH_NEWEST);
    cr_assert_eq(search_sort_parse("newest"), SEARCH_NEWEST);
    cr_assert_eq(search_sort_parse("price"), SEARCH_PRICE_UP);
    cr_assert_eq(search_sort_parse("-price"), SEARCH_PRICE_DOWN);
    cr_assert_eq(search_sort_parse("title"), SEARCH_TITLE);
    cr_assert_eq(search_sort_parse(""), SEARCH_SORT_COUNT);
    cr_assert_eq(search_sort_parse("Price"), SEARCH_SORT_COUNT);
}

/* Many of one key, so that the id has to tell them apart. */
Test(search, pages_show_each_ticket_once_in_every_sort)
{
    for (int i = 0; i < 23; i++) {
        char title[16];

        snprintf(title, sizeof(title), "t%d", i / 5);
        given_listed(title, 100 * (i / 7 + 1), 1000 + i / 4);
    }
    for (int sort = 0; sort < SEARCH_SORT_COUNT; sort++) {
        struct search search = {.sort = (enum search_sort)sort, .limit = 5};
        cleanup(writer_release) struct writer all = {0};
        char *after = NULL, *next = NULL;
        int pages = 0;
        const char *whole;

        writer_init(&all);
        do {
            search.after = after;
            write_format(&all, "%s", titles(&search, &next));
            free(after);
            after = next;
            pages++;
        } while (after);
        cr_assert_eq(pages, 5, "sort %d", sort);
        whole = titles(&(struct search){.sort = (enum search_sort)sort, .limit = 100}, NULL);
        cr_assert_str_eq(writer_text(&all), whole, "sort %d", sort);
    }
}

Test(search, a_full_last_page_has_no_next)
{
    char *next = NULL;

    given_listed("a", 100, 1);
    given_listed("b", 100, 2);
    titles(&(struct search){.sort = SEARCH_NEWEST, .limit = 2}, &next);
    cr_assert_null(next);
}

Test(search, a_cursor_holds_while_tickets_come_and_go)
{
    char *next = NULL;

    given_listed("one", 100, 1);
    given_listed("two", 100, 2);
    given_listed("three", 100, 3);
    cr_assert_str_eq(titles(&(struct search){.sort = SEARCH_NEWEST, .limit = 2}, &next),
                     "three,two,");
    given_listed("four", 100, 4);
    cr_assert_str_eq(
        titles(&(struct search){.sort = SEARCH_NEWEST, .limit = 2, .after = next}, NULL), "one,");
    free(next);
}

Test(search, nonsense_and_another_sorts_cursor_are_refused)
{
    static const char *const nonsense[] = {
        "", "x", "%%%", "AAAA", "bmV3ZXN0", "bmV3ZXN0Og", "bmV3ZXN0OnhhOjE"};
    char *next = NULL, *none = NULL;

    given_listed("a", 100, 1);
    given_listed("b", 100, 2);
    for (size_t i = 0; i < ARRAY_LENGTH(nonsense); i++) {
        struct search search = {.sort = SEARCH_NEWEST, .limit = 1, .after = nonsense[i]};

        cr_assert_eq(search_run(given_store(), &search, collect_title, NULL, &none), INVALID,
                     "\"%s\"", nonsense[i]);
    }
    titles(&(struct search){.sort = SEARCH_PRICE_UP, .limit = 1}, &next);
    cr_assert_not_null(next);
    cr_assert_eq(search_run(given_store(),
                            &(struct search){.sort = SEARCH_NEWEST, .limit = 1, .after = next},
                            collect_title, NULL, &none),
                 INVALID);
    free(next);
}

Test(search, every_word_begins_a_word_of_the_title)
{
    given_listed("Björk in Reykjavík", 100, 1);
    given_listed("Rock am Ring – Sunday", 100, 2);
    given_listed("AC/DC: Rock or Bust", 100, 3);

    cr_assert_str_eq(found("bjork"), "Björk in Reykjavík,");
    cr_assert_str_eq(found("REYK BJÖ"), "Björk in Reykjavík,");
    cr_assert_str_eq(found("rock"), "AC/DC: Rock or Bust,Rock am Ring – Sunday,");
    cr_assert_str_eq(found("rock ring"), "Rock am Ring – Sunday,");
    cr_assert_str_eq(found("sun"), "Rock am Ring – Sunday,");
    cr_assert_str_eq(found("ac/dc"), "AC/DC: Rock or Bust,");
    cr_assert_str_eq(found("ock"), "");
    cr_assert_str_eq(found("rock opera"), "");
}

Test(search, of_many_words_none_is_passed_over)
{
    cleanup(writer_release) struct writer many = {0};

    given_listed("a b c d e f g h i j k", 100, 1);
    given_listed("a b c d e f g h i j", 100, 2);
    cr_assert_str_eq(found("a b c d e f g h i j k"), "a b c d e f g h i j k,");
    cr_assert_str_eq(found("k a a a a a a a a a a a a"), "a b c d e f g h i j k,");

    writer_init(&many);
    for (int i = 0; i < 2 * SEARCH_WORDS_MAX; i++)
        write_format(&many, "a ");
    cr_assert_str_eq(found(writer_text(&many)), "a b c d e f g h i j,a b c d e f g h i j k,");
    for (int i = 0; i < 2 * SEARCH_WORDS_MAX; i++)
        write_format(&many, "%d%c ", i, 'a' + i % 26);
    cr_assert_str_eq(found(writer_text(&many)), "", "more than a title has room for");
}

Test(search, what_an_expression_would_read_is_only_text)
{
    given_listed("Plain", 100, 1);

    cr_assert_str_eq(found(".*"), "Plain,"); /* no word at all: all */
    cr_assert_str_eq(found("p.*n"), "");     /* "p" is there, "n" begins nothing */
    cr_assert_str_eq(found("[a-z]x"), "");
    cr_assert_str_eq(found("^pl$"), "Plain,");
    cr_assert_str_eq(found("p{1,}"), "");
    cr_assert_str_eq(found("\\"), "Plain,");
}

Test(search, only_available_tickets_are_listed)
{
    cleanup(bson_freep) bson_t *filter = BCON_NEW("title", "gone");
    cleanup(bson_freep) bson_t *update = BCON_NEW("$set", "{", "status", "sold", "}");

    given_listed("gone", 100, 1);
    given_listed("here", 100, 2);
    cr_assert_eq(store_update(given_store(), TICKETS, filter, update, false, NULL), 0);
    cr_assert_str_eq(titles(&(struct search){.sort = SEARCH_NEWEST, .limit = 9}, NULL), "here,");
}
