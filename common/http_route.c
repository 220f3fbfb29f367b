/*
 * Which route, and the contract's order of checks.
 *
 *   path 404, method 405 → 413, 415 → session or role 401 → path id 400 → body 400 → the handler
 *
 * Routes are few, so they are compared one by one; where several match, a fixed segment wins over
 * an id, from the left ("/api/tickets/events" over "/api/tickets/:id"), whatever their methods. A
 * path has the methods of the rows that match it best. Up to 415 the loop decides, so that nonsense
 * never takes a worker; from the session on it is the worker's work (or the loop's, for inline
 * routes).
 */
#include "common/http_internal.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX_BYTES 255 /* of an Idempotency-Key: the contract's */

struct route_match {
    const struct http_route *route;
    unsigned int fixed; /* a bit for each fixed segment, the leftmost highest */
    struct http_path_id ids[HTTP_PATH_IDS_MAX];
};

static void take_id(struct http_path_id *id, const char *text, size_t length, const char *field,
                    size_t field_length)
{
    snprintf(id->text, sizeof(id->text), "%.*s", (int)length, text);
    id->field = field;
    id->field_length = field_length;
}

/* Compare segment by segment. One trailing slash is tolerated. */
static bool path_matches(const char *pattern, const char *path, struct route_match *match)
{
    size_t ids = 0;

    for (unsigned int bit = 1u << HTTP_SEGMENTS_MAX; *pattern == '/' && *path == '/'; bit >>= 1) {
        size_t wanted = strcspn(++pattern, "/");
        size_t given = strcspn(++path, "/");

        if (*pattern == ':' && given > 0 && ids < HTTP_PATH_IDS_MAX) {
            take_id(&match->ids[ids++], path, given, pattern + 1, wanted - 1);
        } else if (wanted != given || memcmp(pattern, path, given) != 0) {
            return false;
        } else {
            match->fixed |= bit;
        }
        pattern += wanted;
        path += given;
    }
    return *pattern == '\0' && (*path == '\0' || strcmp(path, "/") == 0);
}

static void allow_method(struct http_exchange *exchange, const char *method)
{
    size_t length = strlen(exchange->allow);

    if (strstr(exchange->allow, method) == NULL)
        snprintf(exchange->allow + length, sizeof(exchange->allow) - length, "%s%s",
                 length > 0 ? ", " : "", method);
}

/* The method as a text that outlives the connection's memory; what we do not know is "other". */
static const char *lasting_method(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (strcmp(method, known[i]) == 0)
            return known[i];
    return "other";
}

/* The row that answers `method` on this path, in ret_best->route (NULL: none does); notes the
 * methods that the path has. False: no row has such a path. */
static bool find_route(struct http_exchange *exchange, const char *method,
                       struct route_match *ret_best)
{
    const struct http_config *config = &exchange->server->config;
    unsigned int fixed = 0; /* of the rows that match best so far */
    bool known = false;

    for (size_t i = 0; i < config->route_count && !exchange->encoded_slash; i++) {
        struct route_match match = {.route = &config->routes[i]};

        if (!path_matches(match.route->path, exchange->request.path, &match) || match.fixed < fixed)
            continue;
        if (match.fixed > fixed) {
            fixed = match.fixed;
            ret_best->route = NULL;
            exchange->allow[0] = '\0';
        }
        known = true;
        allow_method(exchange, match.route->method);
        if (strcmp(match.route->method, "GET") == 0)
            allow_method(exchange, "HEAD");
        if (strcmp(match.route->method, method) == 0)
            *ret_best = match;
    }
    return known;
}

void http_route_find(struct http_exchange *exchange, const char *method)
{
    bool options = strcmp(method, "OPTIONS") == 0;
    struct route_match best = {.route = NULL};
    bool known;

    exchange->request.method = lasting_method(method);
    exchange->request.head = strcmp(method, "HEAD") == 0;
    known = find_route(exchange, exchange->request.head ? "GET" : method, &best);
    if (best.route != NULL) {
        exchange->request.route = best.route;
        exchange->request.method = best.route->method;
        memcpy(exchange->ids, best.ids, sizeof(exchange->ids));
        exchange->body_wanted = (best.route->flags & (HTTP_BODY | HTTP_RAW_BODY)) != 0;
        return;
    }
    if (known || (options && strcmp(exchange->request.path, "*") == 0)) {
        allow_method(exchange, "OPTIONS");
        exchange->early_status = options ? 204 : 405;
        return;
    }
    exchange->early_status = exchange->server->config.incomplete ? 503 : 404;
}

/* The media type alone decides; parameters (charset) are let pass, the body must be UTF-8 anyway.
 */
static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    const char *rest;

    if (content_type == NULL || strncasecmp(content_type, json, sizeof(json) - 1) != 0)
        return false;
    rest = content_type + sizeof(json) - 1;
    rest += strspn(rest, " \t");
    return *rest == '\0' || *rest == ';';
}

int http_check_early(const struct http_exchange *exchange)
{
    if (exchange->early_status != 0)
        return exchange->early_status;
    if (exchange->body_too_large)
        return 413;
    if ((exchange->request.route->flags & HTTP_BODY) != 0 && exchange->body_seen > 0 &&
        !is_json(http_header(&exchange->request, "Content-Type")))
        return 415;
    return 0;
}

