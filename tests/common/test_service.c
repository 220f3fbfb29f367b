/*
 * service_main from outside: a small service in a process of its own, on real stores, talked to by
 * signals, HTTP and the bus.
 */

#include "common/instant.h"
#include "common/service_private.h"
#include "tests/common/heard.h"
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID_ONE "5f1e0c2a9d3b4e6f7a8b9c01"
#define KEY    "a key of these tests, 32 bytes long"

/* The service's own struct app; heard.h's is another program's. */
struct probe_app {
    struct core core;
    const char *greeting, *farewell;
};

static int route_greet(struct app *app, const struct http_request *request,
                       struct http_reply *reply)
{
    struct writer *body = reply_body(reply, 200);

    (void)request;
    write_object_begin(body, NULL);
    write_text(body, "greeting", ((struct probe_app *)app)->greeting);
    write_object_end(body);
    return 0;
}

/* Every event leaves a document, each time; or none, as if the store were away. */
static int on_order(struct app *app, const struct event *event)
{
    struct core *core = (struct core *)app;
    cleanup(bson_freep) bson_t *document = BCON_NEW("order", BCON_UTF8(event->aggregate_id));

    if (strcmp(((struct probe_app *)app)->farewell, "never") == 0)
        return -EAGAIN;
    return store_insert(core->store, "effects", document, NULL);
}

/* Opening takes until somebody has left a document in "go". */
static int open_app(struct app *app)
{
    struct core *core = (struct core *)app;
    bson_t all = BSON_INITIALIZER;
    int64_t until_ms = instant_monotonic() + 20000;
    bson_t *found = NULL;

    if (strcmp(((struct probe_app *)app)->farewell, "later") != 0)
        return 0;
    while (found == NULL && instant_monotonic() < until_ms &&
           store_find(core->store, "go", &all, NULL, &found) == NOT_FOUND)
        nats_Sleep(5);
    bson_destroy(found);
    return 0;
}

static int leave_mark(struct app *app)
{
    struct core *core = (struct core *)app;
    cleanup(bson_freep) bson_t *document = BCON_NEW("at", BCON_DATE_TIME(instant_now()));

    return store_insert(core->store, "marks", document, NULL);
}

static int to_event(const bson_t *document, struct event *ret_event)
{
    char id[ID_BYTES];

    if (!store_read_id(document, "_id", id))
        return -EINVAL;
    event_init(ret_event, EVENT_USER_CREATED, id, store_read_int(document, "version", 0));
    text_copy(ret_event->user.email, EMAIL_BYTES, "ann@example.com");
    return 0;
}

static int answer_greet(void *context, const char *request, struct writer *reply)
{
    (void)request;
    write_object_begin(reply, NULL);
    write_text(reply, "greeting", ((struct probe_app *)context)->greeting);
    write_object_end(reply);
    return 0;
}

static void check_app(struct app *app, struct writer *problems)
{
    if (strcmp(((struct probe_app *)(void *)app)->farewell, "hello") == 0)
        write_format(problems, "FAREWELL: must be none of a greeting\n");
}

/* clang-format off */
static const struct setting settings[] = {
    {"GREETING", SETTING_TEXT, "hello", offsetof(struct probe_app, greeting), 1, 100, "what it says"},
    {"FAREWELL", SETTING_TEXT, "bye",   offsetof(struct probe_app, farewell), 1, 100, "what it says last"},
};
static const struct http_route routes[] = {
    {"GET", "/greet", PUBLIC, HTTP_WORKER, route_greet},
};
static const struct event_listener listeners[] = {
    {EVENT_ORDER_CREATED, "probe-orders", NULL, on_order},
};
static const enum event_type says[] = {EVENT_USER_CREATED};
static const struct store_index indexes[] = {OUTBOX_INDEX("people")};
static const struct service_job jobs[] = {{"marks", 50, leave_mark, "leaves a mark"}};
static const struct service_aggregate aggregates[] = {{"people", to_event, /* from_event= */ NULL}};
static const struct bus_verb verbs[] = {{"greet", answer_greet}};

