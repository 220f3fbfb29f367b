/*
 * Search: pages of tickets by keyset, never by skipping: a page costs the same wherever it is, and
 * a ticket that comes or goes in between moves no other one to another page.
 *
 * A cursor names the last ticket of a page by its sort key and its id, which tells tickets of one
 * key apart. It is base64url of "<sort>:<id>:<key>", and good for that sort only. Each sort has its
 * index, over available tickets alone; a seller's own are found by one index over all tickets, and
 * are few enough to be put into another order than its own.
 *
 * Words are found by their beginnings: a ticket keeps the folded words of its title, and each word
 * of a query is an anchored expression, which is a range of that index. Splitting leaves letters
 * and digits only, so a word holds nothing that an expression would read as anything else.
 */
#include "tickets/search.h"

#include "common/store.h"
#include "tickets/ticket.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE64       sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define CURSOR_BYTES (16 + ID_BYTES + TITLE_BYTES) /* before base64 */

/* clang-format off */
/*                           name      field         way  */
static const struct {
    const char *name, *field;
    int way;
} sorts[SEARCH_SORT_COUNT] = {
    [SEARCH_NEWEST]     = {"newest", "createdAt",  -1},
    [SEARCH_PRICE_UP]   = {"price",  "priceCents",  1},
    [SEARCH_PRICE_DOWN] = {"-price", "priceCents", -1},
    [SEARCH_TITLE]      = {"title",  "titleKey",    1},
};
/* clang-format on */

struct cursor {
    char id[ID_BYTES];
    int64_t number;          /* newest, price */
    char title[TITLE_BYTES]; /* title, folded: folding makes no text longer */
};

enum search_sort search_sort_parse(const char *name)
{
    enum search_sort sort = SEARCH_NEWEST;

    if (!name)
        return SEARCH_NEWEST;
    while (sort < SEARCH_SORT_COUNT && strcmp(sorts[sort].name, name) != 0)
        sort++;
    return sort;
}

/* How many bytes at `text` are no part of a word: ASCII but letters and digits, and the blanks,
 * dashes and quotes of U+00A0..00BF, U+2000..206F, U+3000..303F. 0: a word goes on here. */
static size_t separator_length(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    if (at[0] < 0x80)
        return !((at[0] >= '0' && at[0] <= '9') || (at[0] >= 'a' && at[0] <= 'z') ||
                 (at[0] >= 'A' && at[0] <= 'Z'));
    if (at[0] == 0xC2 && at[1] <= 0xBF)
        return 2;
    if ((at[0] == 0xE2 && (at[1] == 0x80 || (at[1] == 0x81 && at[2] <= 0xAF))) ||
        (at[0] == 0xE3 && at[1] == 0x80))
        return 3;
    return 0;
}

/* The next word of folded text; *text moves behind it. False at the end. */
static bool next_word(const char **text, const char **ret_word, size_t *ret_length)
{
    const char *at = *text;

    while (*at && separator_length(at) > 0)
        at += separator_length(at);
    *ret_word = at;
    while (*at && separator_length(at) == 0)
        at++;
    *ret_length = (size_t)(at - *ret_word);
    *text = at;
    return *ret_length > 0;
}

void search_append_keys(bson_t *fields, const char *title)
{
    cleanup(freep) char *folded = text_fold(title);
    const char *rest = folded, *word;
    char key[16];
    size_t length;
    bson_t words;

    BSON_APPEND_UTF8(fields, "titleKey", folded);
    BSON_APPEND_ARRAY_BEGIN(fields, "words", &words);
    for (unsigned i = 0; next_word(&rest, &word, &length); i++) {
        snprintf(key, sizeof(key), "%u", i);
        bson_append_utf8(&words, key, -1, word, (int)length);
    }
    bson_append_array_end(fields, &words);
}

struct word {
    const char *text;
    size_t length;
};

