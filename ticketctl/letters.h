#ifndef TICKETCTL_LETTERS_H
#define TICKETCTL_LETTERS_H

/*
 * Letters: the dead ones, as the services' databases have them (common/bus_dead.c writes them).
 */

#include "common/store.h"
#include "common/writer.h"

#define LETTERS "deadletters"

/* Hand on the letters in `store`, the newest first: the one with `id`, or (NULL) at most `limit`
 * (0: all). As store_each. */
must_check int letters_each(struct store *store, const char *id, int64_t limit,
                            int (*each)(void *context, const bson_t *document), void *context);

/* How many there are, counted up to `most`. */
must_check int letters_count(struct store *store, int64_t most, int64_t *ret_count);

/* A letter of `service` as a JSON object; with `whole` also its body, which is null where it was no
 * text. */
void letter_write(const char *service, const bson_t *document, bool whole, struct writer *out);

#endif