static const struct service probe = {
    .name = "probe", .motto = "is probed", .port = 3999, .app_size = sizeof(struct probe_app),
    .settings = settings, .setting_count = ARRAY_LENGTH(settings),
    .routes = routes, .route_count = ARRAY_LENGTH(routes),
    .listeners = listeners, .listener_count = ARRAY_LENGTH(listeners),
    .says = says, .says_count = ARRAY_LENGTH(says),
    .indexes = indexes, .index_count = ARRAY_LENGTH(indexes),
    .jobs = jobs, .job_count = ARRAY_LENGTH(jobs),
    .aggregates = aggregates, .aggregate_count = ARRAY_LENGTH(aggregates),
    .check = check_app,
    .open = open_app,
    .verbs = verbs, .verb_count = ARRAY_LENGTH(verbs),
};
/* clang-format on */

struct process {
    pid_t pid;
    int port;
    char log[64];
};

static struct process start_as(const char *argument, bool held)
{
    struct process process = {.port = free_port()};
    char port[16];

    snprintf(process.log, sizeof(process.log), "/tmp/test_service_%d_%d.log", (int)getpid(),
             process.port);
    snprintf(port, sizeof(port), "%d", process.port);
    setenv("PORT", port, /* overwrite= */ 1);
    setenv("MONGO_DATABASE", given_database(), 1);
    setenv("HTTP_WORKERS", "2", 1);
    setenv("JWT_KEY", KEY, /* overwrite= */ 0);
    process.pid = fork();
    if (process.pid == 0) {
        char *argv[] = {(char *)"probe", (char *)argument, NULL};
        int log = open(process.log, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        int code;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        if (held)
            raise(SIGSTOP);
        code = service_main(&probe, argument != NULL ? 2 : 1, argv);
        fflush(stdout);
        _exit(code); /* what the test does at its exit is not this process's */
    }
    return process;
}

/* Run the service with `argument` (NULL: none) in a process of its own. Must come before this
 * process has threads of its own. */
static struct process start(const char *argument)
{
    return start_as(argument, /* held= */ false);
}

/* The same, but it waits for a SIGCONT. */
static struct process start_held(const char *argument)
{
    return start_as(argument, /* held= */ true);
}

static void given_stores(void)
{
    setenv("MONGO_URI", given_mongo(), 1);
    setenv("NATS_URL", given_nats(), 1);
}

/* The exit code; fails the test after 15 s. */
static int exit_code(struct process *process)
{
    int64_t deadline = instant_monotonic() + 15000;
    int status = 0;

    while (waitpid(process->pid, &status, WNOHANG) == 0) {
        cr_assert_lt(instant_monotonic(), deadline, "it does not end");
        nats_Sleep(5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int stop(struct process *process)
{
    int code;

    kill(process->pid, SIGTERM);
    code = exit_code(process);
    unlink(process->log);
    return code;
}

/* What it has written so far. */
static const char *log_of(const struct process *process)
{
    static char text[65536];
    FILE *file = fopen(process->log, "r");
    size_t length = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    text[length] = '\0';
    return text;
}

/* GET: the status, 0 if nobody answers; the whole answer in `ret_text` of 64 KiB, or NULL. */
static int get(const struct process *process, const char *path, char *ret_text)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)process->port)};
    static char text[65536];
    size_t length = 0;
    ssize_t got;
    int status = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
        while ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
            length += (size_t)got;
    }
    close(fd);
    text[length] = '\0';
    if (sscanf(text, "HTTP/1.1 %d", &status) != 1)
        return 0;
    if (ret_text != NULL)
        memcpy(ret_text, text, length + 1);
    return status;
}

/* A path and the status that is waited for. */
struct expected {
    struct process *process;
    const char *path;
    int status;
};

static bool answers(void *context)
{
    struct expected *expected = context;

    return get(expected->process, expected->path, NULL) == expected->status;
}

