/*
 * The system under test: the binaries of this flavour, real stores, the local Stripe and the edge
 * as the stack has them, on free ports.
 *
 * Everything is started at once and waited for after, so that each story tests that any start
 * order works. What the processes print goes to files in the test's folder and is shown if one of
 * them does not get ready.
 */
#include "common/memory.h"
#include "tests/support/audit.h"
#include "tests/support/client.h"
#include "tests/support/process.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS   60000 /* five sanitized processes and three other tests on two cores */
#define STRIPE_KEY "sk_test_story"
#define END_MS     30000

struct instance {
    pid_t pid; /* 0: does not run */
    int port;
};

static struct {
    const char *name;
    char database[48];
    struct instance instances[INSTANCES_MAX];
} services[] = {
    {.name = "auth"},       {.name = "tickets"},  {.name = "orders"},
    {.name = "expiration"}, {.name = "payments"},
};

static struct system_options chosen;
static const char *environment[32]; /* shared by all services; NULL-terminated */
static int edge_port, stripe_port;
static pid_t stripe;
static struct instance ops; /* `ticketctl serve` */

static size_t find_service(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++)
        if (strcmp(services[i].name, name) == 0)
            return i;
    cr_assert_fail("no service %s", name);
    return 0;
}

static struct instance *find_instance(const char *name, int number)
{
    cr_assert_lt(number, INSTANCES_MAX);
    return &services[find_service(name)].instances[number];
}

int service_port(const char *name, int instance)
{
    return find_instance(name, instance)->port;
}

pid_t service_pid(const char *name, int instance)
{
    return find_instance(name, instance)->pid;
}

int system_ops_port(void)
{
    return ops.port;
}

int system_edge_port(void)
{
    return edge_port;
}

const char *service_database(const char *name)
{
    return services[find_service(name)].database;
}

__attribute__((format(printf, 1, 2))) static void add_environment(const char *format, ...)
{
    static char texts[ARRAY_LENGTH(environment)][256];
    size_t count = 0;
    va_list arguments;

    while (environment[count])
        count++;
    cr_assert_lt(count, ARRAY_LENGTH(environment) - 1);
    va_start(arguments, format);
    vsnprintf(texts[count], sizeof(texts[count]), format, arguments);
    va_end(arguments);
    environment[count] = texts[count];
}

const char *system_mongo(void)
{
    return chosen.own_mongo || chosen.clusters ? given_own_mongo() : given_mongo();
}

/* The first of two settings of one name counts, so the story's own go before these. */
static void make_environment(void)
{
    for (size_t i = 0; i < ARRAY_LENGTH(chosen.env) && chosen.env[i]; i++)
        add_environment("%s", chosen.env[i]);
    add_environment("MONGO_URI=%s", system_mongo());
    add_environment("NATS_URL=%s", given_nats());
    add_environment("REDIS_URL=%s", given_redis());
    add_environment("STRIPE_API_BASE=http://127.0.0.1:%d", stripe_port);
    add_environment("STRIPE_KEY=" STRIPE_KEY);
    add_environment("STRIPE_WEBHOOK_SECRET=whsec_story");
    add_environment("ADDRESS=127.0.0.1");
    add_environment("JWT_KEY=" ONE_SERVICE_JWT_KEY);
    add_environment("COOKIE_SECURE=false");
    add_environment("ADMIN_EMAIL=" SYSTEM_ADMIN_EMAIL);
    add_environment("ADMIN_PASSWORD=" SYSTEM_ADMIN_PASSWORD);
    add_environment("RATE_LIMITS=%s", chosen.rate_limits ? "on" : "off");
    add_environment("RESOLVE_SECONDS=5"); /* a killed settler is made good within a story */
    add_environment("HTTP_WORKERS=16");   /* half of them may wait for Stripe */
    add_environment("LISTENER_WORKERS=4");
    add_environment("LOG_LEVEL=info");
    if (chosen.clusters)
        add_environment("STREAM_REPLICAS=%d", STORE_NODES);
}

void set_environment(const char *format, ...)
{
    static char settings[ARRAY_LENGTH(environment)][256];
    char setting[sizeof(settings[0])];
    va_list arguments;
    size_t i = 0;

    va_start(arguments, format);
    vsnprintf(setting, sizeof(setting), format, arguments);
    va_end(arguments);
    while (environment[i] && strncmp(environment[i], setting, strcspn(setting, "=") + 1) != 0)
        i++;
    cr_assert_lt(i, ARRAY_LENGTH(environment) - 1);
    memcpy(settings[i], setting, sizeof(setting));
    environment[i] = settings[i];
}

const char *const *system_environment(void)
{
    return environment;
}

static const char *log_of(const char *name, int number)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s-%d.log", test_folder(), name, number);
    return path;
}

