#ifndef COMMON_BUS_PRIVATE_H
#define COMMON_BUS_PRIVATE_H

/*
 * What the files bus*.c share, and nobody else includes.
 *
 *   bus.c           connection, subscriptions, the keeper thread
 *   bus_prepare.c   streams and consumers: made, compared, mended
 *   bus_publish.c   out
 *   bus_listen.c    in: subscriptions, queues, workers
 *   bus_handle.c    what happens to a batch: copies, handlers, ack, nak, park
 *   bus_hold.c      what is in hand, held for as long as it takes
 *   bus_dead.c      dead letters
 *   bus_read.c      a part of a stream, outside of any durable
 *   bus_follow.c    a stream as it grows, outside of any durable
 *   bus_watch.c     live events; questions and answers
 *   bus_survey.c    questions to every process, and to the broker about itself
 *   bus_catch_up.c  what a database has missed
 */

#include "common/bus.h"
#include "common/span.h"
#include "common/store.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

#define BUS_API_TIMEOUT_MS     2000 /* one question to JetStream */
#define BUS_PUBLISH_TIMEOUT_MS 5000 /* for the acknowledgement of one event */
#define BUS_ACK_WAIT_MS        6000 /* after that the server delivers again what nobody holds */
#define BUS_QUEUE_MAX          1024 /* deliveries that wait for one worker */
#define BUS_SUBSCRIPTIONS_MAX  32   /* publishing, durables, watches, verbs */
#define BUS_INBOX_BYTES        64
#define BUS_EVERYONE           "everyone" /* instead of a service's name, in a question */
#define BUS_PULL_MAX           512        /* messages asked for at a time, outside of durables */
#define BUS_PULL_MS            10000      /* how long the broker remembers that they were */
#define BUS_FAILURES_MAX       512        /* messages whose failures are remembered */

/* One event on its way out; see bus_publish.c. */
struct bus_slot {
    bool busy;
    uint64_t generation; /* tells a late acknowledgement from one of its successor */
    int64_t deadline_ms;
    void (*done)(void *context, int result);
    void *context;
    struct span *span; /* of the publish, or NULL */
};

/* A durable consumer of this service: the rows of the listener table with its name. */
struct bus_durable {
    struct bus *bus;
    const char *name;
    enum event_owner owner;
    char subject[80]; /* where JetStream delivers to */
};

struct bus_worker {
    struct bus *bus;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something to do, or room, or stopping */
    struct bus_delivery *head, **tail;
    size_t count;
};

/* What became of a listener's events. */
enum bus_result { RESULT_DONE, RESULT_STALE, RESULT_RETRY, RESULT_PARKED, RESULT_COUNT };

/* One event on its way in: from a durable, from a replay, or a dead letter that gets another
 * chance. */
struct bus_delivery {
    struct bus_delivery *next;
    const struct event_listener *listener; /* NULL: it cannot be decoded, see `reason` */
    struct event event;
    const char *reason; /* why it cannot be decoded (static text) */

    natsMsg *message;   /* from a durable: to be acknowledged; else NULL */
    const char *stream; /* where it is stored, and where there */
    uint64_t sequence;
    uint64_t times; /* how often it was delivered */
    int64_t stored_at_ms;

    /* Of those in hand (bus_hold.c), while `message` is not settled. */
    struct bus_delivery *held_next, **held_link;
    int64_t taken_ms, held_ms; /* monotonic: when it came, when the broker was last told */

    /* What to do with the result; takes the delivery over. Runs on the worker. */
    void (*settle)(struct bus *bus, struct bus_delivery *delivery, int result);
    void *context; /* of settle */
};

/* A message that failed lately, so that it can be given up; see bus_handle.c. */
struct bus_failure {
    const char *stream;
    uint64_t sequence;
    int64_t first_ms, last_ms; /* monotonic; last 0: unused */
    int count;
};

/* Who reads a stream by a consumer of their own; see bus_read.c. */
struct bus_reader {
    struct bus *bus;
    const struct bus_range *range;
    const char *stream;
    int (*each)(void *context, const struct event *event, uint64_t sequence);
    void *context;

    uint64_t next; /* from this sequence on; 0: as the range says */
    uint64_t last; /* up to this one */
    uint64_t left; /* messages from `next` on that the broker still has for us */
    bool stopped;  /* by `each` */

    char consumer[64];
    natsInbox *inbox;
    natsSubscription *subscription;
};

/* A subscription that nats.c may still be using; see bus_read.c. */
struct bus_retired {
    struct bus_retired *next;
    natsSubscription *subscription;
};

enum bus_link { BUS_LINK_UNKNOWN, BUS_LINK_UP, BUS_LINK_DOWN };

struct bus {
    char *service;
    int64_t replicas; /* of a stream, at the least */
    struct metrics *metrics;
    struct metrics *own_metrics; /* the same, where the caller has none */
    struct tracer *tracer;       /* or NULL */
    natsConnection *connection;
    jsCtx *js;
    jsOptions js_options;

    /* Every asynchronous subscription; each has a thread of nats.c's that must have ended before
     * the bus goes. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    natsSubscription *subscriptions[BUS_SUBSCRIPTIONS_MAX];
    size_t subscription_count;
    size_t subscription_threads;
    struct bus_retired *retired; /* under lock; they go once the connection is closed */
    atomic_int link;             /* enum bus_link, as nats.c's callbacks say */
    atomic_bool opened, closing;
    bool closed_called; /* nats.c has called back for the last time */

    /* The keeper: looks for lost acknowledgements and vanished consumers. */
    pthread_t keeper;
    bool keeping;     /* the thread exists */
    bool stop_keeper; /* under lock */
    bool reconnected; /* under lock: since the keeper last looked */
    bool prepared;    /* under lock: streams and consumers are the keeper's, too */