static bool begins(const struct word *word, const struct word *other)
{
    return word->length <= other->length && memcmp(word->text, other->text, word->length) == 0;
}

/* Keep `word` among the `*count` words, unless it begins one of them; those that begin it go. */
static void keep_word(struct word *words, size_t *count, const struct word *word)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++)
        if (begins(word, &words[i]))
            return;
    for (size_t i = 0; i < *count; i++)
        if (!begins(&words[i], word))
            words[kept++] = words[i];
    words[kept++] = *word;
    *count = kept;
}

/* Every word of `query` begins a word of the title. Of two words one of which begins the other, the
 * longer says it all. So those that are left ask for a word of the title each, and where they are
 * more than a title can have, no title has them all: false. */
static bool append_words(bson_t *filter, const char *query)
{
    cleanup(freep) char *folded = text_fold(query);
    struct word words[SEARCH_WORDS_MAX + 1], word;
    const char *rest = folded;
    size_t count = 0;
    char key[16];
    bson_t condition, all;

    while (count <= SEARCH_WORDS_MAX && next_word(&rest, &word.text, &word.length))
        keep_word(words, &count, &word);
    if (count == 0 || count > SEARCH_WORDS_MAX)
        return count == 0;
    BSON_APPEND_DOCUMENT_BEGIN(filter, "words", &condition);
    BSON_APPEND_ARRAY_BEGIN(&condition, "$all", &all);
    for (unsigned i = 0; i < count; i++) {
        cleanup(freep) char *expression = xasprintf("^%.*s", (int)words[i].length, words[i].text);

        snprintf(key, sizeof(key), "%u", i);
        BSON_APPEND_REGEX(&all, key, expression, "");
    }
    bson_append_array_end(&condition, &all);
    bson_append_document_end(filter, &condition);
    return true;
}

static char *cursor_write(enum search_sort sort, const struct ticket *ticket)
{
    cleanup(freep) char *title = text_fold(ticket->state.title);
    cleanup(freep) char *plain = NULL;
    int64_t number = sort == SEARCH_NEWEST ? ticket->created_at_ms : ticket->state.price_cents;
    size_t size;
    char *text;

    plain = sort == SEARCH_TITLE
                ? xasprintf("%s:%s:%s", sorts[sort].name, ticket->id, title)
                : xasprintf("%s:%s:%lld", sorts[sort].name, ticket->id, (long long)number);
    size = sodium_base64_encoded_len(strlen(plain), BASE64);
    text = xmalloc(size);
    sodium_bin2base64(text, size, (const unsigned char *)plain, strlen(plain), BASE64);
    return text;
}

static int cursor_read(enum search_sort sort, const char *text, struct cursor *ret_cursor)
{
    char plain[CURSOR_BYTES], *id, *key, *end;
    struct cursor cursor = {.number = 0};
    size_t length;

    if (sodium_base642bin((unsigned char *)plain, sizeof(plain) - 1, text, strlen(text), NULL,
                          &length, NULL, BASE64) != 0 ||
        memchr(plain, '\0', length) || !text_is_utf8(plain, length))
        return INVALID;
    plain[length] = '\0';

    id = strchr(plain, ':');
    key = id ? strchr(id + 1, ':') : NULL;
    if (!key)
        return INVALID;
    *id++ = '\0';
    *key++ = '\0';
    if (strcmp(plain, sorts[sort].name) != 0 || !text_is_id(id, cursor.id))
        return INVALID;
    if (sort == SEARCH_TITLE) {
        if (!text_copy(cursor.title, sizeof(cursor.title), key))
            return INVALID;
    } else {
        errno = 0;
        cursor.number = strtoll(key, &end, 10);
        if (errno != 0 || end == key || *end != '\0')
            return INVALID;
    }
    *ret_cursor = cursor;
    return 0;
}

