/*
 * One service alone: starts the binary that was built beside the tests, speaks HTTP to it by
 * libcurl (an easy handle a question, so that threads may ask at once), and plays all the others
 * on the bus.
 *
 * What the service prints goes to a file in the test's folder; it is shown when the service does
 * not get ready, and lost with the folder otherwise.
 */
#include "tests/support/one_service.h"

#include "common/instant.h"
#include "tests/support/exchanges.h"
#include "tests/support/process.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS  20000 /* under a sanitizer, on a busy machine */
#define ANSWER_MS 15000
#define EVENT_MS  15000
#define ENV_MAX   32

/* An answer with what it owns, kept until the test ends. */
struct kept_answer {
    struct answer answer;
    struct writer body, headers;
    json_t *json;
    struct kept_answer *next;
};

static struct kept_answer *kept_answers;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static int current_port;
static char *current_token;

static void release_all(void)
{
    while (kept_answers) {
        struct kept_answer *kept = kept_answers;

        kept_answers = kept->next;
        writer_release(&kept->body);
        writer_release(&kept->headers);
        json_decref(kept->json);
        free(kept);
    }
    free(take(current_token));
    curl_global_cleanup();
}

static void prepare_once(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    atexit(release_all);
}

static char *read_file(const char *path)
{
    struct writer text;
    char chunk[4096];
    FILE *file = fopen(path, "re");
    size_t length;

    writer_init(&text);
    while (file && (length = fread(chunk, 1, sizeof(chunk), file)) > 0)
        write_raw(&text, chunk, length);
    if (file)
        fclose(file);
    return writer_take(&text);
}

static pid_t start(const char *name, const char *const *env, int port, const char *log)
{
    char path[600], mongo[256], database[64], nats[128], port_text[16];
    cleanup(freep) char *program = xstrdup(name);
    char *argument = strchr(program, ' ');
    const char *argv[] = {path, argument != NULL ? argument + 1 : NULL, NULL};
    const char *all[ENV_MAX] = {mongo,
                                database,
                                nats,
                                port_text,
                                "ADDRESS=127.0.0.1",
                                "JWT_KEY=" ONE_SERVICE_JWT_KEY,
                                "COOKIE_SECURE=false",
                                "LOG_LEVEL=info"};
    const char *merged[ENV_MAX + 1] = {NULL};
    size_t count = 0;

    prepare_once();
    if (argument != NULL)
        *argument = '\0';
    find_built(program, path, sizeof(path));
    snprintf(mongo, sizeof(mongo), "MONGO_URI=%s", given_mongo());
    snprintf(database, sizeof(database), "MONGO_DATABASE=%s", given_database());
    snprintf(nats, sizeof(nats), "NATS_URL=%s", given_nats());
    snprintf(port_text, sizeof(port_text), "PORT=%d", port);

    /* The first of two settings of one name is the one that getenv finds. */
    for (size_t i = 0; env && env[i] && count < ENV_MAX; i++)
        merged[count++] = env[i];
    for (size_t i = 0; all[i] && count < ENV_MAX; i++)
        merged[count++] = all[i];
    return spawn(argv, merged, log);
}

struct starting {
    pid_t pid;
    bool ended;
    int status;
};

static bool is_ready_or_over(void *context)
{
    struct starting *starting = context;

    if (process_has_ended(starting->pid, &starting->status)) {
        starting->ended = true;
        return true;
    }
    return port_is_ready(current_port);
}

struct one_service given_one_service(const char *name, const char *const *env)
{
    struct one_service service = {.port = free_port()};
    struct starting starting = {0};
    char log[128];

    snprintf(log, sizeof(log), "%s/%s-%d.log", test_folder(), name, service.port);
    starting.pid = service.pid = start(name, env, service.port, log);
    current_port = service.port;
    eventually(is_ready_or_over, &starting, READY_MS, "the service is ready");
    if (starting.ended) {
        char *text = read_file(log);

        cr_assert_fail("%s ended with %d:\n%s", name, starting.status, text);
    }
    return service;
}

static bool is_over(void *context)
{
    struct starting *starting = context;

    return process_has_ended(starting->pid, &starting->status);
}

int given_one_service_that_ends(const char *name, const char *const *env, char **ret_log)
{
    struct starting starting = {0};
    int port = free_port();
    char log[128];

    snprintf(log, sizeof(log), "%s/%s-%d.log", test_folder(), name, port);
    starting.pid = start(name, env, port, log);
    eventually(is_over, &starting, READY_MS, "the service gives up");
    *ret_log = read_file(log);
    return WIFEXITED(starting.status) ? WEXITSTATUS(starting.status) : -1;
}

