#ifndef TICKETCTL_AUDIT_H
#define TICKETCTL_AUDIT_H

/*
 * The auditor's view of the world, and its verdict.
 *
 * audit_read fills a struct world from the five databases, the streams and Stripe's ledger;
 * audit_check is pure: the world in, findings out. So each promise is tested with a world in which
 * it is broken.
 */

#include "common/event.h"

#include <stddef.h>

struct tool;

/* Rows of one kind, sorted by id once audit_sort has run. Each row begins with its id. */
struct rows {
    char *data;
    size_t count, capacity, size; /* size of a row */
};

struct seen_ticket {
    char id[ID_BYTES], order_id[ID_BYTES];
    enum ticket_status status;
};
struct seen_order {
    char id[ID_BYTES], ticket_id[ID_BYTES];
    enum order_status status;
    int64_t expires_at_ms, price_cents;
};
struct seen_payment {
    char id[ID_BYTES], order_id[ID_BYTES], stripe_id[STRIPE_ID_BYTES];
    enum payment_status status;
    int64_t amount_cents;
};
struct seen_intent { /* by the id of the payment it belongs to */
    char payment_id[ID_BYTES], stripe_id[STRIPE_ID_BYTES];
    int status; /* enum stripe_status */
    int64_t amount_cents, refunded_cents;
};
struct seen_aggregate { /* any document with an outbox */
    char id[ID_BYTES];
    enum event_owner owner;
    int64_t version;
    int64_t waiting; /* events in its outbox */
};
struct seen_event {
    char id[ID_BYTES]; /* the aggregate's */
    enum event_owner owner;
    int64_t version;
    uint64_t body_hash;
};

struct world {
    int64_t now_ms;
    struct rows tickets, orders, payments, intents, aggregates, events;
    bool truncated[OWNER_COUNT];  /* the stream no longer reaches back to its beginning */
    int64_t made_ms[OWNER_COUNT]; /* when the stream was made: after a loss, again */
    bool with_stripe;
};

void world_init(struct world *world);
void world_release(struct world *world);

void *rows_add(struct rows *rows);                        /* a new zeroed row */
void rows_sort(struct rows *rows);                        /* by id; events also by version */
void *rows_find(const struct rows *rows, const char *id); /* the first with this id, or NULL */
void *rows_at(const struct rows *rows, size_t index);

/* Read it all. < 0: something is away; standard error says what. */
must_check int audit_read(struct tool *tool, struct world *world);

struct finding {
    const char *promise; /* "P1" */
    char text[240];
};

/* Check the promises. Rows are sorted here. Returns the findings as rows of struct finding (whose
 * `size` it sets); caller frees with rows_release. */
struct rows audit_check(struct world *world);

void rows_release(struct rows *rows);

/* One look at everything. 0: `world` is what there is, *ret_findings what is broken in it (caller
 * frees with rows_release); < 0: something is away. The caller releases `world` in any case. */
must_check int audit_look(struct tool *tool, struct world *world, struct rows *ret_findings);

/* The first `most` findings as a JSON array of {promise, text}, under "findings". */
struct writer;
void audit_write_findings(const struct rows *findings, size_t most, struct writer *out);

#define AUDIT_SETTLE_MS 10000 /* how long what is under way may look broken */

#define AUDIT_LATE_MS 35000 /* P4: with one process killed */

#endif
