#ifndef ORDERS_ORDER_H
#define ORDERS_ORDER_H

/*
 * Order: a buyer's claim on one ticket, held until `expires_at_ms`.
 *
 * The first half is pure: the transition table and the functions that move an order along it. They
 * change the struct in memory and say what is to be done with it; nothing is asked but their
 * arguments. The second half is the collection. All functions may be called from any thread; an
 * order is a plain value, and nothing in it is to be freed.
 */

#include "common/event.h"
#include "common/memory.h"
#include "common/outbox.h"
#include "common/store.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDER_SLOTS_MAX    64     /* the most that MAX_LIVE_ORDERS may say: bits of a uint64_t */
#define ORDER_PAYMENTS_MAX 20     /* attempts; payments refuses more too */
#define ORDER_HISTORY_MAX  64     /* two steps an attempt, the first and the last: at most 42 */
#define ORDER_STRETCH_MS   120000 /* a payment begun moves the deadline by this, once */
#define ORDER_EARLY_MS     5000   /* a timer that is early by no more is asked to come again */
#define ORDER_CURSOR_BYTES 48

/* clang-format off */
enum order_cause {
    CAUSE_ORDERED, CAUSE_PAYMENT_STARTED, CAUSE_PAYMENT_AUTHORIZED, CAUSE_PAYMENT_FAILED,
    CAUSE_BUYER_CANCELLED, CAUSE_EXPIRED, CAUSE_TICKET_WITHDRAWN, CAUSE_USER_BANNED,
    CAUSE_COUNT
};

/* What a question put to an order came to. */
enum order_effect {
    EFFECT_NONE, /* nothing changed: heard before, or over */
    EFFECT_SAVE, /* changed, and at its next version: save it with its event */
    EFFECT_WAIT, /* not yet: ask again later */
};
/* clang-format on */

struct order_step {
    enum order_status status;
    int64_t at_ms;
    enum order_cause cause;
};

/* A payment of this order, as far as its events were seen. */
struct order_payment {
    char id[ID_BYTES];
    int64_t version;
    enum payment_status status;
};

struct order {
    char id[ID_BYTES];
    int64_t version;
    enum order_status status;
    char user_id[ID_BYTES]; /* the buyer */
    /* Of the request that made it, if that had an Idempotency-Key (http.h); or "". */
    char fingerprint[FINGERPRINT_BYTES];
    int64_t created_at_ms, expires_at_ms;
    bool stretched; /* expires_at_ms was moved already */
    int64_t slot; /* 0 … MAX_LIVE_ORDERS − 1: which of the buyer's places it takes while open */
    struct {
        char id[ID_BYTES];
        char title[TITLE_BYTES];
        int64_t price_cents;
        int64_t version;
    } ticket; /* what the buyer agreed to: a snapshot, never a live view */
    size_t history_count;
    struct order_step history[ORDER_HISTORY_MAX];
    size_t payment_count;
    struct order_payment payments[ORDER_PAYMENTS_MAX];
};

/* ---- pure ---- */

const char *order_cause_name(enum order_cause cause);
enum order_cause order_cause_parse(const char *name); /* CAUSE_COUNT if unknown */

/* Why an order may not go from one status to the other; NULL where it may. */
const char *order_refusal(enum order_status from, enum order_status to);

/* The cause of the latest step. */
enum order_cause order_cause(const struct order *order);

/* Begin: `order` has its id, buyer and ticket; becomes `created` at version 0 until
 * now + lock_ms. */
void order_begin(struct order *order, int64_t now_ms, int64_t lock_ms);

/* Cancel for `cause`, whatever payment is under way. SAVE, or NONE where it is over. */
enum order_effect order_cancel(struct order *order, enum order_cause cause, int64_t now_ms);

/* Its ticket was withdrawn: SAVE where it is only `created`; NONE once a payment has begun. */
enum order_effect order_withdraw(struct order *order, int64_t now_ms);

/* A timer fired: SAVE where it is open and due; WAIT where it is due within ORDER_EARLY_MS; else
 * NONE: it is over, or its deadline has been moved and has a timer of its own. */
enum order_effect order_expire(struct order *order, int64_t now_ms);

/* Is `seen` further than the next version of its payment, so that an event is missing? Never so
 * for an order that is over: nothing can change it any more. */