static void append_key(bson_t *to, const char *name, enum search_sort sort,
                       const struct cursor *cursor)
{
    switch (sort) {
    case SEARCH_NEWEST: BSON_APPEND_DATE_TIME(to, name, cursor->number); break;
    case SEARCH_PRICE_UP:
    case SEARCH_PRICE_DOWN: BSON_APPEND_INT64(to, name, cursor->number); break;
    case SEARCH_TITLE: BSON_APPEND_UTF8(to, name, cursor->title); break;
    case SEARCH_SORT_COUNT: break;
    }
}

/* Behind the cursor: key beyond it, or the same key and the id beyond it. The bound on the key
 * alone comes first: from it the index knows where to begin. */
static void append_after(bson_t *filter, enum search_sort sort, const struct cursor *cursor)
{
    const char *field = sorts[sort].field;
    const bool up = sorts[sort].way > 0;
    bson_t bound, either, choice, beyond;

    BSON_APPEND_DOCUMENT_BEGIN(filter, field, &bound);
    append_key(&bound, up ? "$gte" : "$lte", sort, cursor);
    bson_append_document_end(filter, &bound);

    BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &choice);
    BSON_APPEND_DOCUMENT_BEGIN(&choice, field, &beyond);
    append_key(&beyond, up ? "$gt" : "$lt", sort, cursor);
    bson_append_document_end(&choice, &beyond);
    bson_append_document_end(&either, &choice);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &choice);
    append_key(&choice, field, sort, cursor);
    BSON_APPEND_DOCUMENT_BEGIN(&choice, "_id", &beyond);
    store_append_id(&beyond, up ? "$gt" : "$lt", cursor->id);
    bson_append_document_end(&choice, &beyond);
    bson_append_document_end(&either, &choice);
    bson_append_array_end(filter, &either);
}

/* A page on its way out. */
struct page {
    void (*each)(void *context, const struct ticket *ticket);
    void *context;
    int64_t room;
    bool more; /* one ticket more than there is room for was found */
    struct ticket last;
};

static int add_to_page(void *context, const bson_t *document)
{
    struct page *page = context;
    int r;

    if (page->room == 0) {
        page->more = true;
        return 0;
    }
    r = ticket_from_bson(document, &page->last);
    if (r != 0)
        return r;
    page->room--;
    page->each(page->context, &page->last);
    return 0;
}

int search_run(struct store *store, const struct search *search,
               void (*each)(void *context, const struct ticket *ticket), void *context,
               char **ret_next)
{
    cleanup(bson_freep) bson_t *filter = bson_new();
    cleanup(bson_freep) bson_t *options = NULL;
    struct page page = {.each = each, .context = context, .room = search->limit};
    struct cursor cursor;
    int r;

    if (search->status != TICKET_STATUS_COUNT)
        BSON_APPEND_UTF8(filter, "status", ticket_status_name(search->status));
    if (search->seller_id)
        store_append_id(filter, "userId", search->seller_id);
    if (search->after) {
        r = cursor_read(search->sort, search->after, &cursor);
        if (r != 0)
            return r;
        append_after(filter, search->sort, &cursor);
    }
    *ret_next = NULL;
    if (search->words && !append_words(filter, search->words))
        return 0;

    options =
        BCON_NEW("sort", "{", sorts[search->sort].field, BCON_INT32(sorts[search->sort].way), "_id",
                 BCON_INT32(sorts[search->sort].way), "}", "limit", BCON_INT64(search->limit + 1),
                 "projection", "{", "version", BCON_INT32(1), "title", BCON_INT32(1), "priceCents",
                 BCON_INT32(1), "userId", BCON_INT32(1), "orderId", BCON_INT32(1), "status",
                 BCON_INT32(1), "createdAt", BCON_INT32(1), "}");
    r = store_each(store, TICKETS, filter, options, add_to_page, &page);
    if (r != 0)
        return r;
    *ret_next = page.more ? cursor_write(search->sort, &page.last) : NULL;
    return 0;
}
