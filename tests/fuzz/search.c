/*
 * A search: a letter for the order, then a cursor, and behind a newline the words. What a cursor is
 * read as is written again as the same cursor; words become BSON that is valid, and no expression.
 */
#include "tickets/search.c" /* for cursors and words, which only a search on a store would read */
#include "common/money.h"
#include "tests/fuzz/fuzz.h"

static void check_cursor(enum search_sort sort, const char *text)
{
    struct cursor cursor, again;
    struct ticket ticket = {.version = 0};
    cleanup(freep) char *written = NULL;
    bson_t filter = BSON_INITIALIZER;

    if (cursor_read(sort, text, &cursor) == 0) {
        append_after(&filter, sort, &cursor);
        require(bson_validate(&filter, BSON_VALIDATE_UTF8, NULL));
        text_copy(ticket.id, sizeof(ticket.id), cursor.id);
        text_copy(ticket.state.title, sizeof(ticket.state.title), cursor.title);
        ticket.created_at_ms = ticket.state.price_cents = cursor.number;
        written = cursor_write(sort, &ticket);
        require(cursor_read(sort, written, &again) == 0);
        require(strcmp(again.id, cursor.id) == 0 && again.number == cursor.number);
    }
    bson_destroy(&filter);
}

static void check_words(const char *words)
{
    bson_t filter = BSON_INITIALIZER, keys = BSON_INITIALIZER;
    cleanup(freep) char *folded = text_fold(words);
    int64_t cents;

    require(strlen(folded) <= strlen(words) && text_is_utf8(folded, strlen(folded)));
    append_words(&filter, words);
    require(bson_validate(&filter, BSON_VALIDATE_UTF8, NULL));
    search_append_keys(&keys, words);
    require(bson_validate(&keys, BSON_VALIDATE_UTF8, NULL));
    require(money_from_text(words, &cents) != MONEY_OK || cents > 0);
    bson_destroy(&filter);
    bson_destroy(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(freep) char *text = text_of(data, size);
    char *words = text;
    const char *cursor = strsep(&words, "\n");

    if (*cursor != '\0' && text_is_utf8(cursor + 1, strlen(cursor + 1)))
        check_cursor((unsigned char)*cursor % SEARCH_SORT_COUNT, cursor + 1);
    if (words != NULL && text_is_utf8(words, strlen(words))) /* as http_request.c makes sure */
        check_words(words);
    return 0;
}
