/*
 * A person: somebody with a session who asks the edge, over a connection of their own, and notes
 * each answer in the history.
 *
 * An answer is done, not done, or unknown, and the last word is the important one: a 5xx, or no
 * answer at all, may have had its effect, may have it later, or never. Nothing is asked twice by
 * the connection itself. 500 is a defect by contract, whatever died meanwhile.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SIGNED_MS 300000 /* a session lives for 900 s */

struct person *person_new(struct storm *storm, int number)
{
    struct person *person = xcalloc(1, sizeof(*person));

    person->storm = storm;
    person->number = number;
    person->dice = storm->seed * 1000003u + (unsigned)number;
    person->wire = wire_new(system_edge_port());
    person->wire->once = true;
    return person;
}

struct person *person_free(struct person *person)
{
    if (person == NULL)
        return NULL;
    wire_free(person->wire);
    free(person);
    return NULL;
}

void person_think(struct person *person, int most_ms)
{
    poll(NULL, 0, rand_r(&person->dice) % most_ms);
}

static void sign(struct person *person)
{
    int64_t now_ms = instant_monotonic();

    if (now_ms < person->signed_until_ms)
        return;
    as_guest(person->number);
    snprintf(person->headers, sizeof(person->headers), "%s\r\n", session_header());
    person->signed_until_ms = now_ms + SIGNED_MS;
}

/* Ask and note when; the status, 0 if there was no answer. */
static int ask_edge(struct person *person, const char *method, const char *path, const char *body,
                    struct deed *deed)
{
    sign(person);
    deed->who = person->number;
    deed->from_us = instant_monotonic_us();
    deed->status =
        wire_ask(person->wire, method, path, person->headers, body) ? person->wire->status : 0;
    deed->to_us = instant_monotonic_us();
    count_up(person->storm, TALLY_OPERATIONS);
    return deed->status;
}

static enum result judge(struct person *person, const struct deed *deed)
{
    if (deed->status >= 200 && deed->status < 300)
        return RESULT_OK;
    if (deed->status == 500) {
        count_up(person->storm, TALLY_FAILED);
        screen_say(person->storm, "%s was answered with 500", deed->what);
    }
    if (deed->status == 0 || deed->status >= 500) {
        count_up(person->storm, TALLY_UNKNOWN);
        return RESULT_UNKNOWN;
    }
    return RESULT_NONE;
}

static bool note(struct person *person, struct deed *deed)
{
    history_add(person->storm->history, deed);
    return deed->result == RESULT_OK;
}

static int64_t version_of(const struct person *person)
{
    const char *version = strstr(person->wire->body, "\"version\":");

    return version ? strtoll(version + 10, NULL, 10) : 0;
}

bool person_list(struct person *person, char *ret_ticket)
{
    struct deed deed = {.what = "list", .ticket = ret_ticket};
    char body[96];

    snprintf(body, sizeof(body), "{\"title\":\"Seat %d\",\"price\":%d}",
             rand_r(&person->dice) % 1000, 10 + rand_r(&person->dice) % 90);
    ret_ticket[0] = '\0';
    ask_edge(person, "POST", "/api/tickets", body, &deed);
    deed.result = judge(person, &deed);
    if (deed.result == RESULT_OK)
        wire_member(person->wire, "id", ret_ticket, ID_BYTES);
    return note(person, &deed);
}

bool person_edit(struct person *person, const char *ticket)
{
    struct deed deed = {.what = "edit", .ticket = ticket};
    char body[96], path[64];

    snprintf(path, sizeof(path), "/api/tickets/%s", ticket);
    snprintf(body, sizeof(body), "{\"title\":\"Seat\",\"price\":%d}",
             10 + rand_r(&person->dice) % 90);
    ask_edge(person, "PUT", path, body, &deed);
    deed.result = judge(person, &deed);
    if (deed.result == RESULT_OK)
        deed.version = version_of(person);
    return note(person, &deed);
}

bool person_withdraw(struct person *person, const char *ticket)
{
    struct deed deed = {.what = "withdraw", .ticket = ticket};
    char path[64];

    snprintf(path, sizeof(path), "/api/tickets/%s", ticket);
    ask_edge(person, "DELETE", path, NULL, &deed);
    deed.result = judge(person, &deed);
    return note(person, &deed);
}

