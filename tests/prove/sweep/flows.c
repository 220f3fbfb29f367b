/*
 * The flows that are cut, and what may have come of them.
 *
 * Each is one question of one person, with all that follows from it. What was answered with success
 * has to be there. What was not may be there or not, but whole: the caller was told 502 to 504 and
 * does not know. That all databases, streams and the ledger agree is the auditors' to say
 * (point.c); here it is seen through the API, as the person would.
 */
#include "tests/prove/sweep/sweep.h"

#include "common/instant.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define PRICE        50.0
#define PRICE_AFTER  75.5
#define EXPIRED_MS   100 /* after its deadline: the timer is a few ms late, the rest is not still */
#define ENDED_MS     20000
#define SELLER       100000 /* guests: sellers begin here, buyers there */
#define BUYER        500000
#define EMAIL_FORMAT "{\"email\":\"swept%d@example.com\",\"password\":\"a long password\"}"

bool was_done(const struct scene *scene, int success)
{
    int status = scene->answer->status;

    if (status == success)
        return true;
    cr_assert(status >= 502 && status <= 504, "answered %d: %s", status, scene->answer->body);
    return false;
}

static void as_seller(const struct scene *scene)
{
    as_guest(SELLER + scene->number);
}

static void as_buyer(const struct scene *scene)
{
    as_guest(BUYER + scene->number);
}

static void given_nothing(struct scene *scene)
{
    as_seller(scene);
    snprintf(scene->title, sizeof(scene->title), "seat%d", scene->number);
}

static void given_a_ticket(struct scene *scene)
{
    given_nothing(scene);
    scene->ticket = given_ticket(scene->title, PRICE);
}

static void given_an_order(struct scene *scene)
{
    given_a_ticket(scene);
    as_buyer(scene);
    scene->order = given_order(scene->ticket);
}

static const struct answer *see_ticket(const struct scene *scene)
{
    const struct answer *answer = get(at("/api/tickets/%s", scene->ticket));

    expect_status(answer, 200);
    return answer;
}

static void expect_text(const struct answer *answer, const char *member, const char *expected)
{
    const char *text = answer_text(answer, member);

    cr_assert(text && strcmp(text, expected) == 0, "%s is not %s in %s", member, expected,
              answer->body);
}

static bool has_text(const struct answer *answer, const char *member, const char *expected)
{
    const char *text = answer_text(answer, member);

    return text && strcmp(text, expected) == 0;
}

/* ---- sign up ---- */

static void sign_up(struct scene *scene)
{
    as_nobody();
    scene->answer = post("/api/users/signup", EMAIL_FORMAT, scene->number);
}

/* Who does not know whether it was done asks again: either way there is one account after it. */
static void judge_sign_up(struct scene *scene)
{
    bool done = was_done(scene, 201);
    const struct answer *in = post("/api/users/signin", EMAIL_FORMAT, scene->number);
    const struct answer *again = post("/api/users/signup", EMAIL_FORMAT, scene->number);

    cr_assert(in->status == 200 || (!done && in->status == 400), "sign-in: %d", in->status);
    expect_status(again, in->status == 200 ? 400 : 201);
}

/* ---- sellers ---- */

static void list(struct scene *scene)
{
    scene->answer = post("/api/tickets", "{\"title\":\"%s\",\"price\":%.2f}", scene->title, PRICE);
}

static void judge_list(struct scene *scene)
{
    bool done = was_done(scene, 201);
    const struct answer *found = get(at("/api/tickets?q=%s", scene->title));
    size_t count = json_array_size(found->json);

    expect_status(found, 200);
    cr_assert(count == 1 || (!done && count == 0), "%zu are listed", count);
    if (done) {
        scene->ticket = answer_text(scene->answer, "id");
        expect_text(see_ticket(scene), "title", scene->title);
    }
}

static void edit(struct scene *scene)
{
    scene->answer = put(at("/api/tickets/%s", scene->ticket),
                        "{\"title\":\"%s after\",\"price\":%.2f}", scene->title, PRICE_AFTER);
}

static void judge_edit(struct scene *scene)
{
    bool done = was_done(scene, 200);
    const struct answer *seen = see_ticket(scene);
    bool after = answer_number(seen, "version") > 0;

    cr_assert(after || !done, "the change is lost: %s", seen->body);
    expect_text(seen, "title", after ? at("%s after", scene->title) : scene->title);
    cr_assert_float_eq(answer_number(seen, "price"), after ? PRICE_AFTER : PRICE, 0.001, "%s",
                       seen->body);
}

static void withdraw(struct scene *scene)
{
    scene->answer = delete_at(at("/api/tickets/%s", scene->ticket));
}

