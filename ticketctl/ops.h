#ifndef TICKETCTL_OPS_H
#define TICKETCTL_OPS_H

/*
 * `ticketctl serve`: the operator's tool over HTTP, for the /ops page. What its files share.
 *
 *   serve.c         the descriptor, the routes, opening and closing
 *   ops_overview.c  GET overview: what the lookers below found, or why they did not
 *   ops_services.c  looks at the services' processes; remembers who hears what
 *   ops_stores.c    looks at broker, databases, timers and Stripe
 *   ops_count.c     what databases are asked for, by both looks and metrics
 *   ops_metrics.c   the same for /metrics, now and then
 *   ops_letters.c   dead letters
 *   ops_path.c      one order's path through the services
 *   ops_auditor.c   the audit, now and then
 */

#include "common/delay.h"
#include "common/service.h"
#include "ticketctl/audit.h"
#include "ticketctl/office.h"
#include "ticketctl/ticketctl.h"

#include <pthread.h>

#define OPS_ANSWER_MS 1500 /* how long a request waits for what it asks */

/* The events that each service's listeners hear, as it last said itself; a bit for each type. */
struct hearing {
    bool known;
    uint32_t types;
};

struct auditor;

/* What was last heard of Stripe. */
struct stripe_look {
    bool known;
    int result;
    int64_t at_ms; /* monotonic */
};

struct app {
    struct core core;
    struct tool tool;      /* opened at the start; its stores connect when they are used */
    const char *redis_url; /* REDIS_URL */
    int64_t audit_seconds; /* AUDIT_SECONDS */
    struct delay *delay;

    /* A database that hangs keeps its own threads only. */
    struct office *databases, *others, *auditing;
    struct auditor *auditor;

    pthread_mutex_t lock; /* guards what follows */
    struct hearing hearing[OWNER_COUNT];
    struct stripe_look stripe_look;
};

/* Errands for the overview; the JSON values of their parts are in docs/openapi/ops.yaml. */
int look_services(struct app *app, struct errand *errand);  /* services */
int look_broker(struct app *app, struct errand *errand);    /* streams, consumers */
int look_databases(struct app *app, struct errand *errand); /* outboxes, deadLetters, holds */
int look_timers(struct app *app, struct errand *errand);    /* timers */
int look_stripe(struct app *app, struct errand *errand);    /* nothing but whether it is there */

/* 0, or -EAGAIN with its reason on the errand: whether MongoDB answers at all, found out fast. */
must_check int ops_ping_databases(struct app *app, struct errand *errand);

/* ops_count.c: of one database, by its indexes. 0 or < 0. At most OPS_COUNT_MAX documents are
 * counted, of open orders and payments ten times as many. */
#define OPS_COUNT_MAX 1000

struct outbox_count {
    int64_t documents; /* with events that wait */
    int64_t oldest_ms; /* how long the first of them has waited */
};
must_check int count_outboxes(struct store *store, enum event_owner owner,
                              struct outbox_count *ret_count);

struct hold_count {
    int64_t of_status[ORDER_STATUS_COUNT];
    int64_t overdue, oldest_overdue_ms; /* past their deadline; how long the first of them is */
    int64_t next_at_ms;                 /* the next deadline; 0: there is none */
};
must_check int count_holds(struct store *store, struct hold_count *ret_count);

struct payment_count { /* those that somebody has to look at again */
    int64_t of_status[PAYMENT_STATUS_COUNT];
    int64_t oldest_ms;
};
must_check int count_unsettled(struct store *store, struct payment_count *ret_count);

/* ops_metrics.c: jobs that look at each store every MEASURE_PERIOD_MS, each on a thread of its own;
 * and what an audit came to, without findings where it was `unable`. */
#define MEASURE_PERIOD_MS 10000
#define OPS_BROKER_MS     500 /* for one question to the broker */
int measure_broker(struct app *app);
int measure_databases(struct app *app);
int measure_timers(struct app *app);
void measure_audit(struct app *app, const struct rows *findings, bool unable, int64_t took_ms);
void measure_open(struct app *app); /* make what is told while it is still 0 */

/* Copy who hears what, as far as it is known. */
void ops_hearing(struct app *app, struct hearing ret_hearing[OWNER_COUNT]);

/* The auditor: its state, for the overview; a job that looks when it is time. */
struct auditor *auditor_new(int64_t period_seconds);
struct auditor *auditor_free(struct auditor *auditor);
int auditor_look(struct app *app); /* a job; returns at once */
void auditor_write(struct auditor *auditor, const char *key, struct writer *out);
#define AUDITOR_PERIOD_MS 250

/* The routes. */
int route_overview(struct app *app, const struct http_request *request, struct http_reply *reply);
int route_audit(struct app *app, const struct http_request *request, struct http_reply *reply);
int route_list_letters(struct app *app, const struct http_request *request,
                       struct http_reply *reply);
int route_show_letter(struct app *app, const struct http_request *request,
                      struct http_reply *reply);
int route_replay_letters(struct app *app, const struct http_request *request,
                         struct http_reply *reply);
int route_order_path(struct app *app, const struct http_request *request, struct http_reply *reply);

#endif
