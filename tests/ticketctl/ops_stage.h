#ifndef TESTS_TICKETCTL_OPS_STAGE_H
#define TESTS_TICKETCTL_OPS_STAGE_H

/*
 * What the tests of `ticketctl serve` share: it runs on real stores, asked by an admin.
 */

#include "tests/support/one_service.h"

#define OPS_ADMIN     "aaaaaaaaaaaaaaaaaaaaaaaa"
#define OPS_PROMPT_MS 2500 /* "within 2 s", under a sanitizer on a busy machine */
#define OPS_AWAY_MS   15000

/* Start it, with further settings (which count before its own), and ask as an admin from now on. */
struct one_service given_ops(const char *const *env);

/* Start the real service `name` on the database that ops looks for it in; ops is asked on. */
struct one_service given_watched(const char *name);

/* A store on the database in which ops looks for `service`. Closed when the test ends. */
struct store *store_of(const char *service);

/* Put a document (extended JSON) there. */
void insert_into(const char *service, const char *collection, const char *json);

/* GET the overview: 200, within OPS_PROMPT_MS. */
const struct answer *overview(void);

/* Why `part` is null; NULL if it is there. */
const char *away(const struct answer *answer, const char *part);

/* The first row of array `part` whose member `name` is `value`; NULL if there is none. */
const json_t *row_of(const struct answer *answer, const char *part, const char *name,
                     const char *value);

/* A text or number of a row. */
const char *text_in(const json_t *row, const char *name);
double number_in(const json_t *row, const char *name);

#endif