bool order_misses_payment(const struct order *order, const struct order_payment *seen);

/* A payment of it is now as `seen` says. The order waits for payment while one of its payments is
 * under way, completes once one is authorised (also after the deadline: as long as it is open it
 * holds its ticket), and is `created` again when none is left. SAVE, or NONE: heard before, over,
 * or one attempt too many. */
enum order_effect order_see_payment(struct order *order, const struct order_payment *seen,
                                    int64_t now_ms);

/* Write the contract's Order as a JSON object. */
void order_to_json(const struct order *order, struct writer *out, const char *key);

/* ---- the collection ---- */

#define ORDERS "orders"

/* The unique indexes (indexes.c), by the names that conflicts tell. */
#define ORDER_INDEX_TICKET "one_live_order_per_ticket"
#define ORDER_INDEX_SLOT   "one_open_order_per_slot"

/* Append the whole order, but for version and outbox, which the outbox appends. */
void order_to_bson(const struct order *order, bson_t *document);

/* Append what may change after the order was made. */
void order_state_to_bson(const struct order *order, bson_t *document);

/* What an event says of an order's document. Which payments there were is heard again, from them.
 */
struct recovered;
void order_from_event(const struct event *event, struct recovered *ret_fields);

/* Read an order from its document. 0, or -EIO where it is no order. */
must_check int order_from_bson(const bson_t *document, struct order *ret_order);

/* Find by id. 0 or NOT_FOUND. */
must_check int order_find(struct store *store, const char *id, struct order *ret_order);

/* Find by id for `user_id`. 0, NOT_FOUND, or FORBIDDEN: it is somebody else's. */
must_check int order_find_own(struct store *store, const char *id, const char *user_id,
                              struct order *ret_order);

/* The id of the live order of a ticket. 0 or NOT_FOUND. */
must_check int order_find_live(struct store *store, const char *ticket_id, char ret_id[ID_BYTES]);

/* Was `order`, which is not stored, made before by the same request, now repeated? 0: its ticket's
 * live order has its buyer and its fingerprint; `order` is that one now, and it will last.
 * NOT_FOUND: no such order, or it has no fingerprint; `order` is as it was. */
must_check int order_find_made(struct store *store, struct order *order);

/* What stands in the way of a new order, in one read. It is a hint: order_insert decides. */
struct order_survey {
    bool taken;           /* the ticket has a live order */
    uint64_t taken_slots; /* a bit for each of the buyer's open orders */
};
must_check int order_survey(struct store *store, const char *user_id, const char *ticket_id,
                            struct order_survey *ret_survey);

/* Ids of open orders, earliest deadline first: at most `most` that were due before `overdue_ms`;
 * those of one buyer that were made before `made_ms` (ret_ids has ORDER_SLOTS_MAX places). */
must_check int order_list_overdue(struct store *store, int64_t overdue_ms, size_t most,
                                  char (*ret_ids)[ID_BYTES], size_t *ret_count);
must_check int order_list_open(struct store *store, const char *user_id, int64_t made_ms,
                               char (*ret_ids)[ID_BYTES], size_t *ret_count);

/* Ids of open orders of any of these buyers: at most ORDER_SLOTS_MAX. */
must_check int order_list_open_of(struct store *store, char (*user_ids)[ID_BYTES],
                                  size_t user_count, char (*ret_ids)[ID_BYTES], size_t *ret_count);

/* A buyer's orders, newest first: `each` for at most `limit` of them after `cursor` (NULL: from the
 * first). Where there are more, ret_next is the cursor to go on with, else "". INVALID: `cursor` is
 * none of ours. The order is borrowed for the call of `each`. */
struct order_page {
    const char *user_id, *cursor;
    int64_t limit;
    void (*each)(void *context, const struct order *order);
    void *context;
};
must_check int order_list(struct store *store, const struct order_page *page,
                          char ret_next[ORDER_CURSOR_BYTES]);

/* Insert a new order with its first event. CONFLICT: ret_index names the index that refused. */
must_check int order_insert(struct outbox *outbox, const struct order *order,
                            const struct event *event, char ret_index[STORE_INDEX_BYTES]);

/* Store what an order became, with the event that says so, unless it changed since it was read.
 * 0; STALE: somebody was faster, nothing written. */
must_check int order_save(struct outbox *outbox, const struct order *order,
                          const struct event *event);

#endif
