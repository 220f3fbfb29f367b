/*
 * What people do on the market, with the patience that the contract asks of clients: what one
 * service just did may be unknown to the next one for a moment (404), so they ask again.
 */
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

/* Far beyond the contract's 2 s: what was on its way to a process that was killed is given to
 * another one after 6 s, and this machine may run four stories. */
#define PATIENCE_MS 60000

const char *given_ticket(const char *title, double price)
{
    const struct answer *answer =
        post("/api/tickets", "{\"title\":\"%s\",\"price\":%.2f}", title, price);

    expect_status(answer, 201);
    return answer_text(answer, "id");
}

struct posting {
    const char *path, *body;
    const struct answer *answer;
};

static bool is_known(void *context)
{
    struct posting *posting = context;

    posting->answer = post(posting->path, "%s", posting->body);
    return posting->answer->status != 404;
}

static const struct answer *post_until_known(const char *path, const char *body)
{
    struct posting posting = {.path = path, .body = body};

    eventually(is_known, &posting, PATIENCE_MS, body);
    return posting.answer;
}

const struct answer *order_ticket(const char *ticket)
{
    char body[128];

    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", ticket);
    return post_until_known("/api/orders", body);
}

const char *given_order(const char *ticket)
{
    const struct answer *answer = order_ticket(ticket);

    expect_status(answer, 201);
    return answer_text(answer, "id");
}

const struct answer *pay(const char *order, const char *token)
{
    char body[256];

    snprintf(body, sizeof(body), "{\"orderId\":\"%s\",\"token\":\"%s\"}", order, token);
    return post_until_known("/api/payments", body);
}

struct waiting {
    const char *path, *status;
    const struct answer *answer;
};

static bool has_status(void *context)
{
    struct waiting *waiting = context;
    const char *status;

    waiting->answer = get(waiting->path);
    status = answer_text(waiting->answer, "status");
    return status && strcmp(status, waiting->status) == 0;
}

const struct answer *await_status(const char *collection, const char *id, const char *status)
{
    struct waiting waiting = {.path = at("%s/%s", collection, id), .status = status};
    char what[128];

    snprintf(what, sizeof(what), "%s/%s is %s", collection, id, status);
    eventually(has_status, &waiting, PATIENCE_MS, what);
    return waiting.answer;
}