void print_log_lines(const char *with)
{
    char line[1024];
    glob_t logs;

    if (glob(at("%s/*-*.log", test_folder()), 0, NULL, &logs) != 0)
        return;
    for (size_t i = 0; i < logs.gl_pathc; i++) {
        FILE *file = fopen(logs.gl_pathv[i], "re");

        while (file && fgets(line, sizeof(line), file))
            if (strstr(line, with))
                fprintf(stderr, "%s: %s", strrchr(logs.gl_pathv[i], '/') + 1, line);
        if (file)
            fclose(file);
    }
    globfree(&logs);
}

static void spawn_service(size_t service, int number)
{
    struct instance *instance = &services[service].instances[number];
    char path[320], port[16], database[64], name[32];
    const char *argv[] = {path, NULL};
    const char *env[ARRAY_LENGTH(environment) + 3] = {port, database, name};

    cr_assert_eq(instance->pid, 0, "%s runs", services[service].name);
    find_built(services[service].name, path, sizeof(path));
    snprintf(port, sizeof(port), "PORT=%d", instance->port);
    snprintf(database, sizeof(database), "MONGO_DATABASE=%s", services[service].database);
    snprintf(name, sizeof(name), "INSTANCE=%d", number);
    memcpy(env + 3, environment, sizeof(environment));
    instance->pid = spawn(argv, env, log_of(services[service].name, number));
}

/* It has no database of its own: the others' are told by their prefix. */
static void spawn_ops(void)
{
    char path[320], port[16], prefix[64];
    const char *argv[] = {path, "serve", NULL};
    const char *env[ARRAY_LENGTH(environment) + 3] = {port, prefix, "AUDIT_SECONDS=0"};

    find_built("ticketctl", path, sizeof(path));
    ops.port = free_port();
    snprintf(port, sizeof(port), "PORT=%d", ops.port);
    snprintf(prefix, sizeof(prefix), "DATABASE_PREFIX=%s", given_database());
    memcpy(env + 3, environment, sizeof(environment));
    ops.pid = spawn(argv, env, log_of("ops", 0));
}

struct starting {
    const char *name;
    int number;
    struct instance *instance;
};

static bool is_ready(void *context)
{
    const struct starting *starting = context;
    int status;

    if (process_has_ended(starting->instance->pid, &status)) {
        print_file(log_of(starting->name, starting->number));
        cr_assert_fail("%s ended at its start with status %d", starting->name, status);
    }
    return port_is_ready(starting->instance->port);
}

static void await_ready(struct starting starting)
{
    char what[64];

    snprintf(what, sizeof(what), "%s is ready", starting.name);
    eventually(is_ready, &starting, READY_MS, what);
}

static void await_service(size_t service, int number)
{
    await_ready(
        (struct starting){services[service].name, number, &services[service].instances[number]});
}

void launch_service(const char *name, int instance)
{
    spawn_service(find_service(name), instance);
}

void await_launched(const char *name, int instance)
{
    await_service(find_service(name), instance);
}

void start_service(const char *name, int instance)
{
    launch_service(name, instance);
    await_launched(name, instance);
}

const char *service_that_died(void)
{
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++)
        for (int k = 0; k < INSTANCES_MAX; k++) {
            pid_t pid = services[i].instances[k].pid;
            siginfo_t ended = {0};

            if (pid != 0 && waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                ended.si_pid == pid) {
                print_file(log_of(services[i].name, k));
                return at("%s-%d", services[i].name, k);
            }
        }
    return NULL;
}

void stop_service(const char *name, int instance)
{
    struct instance *found = find_instance(name, instance);
    int status = end_process(found->pid, SIGTERM, END_MS);

    found->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_file(log_of(name, instance));
        cr_assert_fail("%s ended with status %d", name, status);
    }
}

void kill_service(const char *name, int instance)
{
    struct instance *found = find_instance(name, instance);

    end_process(found->pid, SIGKILL, END_MS);
    found->pid = 0;
}

void pause_service(const char *name, int instance, bool paused)
{
    kill(find_instance(name, instance)->pid, paused ? SIGSTOP : SIGCONT);
}

static void spawn_stripe(void)
{
    char port[16], state[96];
    const char *argv[] = {".local/venv/bin/python", "infra/local/stripe", port, state, NULL};

    snprintf(port, sizeof(port), "%d", stripe_port);
    snprintf(state, sizeof(state), "%s/stripe.state", test_folder());
    stripe = spawn(argv, NULL, log_of("stripe", 0));
}

void pause_stripe(bool paused)
{
    kill(stripe, paused ? SIGSTOP : SIGCONT);
}

static bool answers(void *context)
{
    return port_answers(*(int *)context);
}

