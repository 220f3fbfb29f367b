/*
 * Processes: the five services as they are, main() and all, each as often as there are instances.
 *
 * A process is the fibers that its main() has started. It dies by having them dropped, at any step,
 * with whatever they had in hand; what is left is what the stores, the broker and Stripe know. Then
 * its main() is called again, as an orchestrator would.
 *
 * Of HTTP only the wire is ours: a request becomes an exchange as libmicrohttpd's callbacks would
 * have made it, and goes through the dispatcher with all its checks (common/http_route.c).
 */

#include "tests/simulator/simulator.h"

#include "common/http_internal.h"
#include "common/log.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_WAIT_MIN_US (2 * SECOND_US) /* how long people wait for an answer */
#define ANSWER_WAIT_MAX_US (8 * SECOND_US)

int auth_main(int argc, char **argv);
int tickets_main(int argc, char **argv);
int orders_main(int argc, char **argv);
int expiration_main(int argc, char **argv);
int payments_main(int argc, char **argv);

struct process processes[SERVICES_MAX * INSTANCES_MAX];
size_t process_count;

/* ---- life ---- */

static void start(void *argument);

static void end(struct process *process)
{
    process->alive = false;
    process->told_to_stop = false;
    process->http = NULL;
    process->requests = 0;
    process->paused_until_us = 0;
    process->life++;
    bus_drop(process);
    fibers_drop(process);
    later(chance_between(0, 3 * SECOND_US), NULL, start, process);
}

static void ended(void *argument)
{
    end(argument);
}

static void *run(void *argument)
{
    struct process *process = argument;
    char *argv[] = {process->name, NULL};

    if (process->main(1, argv) != 0)
        broken("P10", "%s could not start", process->name);
    note("has stopped");
    later(0, process, ended, process); /* from outside: its fibers are dropped then */
    return NULL;
}

static void start(void *argument)
{
    struct process *process = argument;

    process->alive = true;
    fiber_start(process, "main", run, process);
}

void process_kill(struct process *process)
{
    note("KILL %s", process->name);
    world.verdict.kills++;
    end(process);
}

void process_stop(struct process *process)
{
    note("SIGTERM %s", process->name);
    world.verdict.stops++;
    process->told_to_stop = true;
    fiber_wake(&process->told_to_stop);
}

void processes_open(int instances)
{
    static const struct {
        const char *service;
        int (*main)(int argc, char **argv);
    } services[SERVICES_MAX] = {{"auth", auth_main},
                                {"tickets", tickets_main},
                                {"orders", orders_main},
                                {"expiration", expiration_main},
                                {"payments", payments_main}};

    for (size_t i = 0; i < SERVICES_MAX; i++)
        for (int number = 1; number <= instances; number++) {
            struct process *process = &processes[process_count++];

            process->service = services[i].service;
            process->number = number;
            process->main = services[i].main;
            process->skew_us = chance_between(-world.faults.skew_ms, world.faults.skew_ms) * MS_US;
            snprintf(process->name, sizeof(process->name), "%s-%d", process->service, number);
            start(process);
        }
}

int simulated_sigwait(const sigset_t *set, int *ret_signal);
int simulated_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);

int simulated_sigwait(const sigset_t *set, int *ret_signal)
{
    struct process *process = fiber_process();

    (void)set;
    while (!process->told_to_stop)
        fiber_wait(&process->told_to_stop, INT64_MAX);
    *ret_signal = SIGTERM;
    return 0;
}

int simulated_sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    struct process *process = fiber_process();
    int64_t us = (int64_t)timeout->tv_sec * SECOND_US + timeout->tv_nsec / 1000;

    (void)set;
    (void)info;
    if (!process->told_to_stop)
        fiber_wait(&process->told_to_stop, world.now_us + us);
    if (process->told_to_stop)
        return SIGTERM;
    errno = EAGAIN;
    return -1;
}

/* ---- what the services say to their log is part of the trace ---- */

void log_event(enum log_level level, const char *message, const char *fields, ...)
{
    char text[160];
    va_list arguments;

    if (!world.options.trace && !world.options.tell)
        return;
    va_start(arguments, fields);
    vsnprintf(text, sizeof(text), fields, arguments);
    va_end(arguments);
    note("%s: %s %s", level >= LOG_WARNING ? "WARNS" : "says", message, text);
}

/* ---- HTTP ---- */

int http_open(const struct http_config *config, struct http_server **ret_server)
{
    struct http_server *server = xcalloc(1, sizeof(*server));

    server->config = *config;
    *ret_server = server;
    fiber_process()->http = server;
    step("listens");
    return 0;
}

int http_port(const struct http_server *server)
{
    (void)server;
    return 0;
}

/* Wait until no request is under way, at most until `until_us`. */
static void wait_for_requests(struct process *process, int64_t until_us)
{
    while (process->requests > 0 && world.now_us < until_us)
        fiber_wait(&process->requests, until_us);
}

void http_drain(struct http_server *server, int64_t timeout_ms)
{
    struct process *process = fiber_process();

    if (process->http == server)
        process->http = NULL;
    wait_for_requests(process, world.now_us + timeout_ms * MS_US);
}

struct http_server *http_free(struct http_server *server)
{
    struct process *process = fiber_process();

    if (server == NULL)
        return NULL;
    if (process->http == server)
        process->http = NULL;
    wait_for_requests(process, INT64_MAX);
    free(server);
    return NULL;
}

struct MHD_Response *http_reply_build(struct http_exchange *exchange, unsigned int *ret_status)
{
    *ret_status = (unsigned int)exchange->reply.status;
    return NULL;
}

