/*
 * bench: where the running stack stands, beside its limits.
 *
 * Every row is measured in interleaved rounds, ours and its limit in turn, so that a machine that
 * gets slower meanwhile slows both: read the ratios, not the figures. Medians over the rounds, the
 * spread beside them. Run it with `make bench`, on a stack started with RATE_LIMITS=off; it leaves
 * tickets and orders behind (make reset).
 */

#include "tests/bench/bench.h"

#include "common/instant.h"
#include "common/log.h"
#include "common/settings.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREPARE_THREADS 16

struct target {
    struct bench bench;
    struct options options;
};

/* clang-format off */
static const struct setting settings[] = {
    {"MONGO_URI",       SETTING_TEXT,   "mongodb://127.0.0.1:27017/?replicaSet=rs0", offsetof(struct target, bench.mongo_uri),  1, 4096, "where the databases are"},
    {"NATS_URL",        SETTING_TEXT,   "nats://127.0.0.1:4222",  offsetof(struct target, bench.nats_url),        1, 4096,  "where the bus is"},
    {"REDIS_URL",       SETTING_TEXT,   "redis://127.0.0.1:6379", offsetof(struct target, bench.redis_url),       1, 4096,  "where the timers are"},
    {"JWT_KEY",         SETTING_SECRET, NULL,                     offsetof(struct target, bench.jwt_key),         32, 4096, "signs the sessions of made-up users"},
    {"BENCH_EMAIL",     SETTING_TEXT,   "jonas.weber@example.com", offsetof(struct target, bench.email),          1, 254,   "who signs in"},
    {"DEMO_PASSWORD",   SETTING_SECRET, NULL,                     offsetof(struct target, bench.password),        1, 128,   "their password"},
    {"AUTH_PORT",       SETTING_INT,    "3001",                   offsetof(struct target, bench.auth_port),       1, 65535, "auth"},
    {"TICKETS_PORT",    SETTING_INT,    "3002",                   offsetof(struct target, bench.tickets_port),    1, 65535, "tickets"},
    {"ORDERS_PORT",     SETTING_INT,    "3003",                   offsetof(struct target, bench.orders_port),     1, 65535, "orders"},
    {"PAYMENTS_PORT",   SETTING_INT,    "3004",                   offsetof(struct target, bench.payments_port),   1, 65535, "payments"},
    {"EXPIRATION_PORT", SETTING_INT,    "3005",                   offsetof(struct target, bench.expiration_port), 1, 65535, "expiration"},
    {"MONGO_PORT",      SETTING_INT,    "27017",                  offsetof(struct target, bench.mongo_port),      1, 65535, "mongod, for its CPU time"},
    {"CLIENT_PORT",     SETTING_INT,    "3000",                   offsetof(struct target, bench.client_port),     1, 65535, "the web client"},
    {"NATS_PORT",       SETTING_INT,    "4222",                   offsetof(struct target, bench.nats_port),       1, 65535, "nats-server, likewise"},
    {"REDIS_PORT",      SETTING_INT,    "6379",                   offsetof(struct target, bench.redis_port),      1, 65535, "redis-server, likewise"},
    {"STRIPE_PORT",     SETTING_INT,    "8420",                   offsetof(struct target, bench.stripe_port),     1, 65535, "localstripe, likewise"},
    {"BENCH_ROWS",      SETTING_TEXT,   "",                       offsetof(struct target, options.only),          0, 64,    "only rows whose name holds this; streams"},
    {"BENCH_ROUNDS",    SETTING_INT,    "3",                      offsetof(struct target, options.rounds),        1, BENCH_ROUNDS_MAX, "rounds of each row"},
    {"BENCH_SECONDS",   SETTING_INT,    "2",                      offsetof(struct target, options.seconds),       1, 60,    "seconds of each measurement"},
};
/* clang-format on */

char *bench_cookie(struct bench *bench)
{
    struct session session = {.signed_in = true, .role = ROLE_USER};
    char *token, *header;

    store_new_id(session.user_id);
    text_copy(session.email, sizeof(session.email), "bench@example.com");
    bench->people++;
    token = session_issue(&bench->session, &session);
    header = xasprintf("Authorization: Bearer %s\r\n", token);
    free(token);
    return header;
}

/* ---- the supply of tickets ---- */

struct supplier {
    struct wire *wire;
    char *cookie;
    struct bench *bench;
};

static bool supplier_begin(struct load_worker *worker)
{
    struct supplier *supplier = xcalloc(1, sizeof(*supplier));

    supplier->bench = *(struct bench *const *)worker->plan;
    supplier->wire = wire_new((int)supplier->bench->tickets_port);
    supplier->cookie = bench_cookie(supplier->bench);
    worker->state = supplier;
    return true;
}

