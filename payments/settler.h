#ifndef PAYMENTS_SETTLER_H
#define PAYMENTS_SETTLER_H

/*
 * Settler: a few threads that call Stripe for what events have decided, so that a slow Stripe never
 * holds up a listener. Its queue is bounded and in memory only: what is lost with it, or does not
 * fit, the resolver finds by the payment's workAt.
 */

#include "payments/charge.h"

#define SETTLER_QUEUE_MAX 1024

struct settler;

must_check int settler_open(const struct charger *charger, size_t workers,
                            struct settler **ret_settler);
struct settler *settler_free(struct settler *settler); /* lets calls under way end */

/* Have the order's live payment settled. Any thread; never blocks. */
void settler_wake(struct settler *settler, const char *order_id);

#endif
