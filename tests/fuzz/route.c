/*
 * Which route: "METHOD PATH" against a table with all that tables have.
 */
#include "common/http_internal.h"
#include "tests/fuzz/fuzz.h"

static int handle(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    (void)app;
    (void)request;
    return reply_empty(reply, 204);
}

static const struct http_route routes[] = {
    {"POST", "/api/tickets", SIGNED_IN, HTTP_BODY, handle},
    {"GET", "/api/tickets", PUBLIC, HTTP_WORKER, handle},
    {"GET", "/api/tickets/mine", SIGNED_IN, HTTP_WORKER, handle},
    {"GET", "/api/tickets/:id", PUBLIC, HTTP_WORKER, handle},
    {"PUT", "/api/tickets/:id", SIGNED_IN, HTTP_BODY, handle},
    {"POST", "/api/users/:userId/tickets/:ticketId/ban", ADMIN, HTTP_BODY | HTTP_MAYBE_BODY,
     handle},
    {"POST", "/api/payments/webhook", PUBLIC, HTTP_RAW_BODY, handle},
    {"GET", "/livez", PUBLIC, HTTP_INLINE | HTTP_INTERNAL, handle},
};

static void check(const struct http_exchange *exchange)
{
    const struct http_route *route = exchange->request.route;

    require((route != NULL) == (exchange->early_status == 0));
    require(exchange->early_status == 0 || exchange->early_status == 204 ||
            exchange->early_status == 404 || exchange->early_status == 405);
    require(exchange->early_status != 405 || exchange->allow[0] != '\0');
    for (size_t i = 0; route != NULL && i < HTTP_PATH_IDS_MAX; i++)
        require(exchange->ids[i].field == NULL || exchange->ids[i].text[0] != '\0');
    if (route != NULL && strchr(route->path, ':') == NULL) /* but for a trailing slash the same */
        require(strncmp(route->path, exchange->request.path, strlen(route->path)) == 0 &&
                strlen(exchange->request.path) <= strlen(route->path) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(freep) char *text = text_of(data, size);
    struct http_server server = {.config = {.routes = routes, .route_count = ARRAY_LENGTH(routes)}};
    struct http_exchange exchange = {.server = &server};
    char *path = text;
    const char *method = strsep(&path, " ");

    exchange.request.path = path == NULL ? "" : path;
    http_route_find(&exchange, method);
    check(&exchange);
    return 0;
}
