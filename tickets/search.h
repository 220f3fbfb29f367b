#ifndef TICKETS_SEARCH_H
#define TICKETS_SEARCH_H

/*
 * Search: lists of tickets (all that are available, or one seller's), in four orders, by words, a
 * page at a time.
 *
 * All functions may be called from any thread.
 */

#include "common/event.h"
#include "common/fail.h"
#include "common/text.h"
#include "common/writer.h"

#include <bson/bson.h>

#define SEARCH_WORDS_MAX 100 /* of a title: 200 characters have no room for more */

struct store;
struct ticket;

enum search_sort {
    SEARCH_NEWEST,
    SEARCH_PRICE_UP,
    SEARCH_PRICE_DOWN,
    SEARCH_TITLE,
    SEARCH_SORT_COUNT
};

struct search {
    enum ticket_status status; /* TICKET_STATUS_COUNT: any */
    const char *seller_id;     /* NULL: anybody's */
    enum search_sort sort;
    const char *words; /* as typed; NULL or "" for all */
    const char *after; /* a cursor from an earlier page; NULL: from the first on */
    int64_t limit;
};

/* "newest" (also NULL: the default), "price", "-price" or "title"; SEARCH_SORT_COUNT for another
 * name. */
enum search_sort search_sort_parse(const char *name);

/* Append what searches find and sort a ticket by (titleKey, words) to its document. */
void search_append_keys(bson_t *fields, const char *title);

/* Call `each` for the tickets of the page, in order. *ret_next: the cursor of the next page, caller
 * frees; NULL where this is the last. INVALID: `after` is not a cursor of this list. */
must_check int search_run(struct store *store, const struct search *search,
                          void (*each)(void *context, const struct ticket *ticket), void *context,
                          char **ret_next);

#endif
