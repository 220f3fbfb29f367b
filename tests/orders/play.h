#ifndef TESTS_ORDERS_PLAY_H
#define TESTS_ORDERS_PLAY_H

/*
 * Play: orders inside the test process, on real stores, without HTTP. Events are handed to its
 * listeners table as the bus would: the copy first, then the handler. So a test decides what comes
 * when, reads the result of each, and may stop the clock.
 */

#include "orders/app.h"
#include "tests/support/support.h"

/* LOCK_SECONDS 900, MAX_LIVE_ORDERS 10; released when the test ends. */
struct app *given_app(void);

/* Hear `event`: what the listener returned. */
int hear(struct app *app, const struct event *event);

/* A ticket of 20.00 that the copy has at version 0, and its withdrawal or its next versions. */
struct event known_ticket(struct app *app);
struct event ticket_at(const struct event *ticket, int64_t version, enum ticket_status status);

/* A new order of `ticket_id`, stored. */
struct order stored_order(struct app *app, const char *user_id, const char *ticket_id,
                          int64_t slot);

/* Insert `order` with its event: the result, and the index that refused. */
int insert_order(struct app *app, const struct order *order, char ret_index[STORE_INDEX_BYTES]);

/* An order in memory only. */
struct order new_order(const char *user_id, const char *ticket_id, int64_t slot);

/* The order as it is stored now. */
struct order order_now(struct app *app, const char *id);

/* Events that others say. */
struct event payment_event(const char *payment_id, int64_t version, enum payment_status status,
                           const char *order_id);
struct event timer_event(const char *order_id, int64_t due_at_ms);
struct event ban_event(const char *user_id, int64_t version);

/* A new random id; lives until the test ends. */
const char *new_id(void);

/* Wait until orders said every version of this order up to `version`, once each, and no more. */
void expect_every_version_said_once(struct app *app, const char *order_id, int64_t version);

#endif