int64_t person_answered_us(const struct person *person, const char *member)
{
    char written[INSTANT_TEXT_BYTES];
    int64_t at_ms = 0;

    wire_member(person->wire, member, written, sizeof(written));
    if (instant_parse(written, &at_ms) != 0)
        return 0;
    return at_ms * 1000 - (instant_now() * 1000 - instant_monotonic_us());
}

bool person_reserve(struct person *person, const char *ticket, char *ret_order)
{
    struct deed deed = {.what = "reserve", .ticket = ticket, .order = ret_order};
    char body[64];

    ret_order[0] = '\0';
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", ticket);
    ask_edge(person, "POST", "/api/orders", body, &deed);
    deed.result = judge(person, &deed);
    if (deed.status == 400 && strstr(person->wire->body, "Ticket is already reserved"))
        deed.result = RESULT_REFUSED;
    if (deed.result == RESULT_OK) {
        wire_member(person->wire, "id", ret_order, ID_BYTES);
        deed.expires_us = person_answered_us(person, "expiresAt");
        count_up(person->storm, TALLY_RESERVED);
    }
    if (deed.result == RESULT_REFUSED)
        count_up(person->storm, TALLY_REFUSED);
    return note(person, &deed);
}

bool person_cancel(struct person *person, const char *order, const char *ticket)
{
    struct deed deed = {.what = "cancel", .ticket = ticket, .order = order};
    char path[64];

    snprintf(path, sizeof(path), "/api/orders/%s", order);
    ask_edge(person, "DELETE", path, NULL, &deed);
    deed.result = judge(person, &deed);
    if (deed.status == 400)
        deed.result = RESULT_REFUSED; /* it is complete */
    if (deed.result == RESULT_OK)
        count_up(person->storm, TALLY_CANCELLED);
    return note(person, &deed);
}

bool person_pay(struct person *person, const char *order, const char *ticket, const char *card)
{
    char body[128], payment[ID_BYTES] = "";
    struct deed deed = {.what = "pay", .ticket = ticket, .order = order, .payment = payment};

    snprintf(body, sizeof(body), "{\"orderId\":\"%s\",\"token\":\"%s\"}", order, card);
    ask_edge(person, "POST", "/api/payments", body, &deed);
    deed.result = judge(person, &deed);
    if (deed.result == RESULT_OK) {
        wire_member(person->wire, "id", payment, sizeof(payment));
        count_up(person->storm, TALLY_PAID);
    }
    return note(person, &deed);
}

void person_look(struct person *person, const char *order, const char *ticket, char *ret_status)
{
    struct deed deed = {.what = "look", .ticket = ticket, .order = order, .seen = ret_status};
    char path[64];

    snprintf(path, sizeof(path), "/api/orders/%s", order);
    ret_status[0] = '\0';
    ask_edge(person, "GET", path, NULL, &deed);
    deed.result = judge(person, &deed);
    if (deed.result == RESULT_OK)
        wire_member(person->wire, "status", ret_status, 24);
    note(person, &deed);
}

bool person_sign_up(struct person *person, int64_t number)
{
    char body[128], user[ID_BYTES] = "";
    struct deed deed = {.what = "signup", .user = user};

    snprintf(body, sizeof(body),
             "{\"email\":\"new%lld@example.com\",\"password\":\"a long password\"}",
             (long long)number);
    ask_edge(person, "POST", "/api/users/signup", body, &deed);
    deed.result = judge(person, &deed);
    if (deed.result == RESULT_OK)
        wire_member(person->wire, "id", user, sizeof(user));
    return note(person, &deed);
}

int person_sign_in(struct person *person, const char *email, const char *password)
{
    struct deed deed = {.what = "signin"};
    char body[128];

    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    ask_edge(person, "POST", "/api/users/signin", body, &deed);
    judge(person, &deed);
    return deed.status;
}

int person_browse(struct person *person, const char *path)
{
    struct deed deed = {.what = "browse"};

    ask_edge(person, "GET", path, NULL, &deed);
    judge(person, &deed);
    return deed.status;
}
