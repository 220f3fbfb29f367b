/*
 * A story's system for tests that are no C: test-stack [--without-client] [--twice] [NAME=VALUE…],
 * the settings of all services; twice are two of each.
 *
 * Starts everything, the web client and ops too, and says where it is by one line of JSON; then
 * obeys the lines of standard input, each answered by a line ({"ok":true}) once it is done:
 *
 *     start|stop|kill|pause|resume NAME [1] a service, or client; stripe can pause and resume only
 *     start|kill|wipe STORE                 mongo, nats or redis; wipe starts it without its data
 *     poison tickets                        an event of tickets that nobody can handle
 *
 * The end of the input ends all of it. So does what fails, with the reason on standard error: the
 * verbs are those of Criterion's tests, whose assertions are caught here, as there is no runner to
 * report to.
 */
#include "common/instant.h"
#include "common/memory.h"
#include "tests/support/audit.h"
#include "tests/support/client.h"
#include "tests/support/process.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const services[] = {"auth", "tickets", "orders", "expiration", "payments"};

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (!stats->passed)
        fprintf(stderr, "test-stack: %s:%u: %s\n", stats->file, stats->line, stats->message);
}

void criterion_abort_test(void)
{
    exit(EXIT_FAILURE);
}

static void say(json_t *line)
{
    json_dumpf(line, stdout, JSON_COMPACT);
    puts("");
    fflush(stdout);
    json_decref(line);
}

static void say_where(void)
{
    json_t *ports = json_pack("{s:i, s:i, s:i}", "edge", system_edge_port(), "client",
                              client_port(), "ops", system_ops_port());
    json_t *environment = json_array();
    char url[64], prefix[96];

    for (size_t i = 0; i < ARRAY_LENGTH(services); i++)
        json_object_set_new(ports, services[i], json_integer(service_port(services[i], 0)));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", system_edge_port());
    for (size_t i = 0; system_environment()[i]; i++)
        json_array_append_new(environment, json_string(system_environment()[i]));
    snprintf(prefix, sizeof(prefix), "DATABASE_PREFIX=%s", given_database());
    json_array_append_new(environment, json_string(prefix)); /* for ticketctl */
    say(json_pack("{s:s, s:o, s:{s:s, s:s}, s:s, s:s, s:s, s:o}", "url", url, "ports", ports,
                  "admin", "email", SYSTEM_ADMIN_EMAIL, "password", SYSTEM_ADMIN_PASSWORD, "jwtKey",
                  ONE_SERVICE_JWT_KEY, "nats", given_nats(), "folder", test_folder(), "environment",
                  environment));
}

/* One verb of a service; false where there is no such verb. */
static bool obey_for_service(const char *verb, const char *name, int instance)
{
    if (strcmp(verb, "start") == 0)
        start_service(name, instance);
    else if (strcmp(verb, "stop") == 0)
        stop_service(name, instance);
    else if (strcmp(verb, "kill") == 0)
        kill_service(name, instance);
    else if (strcmp(verb, "pause") == 0)
        pause_service(name, instance, true);
    else if (strcmp(verb, "resume") == 0)
        pause_service(name, instance, false);
    else
        return false;
    return true;
}

static bool obey_for_client(const char *verb)
{
    if (strcmp(verb, "start") == 0)
        start_client();
    else if (strcmp(verb, "stop") == 0)
        end_client(SIGTERM);
    else if (strcmp(verb, "kill") == 0)
        end_client(SIGKILL);
    else
        return false;
    return true;
}

static bool obey_for_stripe(const char *verb)
{
    bool pause = strcmp(verb, "pause") == 0;

    if (pause || strcmp(verb, "resume") == 0)
        pause_stripe(pause);
    return pause || strcmp(verb, "resume") == 0;
}

static bool obey_for_store(const char *verb, enum given_store_kind kind)
{
    if (strcmp(verb, "kill") == 0)
        kill_store(kind);
    else if (strcmp(verb, "start") == 0)
        revive_store(kind, /* wiped= */ false);
    else if (strcmp(verb, "wipe") == 0)
        revive_store(kind, /* wiped= */ true);
    else
        return false;
    return true;
}

static void note_published(void *context, int result)
{
    atomic_store((atomic_bool *)context, result == 0);
}

static bool is_published(void *context)
{
    return atomic_load((atomic_bool *)context);
}

/* The broker takes each id once, so each poison has one of its own. */
static void poison_tickets(void)
{
    static atomic_bool published;
    static int count;
    char id[32];
    struct bus_message message = {.subject = "ticket.updated",
                                  .id = id,
                                  .aggregate_id = "poison",
                                  .traceparent = "",
                                  .body = "{\"id\":\"not an id\"}",
                                  .at_ms = instant_now()};

    message.body_length = strlen(message.body);
    snprintf(id, sizeof(id), "poison-%d", ++count);
    atomic_store(&published, false);
    bus_publish(given_bus("test"), &message, note_published, &published);
    eventually(is_published, &published, 10000, "the broker has the poison");
}

static bool obey(const char *verb, const char *name, int instance)
{
    static const char *const stores[] = {
        [GIVEN_MONGO] = "mongo", [GIVEN_NATS] = "nats", [GIVEN_REDIS] = "redis"};

    for (size_t i = 0; i < ARRAY_LENGTH(stores); i++)
        if (strcmp(name, stores[i]) == 0)
            return obey_for_store(verb, (enum given_store_kind)i);
    if (strcmp(verb, "poison") == 0 && strcmp(name, "tickets") == 0) {
        poison_tickets();
        return true;
    }
    if (strcmp(name, "client") == 0)
        return obey_for_client(verb);
    if (strcmp(name, "stripe") == 0)
        return obey_for_stripe(verb);
    return obey_for_service(verb, name, instance);
}

int main(int argc, char **argv)
{
    struct system_options options = {.client = true, .ops = true};
    char line[64], verb[32], name[32];
    size_t settings = 0;
    int instance;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--without-client") == 0) {
            options.client = false;
            continue;
        }
        if (strcmp(argv[i], "--twice") == 0) {
            options.instances = 2;
            continue;
        }
        cr_assert_lt(settings, ARRAY_LENGTH(options.env), "too many settings");
        options.env[settings++] = argv[i];
    }
    given_system(&options);
    say_where();
    while (fgets(line, sizeof(line), stdin)) {
        instance = 0;
        if (sscanf(line, "%31s %31s %d", verb, name, &instance) < 2 || !obey(verb, name, instance))
            cr_assert_fail("no such order: %s", line);
        say(json_pack("{s:b}", "ok", 1));
    }
    return EXIT_SUCCESS;
}