void turn_to(const struct one_service *service)
{
    prepare_once();
    current_port = service->port;
}

void end_one_service(const struct one_service *service)
{
    int status = end_process(service->pid, SIGTERM, READY_MS);

    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ended with status %d", status);
}

void sign_as(const char *user_id, enum session_role role)
{
    const struct session_config config = {.key = ONE_SERVICE_JWT_KEY, .seconds = 900};
    struct session session = {.signed_in = true, .role = role};

    free(take(current_token));
    if (!user_id)
        return;
    snprintf(session.user_id, sizeof(session.user_id), "%s", user_id);
    snprintf(session.email, sizeof(session.email), "%s@example.com", user_id);
    current_token = session_issue(&config, &session);
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    write_raw(context, data, size * count);
    return size * count;
}

struct curl_slist *question_headers(const struct question *question)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    bool has_type = false;

    for (size_t i = 0; i < ARRAY_LENGTH(question->headers) && question->headers[i]; i++) {
        headers = curl_slist_append(headers, question->headers[i]);
        has_type |= strncasecmp(question->headers[i], "Content-Type:", 13) == 0;
    }
    if (question->body && !has_type)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (current_token) {
        char *line = xasprintf("Authorization: Bearer %s", current_token);

        headers = curl_slist_append(headers, line);
        free(line);
    }
    return headers;
}

void question_url(const struct question *question, char *ret_url, size_t size)
{
    snprintf(ret_url, size, "http://127.0.0.1:%d%s", question->port ? question->port : current_port,
             question->path);
}

static struct kept_answer *keep_answer(void)
{
    struct kept_answer *kept = xcalloc(1, sizeof(*kept));

    pthread_mutex_lock(&kept_lock);
    kept->next = kept_answers;
    kept_answers = kept;
    pthread_mutex_unlock(&kept_lock);
    return kept;
}