/* Render the edge's configuration as the stack does, and run it. */
static void start_edge(void)
{
    char config[96], port[16], run_folder[96], upstreams[1024] = "";
    const char *render[] = {"infra/local/render-nginx",        config, port, run_folder, upstreams,
                            chosen.rate_limits ? "on" : "off", NULL};
    const char *nginx = access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx" : "nginx";
    const char *argv[] = {nginx, "-e", "stderr", "-c", config, NULL};
    size_t used = 0;
    int status;

    edge_port = free_port();
    snprintf(config, sizeof(config), "%s/nginx.conf", test_folder());
    snprintf(run_folder, sizeof(run_folder), "%s/nginx", test_folder());
    snprintf(port, sizeof(port), "%d", edge_port);
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++)
        for (int k = 0; k < chosen.instances; k++)
            if (strcmp(services[i].name, "expiration") != 0)
                used +=
                    (size_t)snprintf(upstreams + used, sizeof(upstreams) - used, "%s=127.0.0.1:%d ",
                                     services[i].name, services[i].instances[k].port);
    if (chosen.ops)
        used += (size_t)snprintf(upstreams + used, sizeof(upstreams) - used, "ops=127.0.0.1:%d ",
                                 ops.port);
    if (chosen.client)
        snprintf(upstreams + used, sizeof(upstreams) - used,
                 "client=127.0.0.1:%d stripe=127.0.0.1:%d", client_port(), stripe_port);
    status = end_process(spawn(render, NULL, log_of("edge", 0)), 0, READY_MS);
    if (status != 0) {
        print_file(log_of("edge", 0));
        cr_assert_fail("cannot render the edge's configuration");
    }
    spawn(argv, NULL, log_of("edge", 0));
}

void given_system(const struct system_options *options)
{
    if (options)
        chosen = *options;
    if (chosen.instances == 0)
        chosen.instances = 1;
    if (chosen.clusters)
        given_clusters();
    stripe_port = free_port();
    spawn_stripe();
    make_environment();

    for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
        snprintf(services[i].database, sizeof(services[i].database), "%s%s", given_database(),
                 services[i].name);
        for (int k = 0; k < INSTANCES_MAX; k++)
            services[i].instances[k].port = free_port();
        for (int k = 0; k < chosen.instances; k++)
            if (!chosen.absent || strcmp(chosen.absent, services[i].name) != 0)
                spawn_service(i, k);
    }
    if (chosen.ops)
        spawn_ops();
    start_edge();
    for (size_t i = 0; i < ARRAY_LENGTH(services); i++)
        for (int k = 0; k < chosen.instances; k++)
            if (services[i].instances[k].pid)
                await_service(i, k);
    if (chosen.ops)
        await_ready((struct starting){"ops", 0, &ops});
    eventually(answers, &stripe_port, READY_MS, "the local Stripe answers");
    eventually(answers, &edge_port, READY_MS, "the edge answers");
    if (chosen.client)
        start_client();
    turn_to(&(struct one_service){.port = edge_port});
}

const struct answer *ask_port(int port, const char *path)
{
    return ask_for(&(struct question){.method = "GET",
                                      .path = path,
                                      .headers = {"Authorization: Bearer " STRIPE_KEY},
                                      .port = port});
}

static bool is_in_state(const json_t *intent, enum charge_state state)
{
    const char *status = json_string_value(json_object_get(intent, "status"));
    const json_t *charges = json_object_get(json_object_get(intent, "charges"), "data");
    bool refunded = json_is_true(json_object_get(json_array_get(charges, 0), "refunded"));

    switch (state) {
    case CHARGE_HELD: return strcmp(status, "requires_capture") == 0;
    case CHARGE_CAPTURED: return strcmp(status, "succeeded") == 0 && !refunded;
    case CHARGE_REFUNDED: return strcmp(status, "succeeded") == 0 && refunded;
    case CHARGE_VOIDED: return strcmp(status, "canceled") == 0;
    }
    return false;
}

json_t *read_ledger(void)
{
    const struct answer *answer = ask_port(stripe_port, "/v1/payment_intents?limit=100000");

    expect_status(answer, 200);
    return json_incref(json_object_get(answer->json, "data"));
}

int charges_in(const json_t *ledger, const char *order_id, enum charge_state state)
{
    const json_t *intent;
    int count = 0;
    size_t i;

    json_array_foreach(ledger, i, intent)
    {
        const json_t *metadata = json_object_get(intent, "metadata");
        const char *its_order = json_string_value(json_object_get(metadata, "orderId"));

        if (its_order && strcmp(its_order, order_id) == 0 && is_in_state(intent, state))
            count++;
    }
    return count;
}

int count_charges(const char *order_id, enum charge_state state)
{
    json_t *ledger = read_ledger();
    int count = charges_in(ledger, order_id, state);

    json_decref(ledger);
    return count;
}
