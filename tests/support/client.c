/*
 * The web client of a story's system: `make client` built it, Node.js serves it, behind the edge.
 * One process, not under a sanitizer; it knows the edge and nothing else.
 */
#include "tests/support/client.h"

#include "tests/support/process.h"

#include <signal.h>
#include <stdio.h>

#define READY_MS 30000
#define END_MS   10000
#define PROGRAM  "build/client/server.js"

static struct {
    pid_t pid; /* 0: does not run */
    int port;
} client;

int client_port(void)
{
    if (client.port == 0)
        client.port = free_port();
    return client.port;
}

static bool is_ready(void *context)
{
    const char *log = context;
    int status;

    if (process_has_ended(client.pid, &status)) {
        print_file(log);
        cr_assert_fail("the web client ended at its start with status %d", status);
    }
    return port_answers(client.port);
}

void start_client(void)
{
    char api[64], port[16], log[128];
    const char *argv[] = {find_program("TEST_NODE", "node"), "--max-old-space-size=256", PROGRAM,
                          NULL};
    const char *env[] = {api,
                         port,
                         "HOSTNAME=127.0.0.1",
                         "NODE_ENV=production",
                         "NEXT_TELEMETRY_DISABLED=1",
                         "KEEP_ALIVE_TIMEOUT=15000",
                         "STRIPE_JS_URL=/stripe/js.stripe.com/v3/",
                         "STRIPE_PUBLISHABLE_KEY=pk_test_story",
                         NULL};

    cr_assert_eq(client.pid, 0, "the web client runs");
    snprintf(api, sizeof(api), "API_URL=http://127.0.0.1:%d", system_edge_port());
    snprintf(port, sizeof(port), "PORT=%d", client_port());
    snprintf(log, sizeof(log), "%s/client.log", test_folder());
    client.pid = spawn(argv, env, log);
    eventually(is_ready, log, READY_MS, "the web client answers");
}

void end_client(int signal_number)
{
    cr_assert_neq(client.pid, 0, "the web client does not run");
    end_process(client.pid, signal_number, END_MS);
    client.pid = 0;
}