const struct answer *ask_for(const struct question *question)
{
    struct kept_answer *kept = keep_answer();
    struct curl_slist *headers = question_headers(question);
    CURL *curl = curl_easy_init();
    char url[4096];
    CURLcode result;
    long status = 0;

    question_url(question, url, sizeof(url));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, question->method);
    if (strcmp(question->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (question->body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, question->body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &kept->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &kept->headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    cr_assert_eq(result, CURLE_OK, "%s %s: %s", question->method, question->path,
                 curl_easy_strerror(result));

    kept->json = json_loadb(writer_text(&kept->body), kept->body.length, 0, NULL);
    kept->answer = (struct answer){.status = (int)status,
                                   .body = writer_text(&kept->body),
                                   .headers = writer_text(&kept->headers),
                                   .json = kept->json};
    note_exchange(question, &kept->answer);
    return &kept->answer;
}

const struct answer *ask(const char *method, const char *path, const char *body)
{
    return ask_for(&(struct question){.method = method, .path = path, .body = body});
}

const char *answer_header(const struct answer *answer, const char *name, int nth)
{
    static char values[8][2048]; /* the last eight stay readable */
    static size_t used;
    size_t length = strlen(name);

    for (const char *line = answer->headers; *line;) {
        size_t end = strcspn(line, "\r\n");

        if (strncasecmp(line, name, length) == 0 && line[length] == ':' && nth-- == 0) {
            const char *value = line + length + 1;
            char *copy = values[used++ % ARRAY_LENGTH(values)];

            value += strspn(value, " ");
            snprintf(copy, sizeof(values[0]), "%.*s", (int)(line + end - value), value);
            return copy;
        }
        line += end + strspn(line + end, "\r\n");
    }
    return NULL;
}

static const json_t *find_member(const struct answer *answer, const char *member)
{
    const json_t *at = answer->json;
    char name[64];

    while (at && *member) {
        size_t length = strcspn(member, ".");

        snprintf(name, sizeof(name), "%.*s", (int)length, member);
        at = json_object_get(at, name);
        member += length + (member[length] == '.');
    }
    return at;
}

const char *answer_text(const struct answer *answer, const char *member)
{
    return json_string_value(find_member(answer, member));
}

double answer_number(const struct answer *answer, const char *member)
{
    const json_t *value = find_member(answer, member);

    return json_is_number(value) ? json_number_value(value) : -1;
}

void expect_status(const struct answer *answer, int status)
{
    cr_assert_eq(answer->status, status, "status %d instead of %d: %s", answer->status, status,
                 answer->body);
}

void expect_refusal(const struct answer *answer, int status, const char *field, const char *message)
{
    const json_t *errors = json_object_get(answer->json, "errors"), *error;
    const char *its_field;
    size_t i;

    expect_status(answer, status);
    json_array_foreach(errors, i, error)
    {
        its_field = json_string_value(json_object_get(error, "field"));
        if (strcmp(json_string_value(json_object_get(error, "message")), message) == 0 &&
            (field ? its_field && strcmp(its_field, field) == 0 : !its_field))
            return;
    }
    cr_assert_fail("no error \"%s\" (field %s) in %s", message, field ? field : "none",
                   answer->body);
}

static void note_published(void *context, int result)
{
    atomic_store((atomic_int *)context, result == 0 ? 1 : -1);
}

static bool is_published(void *context)
{
    return atomic_load((atomic_int *)context) != 0;
}

void deliver(const struct event *event)
{
    static atomic_int published; /* static: it outlives a test that gives up waiting */
    static unsigned long messages;
    cleanup(writer_release) struct writer body = {0};
    char id[EVENT_ID_BYTES + 32];
    struct bus_message message;

    writer_init(&body);
    message = bus_message_of(event, &body);
    snprintf(id, sizeof(id), "%s/%d-%lu", event->id, (int)getpid(), messages++);
    message.id = id;
    atomic_store(&published, 0);
    bus_publish(given_bus("test"), &message, note_published, &published);
    eventually(is_published, &published, EVENT_MS, "the broker has the event");
    cr_assert_eq(atomic_load(&published), 1, "cannot publish %s", event->id);
}

/* What is looked for in a stream, and what was found. */
struct search_for_event {
    enum event_type type; /* EVENT_TYPE_COUNT: any */
    const char *aggregate_id;
    int64_t version; /* -1: any */
    enum event_owner owner;
    int found;
    struct event event;
};

static int look_at(void *context, const struct event *event, uint64_t sequence)
{
    struct search_for_event *search = context;

    (void)sequence;
    if (strcmp(event->aggregate_id, search->aggregate_id) == 0 &&
        (search->type == EVENT_TYPE_COUNT || event->type == search->type) &&
        (search->version < 0 || event->version == search->version)) {
        search->event = *event;
        search->found++;
    }
    return 0;
}

static bool look_through(void *context)
{
    struct search_for_event *search = context;
    const struct bus_range range = {.owner = search->owner};

    search->found = 0;
    return bus_replay(given_bus("test"), &range, look_at, search) == 0 && search->found > 0;
}

struct event await_event(enum event_type type, const char *aggregate_id, int64_t version)
{
    struct search_for_event search = {.type = type,
                                      .aggregate_id = aggregate_id,
                                      .version = version,
                                      .owner = event_info(type)->owner};

    eventually(look_through, &search, EVENT_MS, event_info(type)->subject);
    note_event(&search.event);
    return search.event;
}

int count_events(enum event_type type, const char *aggregate_id)
{
    struct search_for_event search = {.type = EVENT_TYPE_COUNT,
                                      .aggregate_id = aggregate_id,
                                      .version = -1,
                                      .owner = event_info(type)->owner};

    look_through(&search);
    return search.found;
}

struct search_for_document {
    const char *collection;
    bson_t *filter, *found;
};

static bson_t *filter_from_json(const char *filter)
{
    bson_error_t error;
    bson_t *parsed = bson_new_from_json((const uint8_t *)filter, -1, &error);

    cr_assert_not_null(parsed, "%s: %s", filter, error.message);
    return parsed;
}

static bool find_document(void *context)
{
    struct search_for_document *search = context;

    return store_find(given_store(), search->collection, search->filter, NULL, &search->found) == 0;
}

bson_t *await_document(const char *collection, const char *filter)
{
    struct search_for_document search = {.collection = collection};

    search.filter = filter_from_json(filter);
    eventually(find_document, &search, EVENT_MS, filter);
    bson_destroy(search.filter);
    return search.found;
}

int64_t count_documents(const char *collection, const char *filter)
{
    cleanup(bson_freep) bson_t *parsed = filter_from_json(filter);
    int64_t count = -1;

    cr_assert_eq(store_count(given_store(), collection, parsed, 1000, &count), 0);
    return count;
}