static void expect_answer(struct process *process, const char *path, int status, int64_t within_ms)
{
    struct expected expected = {process, path, status};

    eventually(answers, &expected, within_ms, path);
}

static struct process given_running(void)
{
    struct process process;

    given_stores();
    process = start(NULL);
    expect_answer(&process, "/readyz", 200, 15000);
    return process;
}

Test(service, it_starts_answers_and_stops)
{
    struct process process = given_running();
    char text[65536];

    cr_assert_eq(get(&process, "/livez", NULL), 200);
    cr_assert_eq(get(&process, "/greet", text), 200);
    cr_assert_not_null(strstr(text, "{\"greeting\":\"hello\"}"), "%s", text);
    cr_assert_eq(get(&process, "/metrics", text), 200);
    cr_assert_not_null(strstr(text, "bus_reconnects_total 0"), "%s", text);
    cr_assert_not_null(strstr(text, "Content-Type: text/plain"), "%s", text);
    cr_assert_eq(stop(&process), 0);
}

Test(service, sigint_stops_it_too)
{
    struct process process = given_running();

    kill(process.pid, SIGINT);
    cr_assert_eq(exit_code(&process), 0, "%s", log_of(&process));
    unlink(process.log);
}

Test(service, all_wrong_settings_are_named_at_once)
{
    static const char *const names[] = {
        "JWT_KEY: ",   "LISTENER_WORKERS: ", "LOG_LEVEL: ", "GREETING: ",       "FAREWELL: ",
        "MONGO_URI: ", "NATS_URL: ",         "ADDRESS: ",   "SESSION_COOKIE: ",
    };
    struct process process;

    setenv("JWT_KEY", "short", 1);
    setenv("LISTENER_WORKERS", "many", 1);
    setenv("LOG_LEVEL", "loud", 1);
    setenv("GREETING", "", 1);
    setenv("FAREWELL", "hello", 1);
    setenv("MONGO_URI", "127.0.0.1", 1);
    setenv("NATS_URL", "http://127.0.0.1", 1);
    setenv("ADDRESS", "here", 1);
    setenv("SESSION_COOKIE", "a b", 1);
    process = start(NULL);
    cr_assert_eq(exit_code(&process), 1);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        cr_assert_not_null(strstr(log_of(&process), names[i]), "%s", log_of(&process));
    }
    unlink(process.log);
}

Test(service, a_weak_key_is_taken_when_that_is_allowed)
{
    struct process process;

    setenv("JWT_KEY", "short", 1);
    setenv("ALLOW_WEAK_JWT_KEY", "true", 1);
    process = given_running();
    cr_assert_eq(stop(&process), 0);
}

Test(service, it_waits_for_stores_and_is_alive_meanwhile)
{
    struct process process;

    given_stores();
    kill_store(GIVEN_NATS);
    process = start(NULL);
    expect_answer(&process, "/livez", 200, 15000);
    cr_assert_eq(get(&process, "/readyz", NULL), 503);
    cr_assert_eq(get(&process, "/greet", NULL), 503, "it is not unknown, but not yet there");
    cr_assert_not_null(strstr(log_of(&process), "busy=\"Waiting for NATS\""), "%s",
                       log_of(&process));
    revive_store(GIVEN_NATS, /* wiped= */ false);
    expect_answer(&process, "/readyz", 200, 10000);
    cr_assert_eq(get(&process, "/greet", NULL), 200);
    cr_assert_eq(stop(&process), 0);
}

/* /readyz says 503 and that it is busy with this. */
static void expect_busy(struct process *process, const char *with)
{
    char text[65536];

    expect_answer(process, "/livez", 200, 15000);
    cr_assert_eq(get(process, "/readyz", text), 503);
    cr_assert_not_null(strstr(text, "\"Starting\""), "%s", text);
    cr_assert_not_null(strstr(text, with), "%s", text);
    cr_assert_eq(get(process, "/greet", NULL), 503);
}

