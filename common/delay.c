/*
 * Delayed jobs: the pool of connections to Redis, and the commands.
 *
 * Every command here may be sent twice without harm, so one that fails on a connection from the
 * pool (Redis was restarted meanwhile) is sent once more on a new one before it counts as failed.
 * Scripts are sent by their hash; a Redis that does not know it (yet, or any more) gets the text.
 */

#include "common/delay.h"
#include "common/delay_scripts.h"
#include "common/instant.h"
#include "common/text.h"
#include "common/writer.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 4
#define TIMEOUT_MS      1500
#define KEY_BYTES       128
#define SHA1_BYTES      41

struct script {
    const char *text;
    char sha1[SHA1_BYTES]; /* "" until Redis has told it; under the delay's lock */
};

struct delay {
    char *host;
    int port;
    int database;
    char due[KEY_BYTES], leased[KEY_BYTES], marker[KEY_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t returned;
    redisContext *idle[CONNECTIONS_MAX];
    size_t idle_count, open_count;
    struct script claim, cancel;
};

struct redis_url {
    char host[256], port[8], database[8];
};

static bool parse_url(const char *url, struct redis_url *ret_url)
{
    struct redis_url parsed = {.port = "6379", .database = "0"};
    const char *text = url + 8;
    char rest;

    if (strncmp(url, "redis://", 8) != 0)
        return false;
    if (sscanf(text, "%255[^:/]:%7[0-9]/%7[0-9]%c", parsed.host, parsed.port, parsed.database,
               &rest) != 3 &&
        sscanf(text, "%255[^:/]:%7[0-9]%c", parsed.host, parsed.port, &rest) != 2 &&
        sscanf(text, "%255[^:/]%c", parsed.host, &rest) != 1)
        return false;
    *ret_url = parsed;
    return true;
}

bool delay_is_url(const char *url)
{
    struct redis_url parsed;

    return parse_url(url, &parsed);
}

int delay_open(const char *url, const char *prefix, struct delay **ret_delay)
{
    pthread_condattr_t attributes;
    struct redis_url parsed;
    struct delay *delay;

    if (!parse_url(url, &parsed))
        return fail(-EINVAL, "REDIS_URL must be redis://host:port[/database]");
    delay = xcalloc(1, sizeof(*delay));
    delay->host = xstrdup(parsed.host);
    delay->port = (int)strtol(parsed.port, NULL, 10);
    delay->database = (int)strtol(parsed.database, NULL, 10);
    snprintf(delay->due, sizeof(delay->due), "%s:due", prefix);
    snprintf(delay->leased, sizeof(delay->leased), "%s:leased", prefix);
    snprintf(delay->marker, sizeof(delay->marker), "%s:marker", prefix);
    delay->claim.text = delay_claim_script;
    delay->cancel.text = delay_cancel_script;
    pthread_mutex_init(&delay->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&delay->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_delay = delay;
    return 0;
}

struct delay *delay_free(struct delay *delay)
{
    if (delay == NULL)
        return NULL;
    for (size_t i = 0; i < delay->idle_count; i++)
        redisFree(delay->idle[i]);
    pthread_mutex_destroy(&delay->lock);
    pthread_cond_destroy(&delay->returned);
    free(delay->host);
    free(delay);
    return NULL;
}

static redisContext *connect_new(const struct delay *delay)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_MS / 1000, .tv_usec = TIMEOUT_MS % 1000 * 1000};
    redisContext *connection = redisConnectWithTimeout(delay->host, delay->port, timeout);
    redisReply *reply = NULL;
    bool fine = connection != NULL && connection->err == 0 &&
                redisSetTimeout(connection, timeout) == REDIS_OK;

    if (fine && delay->database != 0) {
        reply = redisCommand(connection, "SELECT %d", delay->database);
        fine = reply != NULL && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
    }
    if (fine)
        return connection;
    if (connection != NULL)
        redisFree(connection);
    return NULL;
}