static void judge_withdraw(struct scene *scene)
{
    bool done = was_done(scene, 204);
    const struct answer *seen = see_ticket(scene);

    if (done || !has_text(seen, "status", "available"))
        expect_text(seen, "status", "withdrawn");
}

/* ---- buyers ---- */

static void order(struct scene *scene)
{
    as_buyer(scene);
    scene->answer = post("/api/orders", "{\"ticketId\":\"%s\"}", scene->ticket);
}

static void judge_order(struct scene *scene)
{
    bool done = was_done(scene, 201);
    const struct answer *own = get("/api/orders"), *seen = see_ticket(scene);
    const json_t *first = json_array_get(own->json, 0);
    size_t count = json_array_size(own->json);

    expect_status(own, 200);
    cr_assert(count == 1 || (!done && count == 0), "%zu orders", count);
    expect_text(seen, "status", count ? "reserved" : "available");
    if (count)
        expect_text(seen, "orderId", json_string_value(json_object_get(first, "id")));
    if (done)
        expect_text(seen, "orderId", answer_text(scene->answer, "id"));
}

static const struct answer *see_order(const struct scene *scene)
{
    const struct answer *answer = get(at("/api/orders/%s", scene->order));

    expect_status(answer, 200);
    return answer;
}

static void cancel(struct scene *scene)
{
    scene->answer = delete_at(at("/api/orders/%s", scene->order));
}

static void judge_cancel(struct scene *scene)
{
    bool done = was_done(scene, 204);
    bool cancelled = has_text(see_order(scene), "status", "cancelled");

    cr_assert(cancelled || !done, "it is not cancelled");
    expect_text(see_ticket(scene), "status", cancelled ? "available" : "reserved");
}

/* Nobody asks anything: its time comes. Nor is it asked for, as the answers would be writes. */
static void expire(struct scene *scene)
{
    int64_t until_ms = instant_monotonic() + LOCK_SHORT_S * 1000 + EXPIRED_MS;

    while (!atomic_load(&scene->knife->struck) && instant_monotonic() < until_ms)
        poll(NULL, 0, 10);
}

static void judge_expire(struct scene *scene)
{
    await_status("/api/orders", scene->order, "cancelled");
    await_status("/api/tickets", scene->ticket, "available");
}

static void pay_by_card(struct scene *scene)
{
    scene->answer =
        post("/api/payments", "{\"orderId\":\"%s\",\"token\":\"tok_visa\"}", scene->order);
}

/* What was not answered may stand, and is asked for again: it is charged once, and complete. */
static void pay_again(const struct scene *scene)
{
    const struct answer *again = pay(scene->order, "tok_visa");
    const char *found;

    cr_assert(again->status == 200 || again->status == 201, "again: %d %s", again->status,
              again->body);
    await_status("/api/orders", scene->order, "complete");
    found = find_disagreement_here(ENDED_MS);
    cr_assert_null(found, "%s", found);
}

static void judge_pay(struct scene *scene)
{
    if (!was_done(scene, 201))
        pay_again(scene);
    await_status("/api/orders", scene->order, "complete");
    await_status("/api/tickets", scene->ticket, "sold");
    cr_assert_eq(count_charges(scene->order, CHARGE_CAPTURED), 1);
}

/* Who does not know whether it was done, and gives the order up: it costs nothing, unless it was
 * complete before that. */
static void judge_pay_and_go(struct scene *scene)
{
    bool done = was_done(scene, 201), complete;
    const struct answer *gone = delete_at(at("/api/orders/%s", scene->order));
    const char *found;

    complete = gone->status == 400;
    cr_assert(complete || (!done && gone->status == 204), "given up: %d %s", gone->status,
              gone->body);
    await_status("/api/orders", scene->order, complete ? "complete" : "cancelled");
    found = find_disagreement_here(ENDED_MS);
    cr_assert_null(found, "%s", found);
    cr_assert_eq(count_charges(scene->order, CHARGE_CAPTURED), complete);
    cr_assert_eq(count_charges(scene->order, CHARGE_HELD), 0);
}

/* clang-format off */
const struct flow flows[FLOW_COUNT] = {
    {"sign-up",    false, 201, given_nothing,  sign_up,     judge_sign_up},
    {"list",       false, 201, given_nothing,  list,        judge_list},
    {"edit",       false, 200, given_a_ticket, edit,        judge_edit},
    {"withdraw",   false, 204, given_a_ticket, withdraw,    judge_withdraw},
    {"order",      false, 201, given_a_ticket, order,       judge_order},
    {"cancel",     false, 204, given_an_order, cancel,      judge_cancel},
    {"expire",     true,  0,   given_an_order, expire,      judge_expire},
    {"pay",        false, 201, given_an_order, pay_by_card, judge_pay},
    {"pay-and-go", false, 201, given_an_order, pay_by_card, judge_pay_and_go},
};
/* clang-format on */