/* People say who they are: "<id> <role>". Tokens have tests of their own. */
void session_read(const struct session_config *config, const char *authorization,
                  const char *cookie, struct session *ret_session)
{
    struct session session = {.signed_in = authorization != NULL};

    (void)config;
    (void)cookie;
    if (session.signed_in) {
        memcpy(session.user_id, authorization, ID_BYTES - 1);
        session.role = strstr(authorization, "admin") != NULL ? ROLE_ADMIN : ROLE_USER;
    }
    *ret_session = session;
}

/* A request on its way; freed by the last of the two who hold it. Its texts are its own: whoever
 * asked may have given up before it is read. */
struct errand {
    struct request request;
    char *session, *key, *signature;
    struct http_server *server;
    int holders;
    bool answered;
};

static void let_go(struct errand *errand)
{
    if (--errand->holders > 0)
        return;
    free(errand->session);
    free(errand->key);
    free(errand->signature);
    free(errand);
}

static struct errand *send_errand(const struct request *request, struct http_server *server)
{
    struct errand *errand = xcalloc(1, sizeof(*errand));

    *errand = (struct errand){.request = *request, .server = server, .holders = 2};
    if (request->session != NULL)
        errand->request.session = errand->session = xstrdup(request->session);
    if (request->key != NULL)
        errand->request.key = errand->key = xstrdup(request->key);
    if (request->signature != NULL)
        errand->request.signature = errand->signature = xstrdup(request->signature);
    return errand;
}

static size_t make_headers(const struct request *request, struct http_pair *ret_headers)
{
    size_t count = 0;

    ret_headers[count++] = (struct http_pair){"Content-Type", "application/json"};
    if (request->session != NULL)
        ret_headers[count++] = (struct http_pair){"Authorization", request->session};
    if (request->key != NULL)
        ret_headers[count++] = (struct http_pair){"Idempotency-Key", request->key};
    if (request->signature != NULL)
        ret_headers[count++] = (struct http_pair){"Stripe-Signature", request->signature};
    return count;
}

/* Dispatch it as the connection's callbacks would. */
static void dispatch(struct errand *errand)
{
    struct request *asked = &errand->request;
    struct http_pair headers[4];
    struct http_exchange *exchange = xcalloc(1, sizeof(*exchange));
    struct http_request *request = &exchange->request;
    cleanup(writer_release) struct writer errors = {0};
    unsigned int status;

    exchange->server = errand->server;
    exchange->headers = headers;
    exchange->header_count = make_headers(asked, headers);
    snprintf(exchange->id, sizeof(exchange->id), "request-%llx",
             (unsigned long long)chance_below(UINT64_MAX));
    request->id = exchange->id;
    request->client = "192.0.2.1";
    request->path = asked->path;
    request->body_bytes = asked->body;
    request->body_length = strlen(asked->body);
    request->deadline_ms = instant_monotonic() + HTTP_REQUEST_TIME_MS;
    exchange->body_seen = request->body_length;
    http_reply_init(&exchange->reply);
    trace_make(NULL, /* ratio= */ 1, exchange->trace);
    http_route_find(exchange, asked->method);
    asked->status = http_check_early(exchange);
    if (asked->status == 0) {
        http_dispatch(exchange, &status);
        asked->status = (int)status;
        writer_init(&errors);
        if (exchange->reply.error_count > 0)
            http_reply_errors(&exchange->reply, asked->status, NULL, &errors);
        text_copy(asked->answer, sizeof(asked->answer),
                  writer_text(exchange->reply.error_count > 0 ? &errors : &exchange->reply.body));
    }
    http_reply_release(&exchange->reply);
    json_decref(exchange->json);
    free(exchange);
}

static void arrive(void *argument)
{
    struct errand *errand = argument;

    errand->answered = true;
    fiber_wake(errand);
    let_go(errand);
}

static void *serve(void *argument)
{
    struct errand *errand = argument;
    struct process *process = fiber_process();

    step("%s %s %s", errand->request.method, errand->request.path, errand->request.body);
    dispatch(errand);
    process->requests--;
    fiber_wake(&process->requests);
    hush(false);
    note("answers %d %.100s", errand->request.status, errand->request.answer);
    if (world_fault(world.faults.answer_lost))
        let_go(errand);
    else
        later(chance_between(0, 20 * MS_US), NULL, arrive, errand);
    return NULL;
}

/* One of the service's processes that answer; NULL: none does. */
static struct process *choose_process(const char *service)
{
    struct process *chosen = NULL;
    uint64_t seen = 0;

    for (size_t i = 0; i < process_count; i++)
        if (strcmp(processes[i].service, service) == 0 && processes[i].alive &&
            processes[i].http != NULL && chance_below(++seen) == 0)
            chosen = &processes[i];
    return chosen;
}

void ask(struct request *request)
{
    int64_t until_us;
    struct errand *errand;
    struct process *process;

    request->status = 0;
    request->answer[0] = '\0';
    fiber_sleep(chance_between(0, 20 * MS_US));
    process = choose_process(request->service);
    if (process == NULL) {
        request->status = 503;
        return;
    }
    world.verdict.requests++;
    errand = send_errand(request, process->http);
    process->requests++;
    fiber_start(process, "request", serve, errand);
    until_us = world.now_us + chance_between(ANSWER_WAIT_MIN_US, ANSWER_WAIT_MAX_US);
    while (!errand->answered && world.now_us < until_us)
        fiber_wait(errand, until_us);
    if (errand->answered) {
        request->status = errand->request.status;
        memcpy(request->answer, errand->request.answer, sizeof(request->answer));
    }
    let_go(errand);
}
