#ifndef PAYMENTS_APP_H
#define PAYMENTS_APP_H

/*
 * What this folder shares: the process's state and its tables.
 */

#include "common/service.h"
#include "payments/charge.h"

struct settler;

struct app {
    struct core core;
    const char *stripe_base, *stripe_key, *webhook_secret, *currency;
    int64_t stripe_places, stripe_ms, stripe_pause;
    int64_t resolve_seconds, settle_workers;
    struct charger charger;
    struct settler *settler;
};

extern const struct http_route payment_routes[];
extern const size_t payment_route_count;
extern const struct event_listener payment_listeners[];
extern const size_t payment_listener_count;
extern const struct store_index payment_indexes[];
extern const size_t payment_index_count;

int route_stripe_webhook(struct app *app, const struct http_request *request,
                         struct http_reply *reply);

/* The counter of disputes; it is told while it is still 0. */
struct metric *webhook_disputes(struct app *app);

/* Job: finish what a crash or a silent Stripe left, a lease for each. */
int resolve_payments(struct app *app);

#endif