static int check_session(struct http_exchange *exchange)
{
    const struct http_config *config = &exchange->server->config;
    struct session *session = &exchange->request.session;
    enum http_access access = exchange->request.route->access;

    session_read(config->session, http_header(&exchange->request, "Authorization"),
                 http_header(&exchange->request, "Cookie"), session);
    if (session->signed_in && config->bans != NULL &&
        bans_is_banned(config->bans, session->user_id))
        session->signed_in = false;
    if (access == PUBLIC)
        return DONE;
    if (!session->signed_in || (access == ADMIN && session->role != ROLE_ADMIN))
        return UNAUTHENTICATED;
    return DONE;
}

static int check_ids(struct http_exchange *exchange)
{
    for (size_t i = 0; i < HTTP_PATH_IDS_MAX && exchange->ids[i].field != NULL; i++) {
        const struct http_path_id *id = &exchange->ids[i];
        char field[32];

        snprintf(field, sizeof(field), "%.*s", (int)id->field_length, id->field);
        if (!text_is_id(id->text, exchange->request.ids[i]))
            reply_error(&exchange->reply, INVALID, field, "Id must be 24 hexadecimal digits");
    }
    return reply_has_errors(&exchange->reply) ? INVALID : DONE;
}

/* jansson parses by recursion, up to 2048 deep: more than a worker's stack holds. So the depth is
 * counted first. Brackets within strings do not count. */
static bool is_shallow(const char *text, size_t length)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
            continue;
        }
        if (text[i] == '"')
            in_string = true;
        else if (text[i] == '{' || text[i] == '[')
            depth++;
        else if ((text[i] == '}' || text[i] == ']') && depth > 0)
            depth--;
        if (depth > HTTP_JSON_DEPTH_MAX)
            return false;
    }
    return true;
}

static int check_body(struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;

    if ((request->route->flags & HTTP_BODY) == 0)
        return DONE;
    /* Whole numbers are read as reals, so that one too large for an int64 breaks its member's rule
     * instead of the whole body. */
    if ((request->route->flags & HTTP_MAYBE_BODY) != 0 && request->body_length == 0)
        exchange->json = json_object();
    else if (is_shallow(request->body_bytes, request->body_length))
        exchange->json = json_loadb(request->body_bytes, request->body_length,
                                    JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (!json_is_object(exchange->json))
        return reply_error(&exchange->reply, INVALID, NULL, "Body is not valid JSON");
    request->body = exchange->json;
    return DONE;
}

/* The request's Idempotency-Key, if it is to be honoured. */
static int check_key(struct http_exchange *exchange, const char **ret_key)
{
    const struct http_request *request = &exchange->request;
    const char *key = http_header(request, "Idempotency-Key");
    size_t length;

    if (key == NULL || (request->route->flags & HTTP_IDEMPOTENT) == 0 ||
        !request->session.signed_in || exchange->server->config.idempotency == NULL)
        return DONE;
    length = strlen(key);
    for (size_t i = 0; i < length; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            length = 0;
    if (length == 0 || length > KEY_MAX_BYTES)
        return reply_error(&exchange->reply, INVALID, NULL,
                           "Idempotency-Key must be 1 to 255 printable characters");
    *ret_key = key;
    return DONE;
}

static void finish_key(struct http_exchange *exchange, const char *key, bool failed)
{
    const struct http_idempotency *hooks = exchange->server->config.idempotency;
    const struct http_reply *reply = &exchange->reply;
    cleanup(writer_release) struct writer errors = {0};

    writer_init(&errors);
    if (reply->error_count > 0)
        http_reply_errors(reply, reply->status, NULL, &errors);
    hooks->end(hooks->context, &exchange->request, key, failed ? 0 : reply->status,
               writer_text(reply->error_count > 0 ? &errors : &reply->body),
               reply->error_count > 0 ? errors.length : reply->body.length, reply->etag);
}

static int run_handler(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    const struct http_request *request = &exchange->request;

    return request->route->handle(server->config.app, request, &exchange->reply);
}

static void run(struct http_exchange *exchange)
{
    const struct http_idempotency *hooks = exchange->server->config.idempotency;
    const char *key = NULL;
    bool replayed = false;
    int r;

    r = check_session(exchange);
    if (r == DONE)
        r = check_ids(exchange);
    if (r == DONE)
        r = check_body(exchange);
    if (r == DONE)
        r = check_key(exchange, &key);
    if (r == DONE && key != NULL) {
        r = hooks->begin(hooks->context, &exchange->request, key, &exchange->reply, &replayed);
        if (r != DONE || replayed)
            key = NULL; /* not ours to end */
    }
    if (r == DONE && !replayed)
        r = run_handler(exchange);
    http_reply_settle(exchange, r);
    if (key != NULL)
        finish_key(exchange, key, r < 0);
}

struct MHD_Response *http_dispatch(struct http_exchange *exchange, unsigned int *ret_status)
{
    struct log_context context = {
        .request = exchange->id, .subject = exchange->request.route->path, .trace = ""};

    log_set_context(&context);
    trace_adopt(exchange->trace);
    run(exchange);
    trace_end();
    log_set_context(NULL);
    return http_reply_build(exchange, ret_status);
}