Test(service, it_is_alive_while_opening_takes_long)
{
    cleanup(bson_freep) bson_t *go = BCON_NEW("go", BCON_BOOL(true));
    struct process process;

    given_stores();
    setenv("FAREWELL", "later", 1);
    process = start(NULL);
    expect_busy(&process, "Waiting for a store of its own");
    cr_assert_eq(store_insert(given_store(), "go", go, NULL), 0);
    expect_answer(&process, "/readyz", 200, 10000);
    cr_assert_eq(get(&process, "/greet", NULL), 200);
    cr_assert_eq(stop(&process), 0);
}

static bool says_progress(void *context)
{
    return strstr(log_of(context), "busy=\"Catching up with the streams\" done=") != NULL;
}

static bool has_all_effects(void *context)
{
    return documents("effects") == *(const int *)context;
}

/* Many events that it has to handle again, and a store that is away for each of them. */
Test(service, it_is_alive_while_it_catches_up_and_can_be_stopped_then)
{
    const int events = 300;
    bson_t all = BSON_INITIALIZER;
    struct process before, process;
    int64_t told_ms;

    given_stores();
    setenv("FAREWELL", "never", 1);
    process = start_held(NULL);
    setenv("FAREWELL", "bye", 1);
    before = start(NULL);
    expect_answer(&before, "/readyz", 200, 15000);
    for (int i = 0; i < events; i++) {
        struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, i);

        say_event(given_bus("orders"), &event);
    }
    eventually(has_all_effects, (void *)&events, 10000, "the events were handled");
    cr_assert_eq(stop(&before), 0);
    cr_assert_eq(store_remove(given_store(), "progress", &all, NULL), 0);

    kill(process.pid, SIGCONT);
    expect_busy(&process, "Catching up with the streams");
    eventually(says_progress, &process, 15000, "the log says how far it is");
    cr_assert_eq(get(&process, "/livez", NULL), 200);
    told_ms = instant_monotonic();
    cr_assert_eq(stop(&process), 0);
    cr_assert_lt(instant_monotonic() - told_ms, 8000);
    cr_assert_eq(documents("progress"), 0, "it says that it is through");
    cr_assert_eq(documents("effects"), events);
    bson_destroy(&all);
}

Test(service, it_can_be_stopped_while_it_waits)
{
    cleanup(freep) char *nowhere = xasprintf("mongodb://127.0.0.1:%d/?replicaSet=rs0", free_port());
    struct process process;

    setenv("MONGO_URI", nowhere, 1);
    process = start(NULL);
    expect_answer(&process, "/livez", 200, 15000);
    cr_assert_eq(stop(&process), 0);
}