    /* Publishing. */
    pthread_mutex_t publish_lock;
    pthread_cond_t slot_free;
    char inbox[BUS_INBOX_BYTES];
    struct bus_slot slots[BUS_WINDOW];
    uint16_t free_slots[BUS_WINDOW];
    size_t free_count;

    /* Listening. */
    const struct event_listener *listeners;
    size_t listener_count;
    struct metric *results[EVENT_TYPE_COUNT][RESULT_COUNT];
    struct metric *parked;
    struct metric *redelivered;
    struct metric *waiting; /* in the workers' queues */
    struct metric *reconnects;
    struct histogram *lag;
    struct bus_durable durables[OWNER_COUNT];
    size_t durable_count;
    struct store *store;
    struct app *app;
    struct bus_worker *workers;
    size_t worker_count;
    atomic_bool stopping;          /* no new deliveries, workers end when their queue is empty */
    atomic_bool giving_back;       /* … and what they still hold goes back unhandled */
    _Atomic int64_t complained_ms; /* when a store or bus that is away was last logged */
    pthread_mutex_t failures_lock;
    struct bus_failure failures[BUS_FAILURES_MAX];
    pthread_mutex_t held_lock;
    struct bus_delivery *held; /* in hand, the latest first; see bus_hold.c */

    /* Watching. */
    struct bus_watch *watches;
    struct bus_verb_answerer *answerers;
    struct bus_follower *followers; /* started and joined by the service's own thread */
};

/* bus.c: subscribe with a thread of its own, unsubscribed at bus_free; `queue` may be NULL. */
must_check int bus_subscribe(struct bus *bus, const char *subject, const char *queue,
                             natsMsgHandler handler, void *context);

/* Log at most every 5 s that something this bus needs is away. */
void bus_complain(struct bus *bus, const char *what);

/* A condition variable on the monotonic clock, and a wait on it until `deadline_ms`; false once
 * that has passed. */
void bus_cond_init(pthread_cond_t *condition);
bool bus_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms);

/* bus_prepare.c: make, compare and mend streams and consumers. */
must_check int bus_ensure(struct bus *bus, struct writer *problems);

/* bus_publish.c */
must_check int bus_publish_open(struct bus *bus);
/* Report what waits for its acknowledgement as failed: all of it, or what is overdue. */
void bus_publish_fail(struct bus *bus, bool all);

/* bus_listen.c: the row for `type`, or NULL. */
const struct event_listener *bus_listener(const struct bus *bus, enum event_type type);
/* Queue for a worker; takes `delivery` over. Waits where the worker's queue is full. False if the
 * bus stops: then the delivery is still the caller's. */
must_check bool bus_enqueue(struct bus *bus, struct bus_delivery *delivery);
void bus_delivery_free(struct bus_delivery *delivery);
/* Free what the callbacks of durables use: once none can come any more. */
void bus_workers_free(struct bus *bus);

/* bus_read.c: unsubscribe a synchronous subscription, and destroy it when that is safe. */
void bus_end_subscription(struct bus *bus, natsSubscription *subscription);
/* Make the consumer; ask it for `count` messages, which come to the subscription; hand one of them
 * on: what `each` gives, or -EAGAIN where it is no stored message; the end of all that. */
must_check int bus_reader_begin(struct bus_reader *reader);
must_check int bus_reader_ask(struct bus_reader *reader, uint64_t count);
must_check int bus_reader_take(struct bus_reader *reader, natsMsg *message);
void bus_reader_end(struct bus_reader *reader);
/* Once the connection is closed. */
struct bus_retired *bus_retired_free(struct bus_retired *retired);

/* bus_handle.c: handle deliveries of different aggregates and settle each. On a worker. */
void bus_handle(struct bus *bus, struct bus_delivery **batch, size_t count);
/* Settle a durable's message by its result: ack, nak or park. */
void bus_settle_message(struct bus *bus, struct bus_delivery *delivery, int result);
/* Has this failed so often, or so long, that it is parked? Notes the failure. */
bool bus_give_up(struct bus *bus, const struct bus_delivery *delivery, int result);
/* How long to wait before the next try, after `times` of them. */
int64_t bus_backoff_ms(uint64_t times);
/* Give a message back, to be delivered again after `delay_ms`. */
void bus_nak(struct bus *bus, natsMsg *message, int64_t delay_ms);

/* bus_hold.c: take into hand what came from a durable, let it go before it is settled; and, now and
 * then, tell the broker what is still in hand. */
void bus_hold(struct bus *bus, struct bus_delivery *delivery);
void bus_let_go(struct bus *bus, struct bus_delivery *delivery);
void bus_hold_on(struct bus *bus);

/* bus_dead.c: write the dead letter of `delivery`, which failed with `result`. */
must_check int bus_park(struct bus *bus, const struct bus_delivery *delivery, int result);

/* bus_read.c: decode a message of JetStream's or a live one; what is not in the body comes from
 * the headers. INVALID with *ret_reason as of event_decode. */
must_check int bus_decode(natsMsg *message, int64_t stored_at_ms, struct event *ret_event,
                          const char **ret_reason);

/* bus_follow.c: wait for the followers' ends, and free them. After bus->stopping. */
void bus_followers_join(struct bus *bus);

/* bus_watch.c */
struct bus_watch *bus_watches_free(struct bus_watch *watches);
/* Tell all watches; < 0 if one has to be told again. */
must_check int bus_watches_reconnected(struct bus *bus);
struct bus_verb_answerer *bus_answerers_free(struct bus_verb_answerer *answerers);

#endif