/* Take a connection; *ret_used: it was used before, so Redis may have closed it. NULL: away. */
static redisContext *connection_take(struct delay *delay, bool *ret_used)
{
    int64_t until_ms = instant_monotonic() + TIMEOUT_MS;
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    redisContext *connection = NULL;
    bool in_time = true;

    pthread_mutex_lock(&delay->lock);
    while (delay->idle_count == 0 && delay->open_count == CONNECTIONS_MAX && in_time)
        in_time = pthread_cond_timedwait(&delay->returned, &delay->lock, &until) == 0;
    if (delay->idle_count == 0 && delay->open_count == CONNECTIONS_MAX) {
        pthread_mutex_unlock(&delay->lock);
        return NULL;
    }
    *ret_used = delay->idle_count > 0;
    if (*ret_used)
        connection = delay->idle[--delay->idle_count];
    else
        delay->open_count++;
    pthread_mutex_unlock(&delay->lock);
    if (connection != NULL)
        return connection;
    connection = connect_new(delay);
    if (connection == NULL) {
        pthread_mutex_lock(&delay->lock);
        delay->open_count--;
        pthread_cond_signal(&delay->returned);
        pthread_mutex_unlock(&delay->lock);
    }
    return connection;
}

static void connection_return(struct delay *delay, redisContext *connection)
{
    bool broken = connection->err != 0;

    if (broken)
        redisFree(connection);
    pthread_mutex_lock(&delay->lock);
    if (broken)
        delay->open_count--;
    else
        delay->idle[delay->idle_count++] = connection;
    pthread_cond_signal(&delay->returned);
    pthread_mutex_unlock(&delay->lock);
}

/* A command: its words. */
struct command {
    int count;
    const char *words[10];
};

static redisReply *send_once(struct delay *delay, const struct command *command, bool *ret_used)
{
    redisContext *connection = connection_take(delay, ret_used);
    size_t lengths[ARRAY_LENGTH(command->words)];
    const char *words[ARRAY_LENGTH(command->words)];
    redisReply *reply;

    if (connection == NULL) {
        *ret_used = false;
        return NULL;
    }
    for (int i = 0; i < command->count; i++) {
        words[i] = command->words[i];
        lengths[i] = strlen(words[i]);
    }
    reply = redisCommandArgv(connection, command->count, words, lengths);
    connection_return(delay, connection);
    return reply;
}

/* Send; 0 and a reply that is no error (caller frees with freeReplyObject), NOT_FOUND if it is a
 * script that Redis does not know, or -EAGAIN. */
static int call(struct delay *delay, const struct command *command, redisReply **ret_reply)
{
    bool used;
    redisReply *reply = send_once(delay, command, &used);

    while (reply == NULL && used) /* the others of the pool are as old */
        reply = send_once(delay, command, &used);
    if (reply == NULL)
        return -EAGAIN;
    if (reply->type == REDIS_REPLY_ERROR) {
        bool unknown = strncmp(reply->str, "NOSCRIPT", 8) == 0;
        bool loading = strncmp(reply->str, "LOADING", 7) == 0;
        int r = unknown   ? NOT_FOUND
                : loading ? -EAGAIN
                          : fail(-EAGAIN, "Redis refused %s: %s", command->words[0], reply->str);

        freeReplyObject(reply);
        return r;
    }
    *ret_reply = reply;
    return 0;
}

/* Call, where only success matters. */
static int call_only(struct delay *delay, const struct command *command)
{
    redisReply *reply = NULL;
    int r = call(delay, command, &reply);

    freeReplyObject(reply);
    return r;
}

static int script_load(struct delay *delay, struct script *script)
{
    redisReply *reply = NULL;
    int r = call(delay, &(struct command){3, {"SCRIPT", "LOAD", script->text}}, &reply);

    if (r == 0 && (reply->type != REDIS_REPLY_STRING || reply->len != SHA1_BYTES - 1))
        r = fail(-EIO, "Redis did not load a script");
    if (r == 0) {
        pthread_mutex_lock(&delay->lock);
        memcpy(script->sha1, reply->str, SHA1_BYTES);
        pthread_mutex_unlock(&delay->lock);
    }
    freeReplyObject(reply);
    return r;
}

/* Run `script` with the three keys and `count` arguments. */
static int script_run(struct delay *delay, struct script *script, const char *const *arguments,
                      int count, redisReply **ret_reply)
{
    struct command command = {6 + count,
                              {"EVALSHA", NULL, "3", delay->due, delay->leased, delay->marker}};
    char sha1[SHA1_BYTES];
    int r = NOT_FOUND;

    for (int i = 0; i < count; i++)
        command.words[6 + i] = arguments[i];
    command.words[1] = sha1;
    for (int tries = 0; tries < 2 && r == NOT_FOUND; tries++) {
        pthread_mutex_lock(&delay->lock);
        memcpy(sha1, script->sha1, sizeof(sha1));
        pthread_mutex_unlock(&delay->lock);
        if (sha1[0] != '\0')
            r = call(delay, &command, ret_reply);
        if (r == NOT_FOUND) {
            int loaded = script_load(delay, script);

            if (loaded != 0)
                return loaded;
        }
    }
    return r == NOT_FOUND ? -EAGAIN : r; /* wiped again in between */
}