Test(service, stores_that_are_not_as_they_must_be_end_it)
{
    const char *subjects[] = {"order.>"};
    jsStreamConfig config;
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    struct process process;

    given_stores();
    cr_assert_eq(natsConnection_ConnectTo(&connection, given_nats()), NATS_OK);
    cr_assert_eq(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
    jsStreamConfig_Init(&config);
    config.Name = "orders";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_MemoryStorage;
    cr_assert_eq(js_AddStream(NULL, js, &config, NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    process = start(NULL);
    cr_assert_eq(exit_code(&process), 1);
    cr_assert_not_null(strstr(log_of(&process), "stream orders"), "%s", log_of(&process));
    unlink(process.log);
}

Test(service, it_is_not_ready_while_the_broker_is_away)
{
    struct process process = given_running();

    kill_store(GIVEN_NATS);
    expect_answer(&process, "/readyz", 503, 5000);
    cr_assert_eq(get(&process, "/livez", NULL), 200);
    cr_assert_eq(get(&process, "/greet", NULL), 200);
    revive_store(GIVEN_NATS, /* wiped= */ false);
    expect_answer(&process, "/readyz", 200, 10000);
    cr_assert_eq(stop(&process), 0);
}

static bool has_documents(void *context)
{
    return documents(context) > 0;
}

Test(service, jobs_run_and_events_are_handled)
{
    struct process process = given_running();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);

    eventually(has_documents, (void *)"marks", 5000, "the job ran");
    say_event(given_bus("orders"), &event);
    eventually(has_documents, (void *)"effects", 5000, "the event was handled");
    cr_assert_eq(stop(&process), 0);
    cr_assert_eq(documents("effects"), 1);
    cr_assert_eq(documents("progress"), 1);
}

static char *ask(const char *verb, const char *request)
{
    struct bus_question question = {.service = "probe", .verb = verb, .request = request};
    char *reply = NULL;

    cr_assert_eq(bus_ask(given_bus("ticketctl"), &question, 10000, &reply), 0);
    return reply;
}

Test(service, it_handles_the_streams_again_when_asked)
{
    struct process process = given_running();
    struct event event = order_event(EVENT_ORDER_CREATED, ID_ONE, 0);
    bson_t all = BSON_INITIALIZER;
    cleanup(freep) char *reply = NULL;

    say_event(given_bus("orders"), &event);
    eventually(has_documents, (void *)"effects", 5000, "the event was handled");
    cr_assert_eq(store_remove(given_store(), "effects", &all, NULL), 0);
    bson_destroy(&all);
    reply = ask("replay", NULL);
    cr_assert_str_eq(reply, "{\"handled\":1}");
    cr_assert_eq(documents("effects"), 1);
    cr_assert_eq(stop(&process), 0);
}

Test(service, it_says_its_aggregates_again)
{
    struct process process = given_running();
    cleanup(bson_freep) bson_t *person = bson_new();
    cleanup(freep) char *reply = NULL;

    store_append_id(person, "_id", ID_ONE);
    BSON_APPEND_INT64(person, "version", 3);
    cr_assert_eq(store_insert(given_store(), "people", person, NULL), 0);
    reply = ask("resync", NULL);
    cr_assert_str_eq(reply, "{\"said\":1,\"failed\":0}");
    cr_assert_eq(stop(&process), 0);
}

Test(service, verbs_of_its_own_and_dead_letters_are_answered)
{
    struct process process = given_running();
    cleanup(freep) char *greet = ask("greet", NULL);
    cleanup(freep) char *none = ask("replay-dead", NULL);
    cleanup(freep) char *missing = ask("replay-dead", "no such letter");
    cleanup(freep) char *described = ask("describe", NULL);

    cr_assert_str_eq(greet, "{\"greeting\":\"hello\"}");
    cr_assert_str_eq(none, "{\"handled\":0,\"failed\":0}");
    cr_assert_str_eq(missing, "{\"error\":\"not found\"}");
    cr_assert_not_null(strstr(described, "\"name\":\"probe\""));
    cr_assert_eq(stop(&process), 0);
}

Test(service, describe_prints_its_tables)
{
    struct process process = start("--describe");
    json_t *root;

    cr_assert_eq(exit_code(&process), 0);
    root = json_loads(log_of(&process), 0, NULL);
    cr_assert_not_null(root, "%s", log_of(&process));
    cr_assert_str_eq(json_string_value(json_object_get(root, "name")), "probe");
    cr_assert_eq(json_array_size(json_object_get(root, "routes")), 4);
    cr_assert_eq(json_array_size(json_object_get(root, "settings")), 2);
    cr_assert_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(root, "hears"), 0), "durable")),
                     "probe-orders");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(root, "says"), 0)),
                     "user.created");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(root, "watches"), 0)),
                     "user.banned");
    json_decref(root);
    unlink(process.log);
}

Test(service, help_names_every_setting_and_nonsense_is_refused)
{
    struct process process = start("--help");

    cr_assert_eq(exit_code(&process), 0);
    cr_assert_not_null(strstr(log_of(&process), "GREETING"));
    cr_assert_not_null(strstr(log_of(&process), "JWT_KEY"));
    process = start("--nonsense");
    cr_assert_eq(exit_code(&process), 2);
    process = start("--version");
    cr_assert_eq(exit_code(&process), 0);
    cr_assert_eq(strncmp(log_of(&process), "probe ", 6), 0);
    unlink(process.log);
}
