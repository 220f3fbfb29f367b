/*
 * Payments: money, held while an order decides and taken only once it is complete.
 */

#include "payments/app.h"
#include "payments/settler.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
/*   variable                type            default                   field                                least most  what it means */
static const struct setting settings[] = {
    {"STRIPE_API_BASE",       SETTING_TEXT,   "https://api.stripe.com", offsetof(struct app, stripe_base),     1, 1024,  "where Stripe's API is"},
    {"STRIPE_KEY",            SETTING_SECRET, NULL,                     offsetof(struct app, stripe_key),      8, 256,   "Stripe's secret key; sk_test_ allows its test tokens"},
    {"STRIPE_WEBHOOK_SECRET", SETTING_SECRET, "",                       offsetof(struct app, webhook_secret),  0, 256,   "signs Stripe's webhooks; without it each is refused"},
    {"CURRENCY",              SETTING_TEXT,   "usd",                    offsetof(struct app, currency),        3, 3,     "ISO 4217, lower case, with two decimals"},
    {"STRIPE_CONCURRENCY",    SETTING_INT,    "16",                     offsetof(struct app, stripe_places),   1, 256,   "how many requests may wait for Stripe at once; at most half of HTTP_WORKERS do"},
    {"STRIPE_TIMEOUT_MS",     SETTING_INT,    "10000",                  offsetof(struct app, stripe_ms),       10, 20000, "how long one call to Stripe may take; a buyer is answered after 5 s anyway"},
    {"STRIPE_PAUSE_SECONDS",  SETTING_INT,    "5",                      offsetof(struct app, stripe_pause),    1, 300,   "how long a Stripe that keeps failing is left alone"},
    {"RESOLVE_SECONDS",       SETTING_INT,    "60",                     offsetof(struct app, resolve_seconds), 1, 3600,  "after how long an unfinished payment is taken up again"},
    {"SETTLE_WORKERS",        SETTING_INT,    "8",                      offsetof(struct app, settle_workers),  1, 16,    "threads that capture and void after an order has ended"},
};

/*   name        every  what             what it means */
static const struct service_job jobs[] = {
    {"resolver", 1000,  resolve_payments, "finishes payments that a crash or a silent Stripe left"},
};
/* clang-format on */

static const enum event_type says[] = {
    EVENT_PAYMENT_STARTED, EVENT_PAYMENT_AUTHORIZED, EVENT_PAYMENT_CREATED,
    EVENT_PAYMENT_FAILED,  EVENT_PAYMENT_VOIDED,     EVENT_PAYMENT_REFUNDED,
};

static const struct service_aggregate aggregates[] = {
    {"payments", payment_to_event, payment_from_event}};

static void check(struct app *app, struct writer *problems)
{
    const char *base = app->stripe_base;

    if (base[0] != '\0' && strncmp(base, "https://", 8) != 0 && strncmp(base, "http://", 7) != 0)
        write_format(problems, "STRIPE_API_BASE: must begin with https:// or http://\n");
    if (app->currency[strspn(app->currency, "abcdefghijklmnopqrstuvwxyz")] != '\0')
        write_format(problems, "CURRENCY: must be three lower case letters\n");
}

static int payments_open(struct app *app)
{
    int64_t workers = app->core.settings.http_workers, most = workers > 1 ? workers / 2 : 1;
    const struct gate_config gate = {.places =
                                         app->stripe_places < most ? app->stripe_places : most,
                                     .pause_ms = app->stripe_pause * 1000,
                                     .metrics = app->core.metrics};
    int r = stripe_open(app->stripe_base, app->stripe_key, &app->charger.stripe);

    if (r != 0)
        return r;
    webhook_disputes(app);
    stripe_trace(app->charger.stripe, app->core.tracer);
    app->charger.tracer = app->core.tracer;
    app->charger.gate = gate_new(&gate);
    app->charger.call_ms = app->stripe_ms;
    app->charger.store = app->core.store;
    app->charger.outbox = app->core.outbox;
    app->charger.resolve_ms = app->resolve_seconds * 1000;
    return settler_open(&app->charger, (size_t)app->settle_workers, &app->settler);
}

static void payments_close(struct app *app)
{
    app->settler = settler_free(app->settler);
    app->charger.gate = gate_free(app->charger.gate);
    app->charger.stripe = stripe_free(app->charger.stripe);
}

int main(int argc, char **argv)
{
    const struct service payments = {
        .name = "payments",
        .motto = "Money, held while an order decides and taken only once it is complete.",
        .port = 3004,
        .app_size = sizeof(struct app),
        .settings = settings,
        .setting_count = ARRAY_LENGTH(settings),
        .routes = payment_routes,
        .route_count = payment_route_count,
        .listeners = payment_listeners,
        .listener_count = payment_listener_count,
        .says = says,
        .says_count = ARRAY_LENGTH(says),
        .indexes = payment_indexes,
        .index_count = payment_index_count,
        .jobs = jobs,
        .job_count = ARRAY_LENGTH(jobs),
        .aggregates = aggregates,
        .aggregate_count = ARRAY_LENGTH(aggregates),
        .check = check,
        .open = payments_open,
        .close = payments_close,
    };

    return service_main(&payments, argc, argv);
}
