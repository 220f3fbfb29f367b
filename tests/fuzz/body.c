/*
 * A body, through the dispatcher's checks and every rule for fields (input.h): whatever it is, the
 * answer is 200 with valid values or 400 with errors.
 */
#include "common/http_internal.h"
#include "common/input.h"
#include "common/instant.h"
#include "tests/fuzz/fuzz.h"

#define TITLE_MAX 200

static void check_values(const char *title, const char *email, int64_t cents, const char *id)
{
    char same[ID_BYTES];

    require(text_count(title) >= 1 && text_count(title) <= TITLE_MAX && !text_has_control(title));
    require(text_is_utf8(title, strlen(title)) && input_is_email(email));
    require(cents >= 50 && cents <= INT64_C(100000000));
    require(text_is_id(id, same) && strcmp(id, same) == 0);
}

static int handle(struct app *app, const struct http_request *request, struct http_reply *reply)
{
    static const struct input_text title_rule = {.field = "title",
                                                 .least = 1,
                                                 .most = TITLE_MAX,
                                                 .too_short = "s",
                                                 .too_long = "l",
                                                 .has_control = "c"};
    static const struct input_text reason_rule = {
        .field = "reason", .most = 10, .too_short = "s", .too_long = "l", .keep_blanks = true};
    char title[4 * TITLE_MAX + 1] = "", reason[41], email[EMAIL_BYTES] = "", id[ID_BYTES] = "";
    int64_t cents = 0, seen_cents = 0;

    (void)app;
    input_text(request, reply, &title_rule, title, sizeof(title));
    input_text_optional(request, reply, &reason_rule, reason, sizeof(reason));
    input_email(request, reply, email);
    input_id(request, reply, "id", "missing", id);
    input_price(request, reply, "price", 50, /* required= */ true, &cents);
    input_price(request, reply, "seen", 1, /* required= */ false, &seen_cents);
    if (reply_has_errors(reply))
        return INVALID;
    check_values(title, email, cents, id);
    write_text(reply_body(reply, 200), NULL, title);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_route route = {"POST", "/", PUBLIC, HTTP_BODY, handle};
    static const struct session_config session = {.key = "k", .cookie = "session"};
    struct http_server server = {.config = {.session = &session}};
    struct http_exchange exchange = {.server = &server};
    cleanup(freep) char *body = xmalloc(size + 1);
    struct MHD_Response *response;
    unsigned int status;

    memcpy(body, data, size);
    body[size] = '\0';
    http_reply_init(&exchange.reply);
    exchange.reply.server = &server;
    exchange.request.route = &route;
    exchange.request.method = "POST";
    exchange.request.path = "/";
    exchange.request.body_bytes = body;
    exchange.request.body_length = size;
    exchange.request.deadline_ms = instant_monotonic() + 5000;
    response = http_dispatch(&exchange, &status);
    require(status == 200 || status == 400);
    MHD_destroy_response(response);
    http_reply_release(&exchange.reply);
    json_decref(exchange.json);
    return 0;
}