int delay_ping(struct delay *delay)
{
    return call_only(delay, &(struct command){1, {"PING"}});
}

static int check_config(struct delay *delay, const char *name, const char *must,
                        struct writer *problems)
{
    redisReply *reply = NULL;
    const char *is = "unknown";
    int r = call(delay, &(struct command){3, {"CONFIG", "GET", name}}, &reply);

    if (r != 0)
        return r;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2)
        is = reply->element[1]->str;
    if (strcmp(is, must) != 0)
        write_format(problems, "Redis: %s must be %s, it is %s\n", name, must, is);
    freeReplyObject(reply);
    return 0;
}

int delay_prepare(struct delay *delay, struct writer *problems)
{
    int r = check_config(delay, "maxmemory-policy", "noeviction", problems);

    return r != 0 ? r : check_config(delay, "appendonly", "yes", problems);
}

int delay_schedule(struct delay *delay, const char *id, int64_t due_at_ms)
{
    char due[24];

    snprintf(due, sizeof(due), "%" PRId64, due_at_ms);
    return call_only(delay, &(struct command){5, {"ZADD", delay->due, "GT", due, id}});
}

int delay_cancel(struct delay *delay, const char *id)
{
    redisReply *reply = NULL;
    int r = script_run(delay, &delay->cancel, &id, 1, &reply);

    freeReplyObject(reply);
    return r;
}

/* Read the claim script's answer. */
static int read_claim(const redisReply *reply, struct delay_job *ret_jobs, size_t most,
                      int64_t *ret_next_ms, bool *ret_marked)
{
    size_t count;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->elements % 2 != 0)
        return fail(-EIO, "Redis gave a claim of an unknown shape");
    count = (reply->elements - 2) / 2;
    for (size_t i = 0; i < count && i < most; i++) {
        text_copy(ret_jobs[i].id, sizeof(ret_jobs[i].id), reply->element[2 + 2 * i]->str);
        ret_jobs[i].due_at_ms = strtoll(reply->element[3 + 2 * i]->str, NULL, 10);
    }
    *ret_next_ms = reply->element[0]->integer;
    *ret_marked = reply->element[1]->integer == 1;
    return (int)count;
}

int delay_claim(struct delay *delay, struct delay_job *ret_jobs, size_t most, int64_t wait_most_ms,
                size_t *ret_count, int64_t *ret_next_ms, bool *ret_marked)
{
    char count[24], lease[24], wait[24];
    const char *arguments[] = {count, lease, wait};
    redisReply *reply = NULL;
    int r;

    most = most < DELAY_CLAIM_MAX ? most : DELAY_CLAIM_MAX;
    snprintf(count, sizeof(count), "%zu", most);
    snprintf(lease, sizeof(lease), "%d", DELAY_LEASE_MS);
    snprintf(wait, sizeof(wait), "%" PRId64, wait_most_ms);
    r = script_run(delay, &delay->claim, arguments, 3, &reply);
    if (r == 0)
        r = read_claim(reply, ret_jobs, most, ret_next_ms, ret_marked);
    freeReplyObject(reply);
    if (r < 0)
        return r;
    *ret_count = (size_t)r;
    return 0;
}

int delay_done(struct delay *delay, const struct delay_job *job)
{
    char member[DELAY_ID_BYTES + 24];

    snprintf(member, sizeof(member), "%s:%" PRId64, job->id, job->due_at_ms);
    return call_only(delay, &(struct command){3, {"ZREM", delay->leased, member}});
}

int delay_mark(struct delay *delay)
{
    return call_only(delay, &(struct command){3, {"SET", delay->marker, "1"}});
}

static int count_set(struct delay *delay, const char *key, int64_t *ret_count)
{
    redisReply *reply = NULL;
    int r = call(delay, &(struct command){2, {"ZCARD", key}}, &reply);

    if (r == 0 && reply != NULL)
        *ret_count = reply->integer;
    freeReplyObject(reply);
    return r;
}

int delay_count(struct delay *delay, int64_t *ret_due, int64_t *ret_leased)
{
    int r = count_set(delay, delay->due, ret_due);

    return r != 0 ? r : count_set(delay, delay->leased, ret_leased);
}