static bool supplier_work(struct load_worker *worker)
{
    struct supplier *supplier = worker->state;
    struct bench *bench = supplier->bench;
    size_t next;

    if (!wire_ask(supplier->wire, "POST", "/api/tickets", supplier->cookie,
                  "{\"title\":\"Bench, row 2\",\"price\":20}") ||
        supplier->wire->status != 201)
        return false;
    next = __atomic_fetch_add(&bench->supply_count, 1, __ATOMIC_SEQ_CST);
    if (next < BENCH_TICKETS_MAX)
        wire_member(supplier->wire, "id", bench->supply[next], ID_BYTES);
    return true;
}

static void supplier_end(struct load_worker *worker)
{
    struct supplier *supplier = worker->state;

    wire_free(supplier->wire);
    free(supplier->cookie);
    free(supplier);
}

/* Has orders heard of the last tickets? */
static bool orders_knows(struct bench *bench, const char *id)
{
    bson_t filter = BSON_INITIALIZER;
    int64_t count = 0;
    int r;

    store_append_id(&filter, "_id", id);
    r = store_count(bench->orders, "tickets", &filter, 1, &count);
    bson_destroy(&filter);
    return r == 0 && count == 1;
}

bool bench_supply(struct bench *bench, size_t count)
{
    struct timespec moment = {.tv_nsec = 20000000};
    struct load load = {.threads = PREPARE_THREADS,
                        .duration_ms = 250,
                        .plan = &bench,
                        .begin = supplier_begin,
                        .work = supplier_work,
                        .end = supplier_end};
    int64_t until_ms = instant_monotonic() + 120000;

    if (bench->supply_count > BENCH_TICKETS_MAX)
        return false;
    while (bench->supply_count - bench->supply_next < count && instant_monotonic() < until_ms)
        if (load_run(&load).done == 0)
            return false;
    for (size_t i = bench->supply_next; i < bench->supply_count && i < BENCH_TICKETS_MAX; i++)
        while (!orders_knows(bench, bench->supply[i]) && instant_monotonic() < until_ms)
            nanosleep(&moment, NULL);
    return bench->supply_count - bench->supply_next >= count;
}

bool bench_prepare(struct bench *bench)
{
    struct store_config config = {.uri = bench->mongo_uri, .app_name = "bench", .clients_max = 200};

    bench->session = (struct session_config){
        .key = bench->jwt_key, .cookie = "session", .seconds = 3600, .secure = false};
    config.database = "tickets";
    if (store_open(&config, &bench->tickets) != 0 || store_ping(bench->tickets, 3000) != 0)
        return false;
    config.database = "orders";
    if (store_open(&config, &bench->orders) != 0)
        return false;
    config.database = "bench";
    if (store_open(&config, &bench->scratch) != 0)
        return false;
    bench->supply = xcalloc(BENCH_TICKETS_MAX, sizeof(*bench->supply));
    if (!bench_supply(bench, 100))
        return false;
    memcpy(bench->ticket_id, bench->supply[bench->supply_next++], ID_BYTES);
    return true;
}

static void print_delay(struct bench *bench, const char *name, const char *aim,
                        size_t (*measure)(struct bench *bench, double *samples, size_t most),
                        size_t most)
{
    double samples[512];
    size_t count = measure(bench, samples, most);

    fprintf(stdout, "%-36s p50 %7.2f ms   p99 %7.2f ms   (%zu samples; aim %s)\n", name,
            percentile(samples, count, 0.5), percentile(samples, count, 0.99), count, aim);
    fflush(stdout);
}

static int run(struct target *target, pid_t nginx)
{
    struct bench *bench = &target->bench;

    memory_print_idle(bench);
    if (!bench_prepare(bench)) {
        fputs("bench: the stack does not serve; start it with: RATE_LIMITS=off make up\n", stderr);
        return 1;
    }
    table_print(bench, &target->options, nginx);
    if (strstr("streams", target->options.only) != NULL)
        streams_print(bench);
    if (target->options.only[0] != '\0')
        return 0;
    publish_print(bench, target->options.seconds);
    table_wait_quiet(bench);
    print_delay(bench, "commit to copy in another service", "p50 <= 3, p99 <= 15",
                measure_propagation, 300);
    if (!bench_supply(bench, 100))
        return 1;
    print_delay(bench, "due to ticket free again", "p99 <= 40", measure_expiry, 60);
    print_delay(bench, "process start to ready", "p50 <= 40", measure_start, 10);
    memory_print_busy(bench);
    return 0;
}

int main(void)
{
    struct target target = {0};
    cleanup(writer_release) struct writer problems = {0};
    pid_t nginx;
    int code;

    log_open("bench", LOG_ERROR);
    writer_init(&problems);
    settings_load(settings, ARRAY_LENGTH(settings), &target, &problems);
    if (problems.length > 0 || sodium_init() < 0) {
        fprintf(stderr, "bench: settings are wrong (make bench sets them):\n%s",
                writer_text(&problems));
        return 1;
    }
    nginx = return_start(&target.bench);
    code = run(&target, nginx);
    return_stop(nginx);
    return code;
}
