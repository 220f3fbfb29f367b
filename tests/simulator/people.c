/*
 * People: two sellers, some buyers in two tabs each, and an admin.
 *
 * They do what people do, too often and all at once: a handful of tickets, everybody wants the same
 * ones; an answer that does not come is asked for again, with the same Idempotency-Key or without
 * one. Half of what they ask for is refused, and should be.
 */

#include "tests/simulator/simulator.h"

#include "common/store.h"

#include <stdio.h>
#include <string.h>

#define SELLERS     2
#define BUYERS      4
#define TABS        2
#define PEOPLE      (SELLERS + BUYERS + 1)
#define TICKETS_MAX 24
#define WISHES_MAX  1024

struct person {
    int number;
    char id[ID_BYTES];
    char session[40];
    int64_t bans;
    int64_t banned_us; /* since when, as far as the admin was told; INT64_MAX: not now */
};

static struct {
    struct person all[PEOPLE];
    int signed_up;
    char cancelled[WISHES_MAX][ID_BYTES]; /* orders that somebody asked to cancel */
    size_t cancelled_count;
} people;

#define ADMIN (&people.all[PEOPLE - 1])

/* A document picked by chance among those that `suits` likes. */
struct pick {
    bool (*suits)(const void *wanted, const bson_t *document);
    const void *wanted;
    uint64_t seen;
    char id[ID_BYTES];
    const bson_t *document;
};

static void consider(void *context, const bson_t *document)
{
    struct pick *pick = context;

    if ((pick->suits == NULL || pick->suits(pick->wanted, document)) &&
        chance_below(++pick->seen) == 0) {
        store_read_id(document, "_id", pick->id);
        pick->document = document;
    }
}

static bool pick_one(struct pick *pick, const char *service, const char *collection)
{
    store_look(service, collection, consider, pick);
    return pick->seen > 0;
}

static bool is_mine(const void *wanted, const bson_t *document)
{
    char id[ID_BYTES];

    return store_read_id(document, "userId", id) && strcmp(id, wanted) == 0;
}

static bool is_mine_and_open(const void *wanted, const bson_t *document)
{
    return is_mine(wanted, document) &&
           (store_read_bool(document, "open", false) || chance_one_in(8));
}

static bool is_not_sold(const void *wanted, const bson_t *document)
{
    const char *status = store_read_text(document, "status", "");

    (void)wanted;
    return strcmp(status, "sold") != 0 && (strcmp(status, "withdrawn") != 0 || chance_one_in(8));
}

static void tick(void *context, const bson_t *document)
{
    (void)document;
    ++*(int64_t *)context;
}

/* ---- what they do ---- */

static void send(struct request *request, const struct person *person)
{
    char key[32];

    request->session = person->session;
    if (chance_one_in(2)) {
        snprintf(key, sizeof(key), "key-%llu", (unsigned long long)chance_below(UINT64_MAX));
        request->key = key;
    }
    ask(request);
    if ((request->status == 0 || request->status == 503) && chance_one_in(2)) {
        fiber_sleep(chance_between(0, SECOND_US));
        ask(request);
    }
    if (request->status == 500)
        broken("P14", "%s %s was answered by 500: %s", request->method, request->path,
               request->answer);
}

/* An answer is true: what it says was made is there. */
static void promise_made(const struct request *request, const char *collection)
{
    const char *at = strstr(request->answer, "\"id\":\"");
    char id[ID_BYTES];

    if (request->status != 201)
        return;
    if (at != NULL)
        snprintf(id, sizeof(id), "%.24s", at + strlen("\"id\":\""));
    if (at == NULL || store_peek(request->service, collection, id) == NULL)
        broken("P9", "%s answered 201, and what it made is not there: %s", request->path,
               request->answer);
}

static void list_ticket(const struct person *person)
{
    struct request request = {.service = "tickets", .method = "POST", .path = "/api/tickets"};
    int64_t count = 0;

    store_look("tickets", "tickets", tick, &count);
    if (count >= TICKETS_MAX)
        return;
    snprintf(request.body, sizeof(request.body), "{\"title\":\"Row %d\",\"price\":%d}",
             (int)chance_below(30), 5 + (int)chance_below(50));
    send(&request, person);
    promise_made(&request, "tickets");
}

static void change_ticket(const struct person *person, bool withdraw)
{
    struct request request = {.service = "tickets", .method = withdraw ? "DELETE" : "PUT"};
    struct pick pick = {.suits = is_mine, .wanted = person->id};

    if (!pick_one(&pick, "tickets", "tickets"))
        return;
    snprintf(request.path, sizeof(request.path), "/api/tickets/%s", pick.id);
    if (!withdraw)
        snprintf(request.body, sizeof(request.body), "{\"title\":\"Box %d\",\"price\":%d}",
                 (int)chance_below(30), 5 + (int)chance_below(50));
    send(&request, person);
}

static void order_ticket(const struct person *person)
{
    struct request request = {.service = "orders", .method = "POST", .path = "/api/orders"};
    struct pick pick = {.suits = is_not_sold};
    char price[24] = "";

    if (!pick_one(&pick, "tickets", "tickets"))
        return;
    if (chance_one_in(4)) /* agrees to a price that may have risen since */
        snprintf(price, sizeof(price), ",\"price\":%d", 5 + (int)chance_below(50));
    snprintf(request.body, sizeof(request.body), "{\"ticketId\":\"%s\"%s}", pick.id, price);
    send(&request, person);
    promise_made(&request, "orders");
}

static void cancel_order(const struct person *person)
{
    struct request request = {.service = "orders", .method = "DELETE"};
    struct pick pick = {.suits = is_mine_and_open, .wanted = person->id};

    if (!pick_one(&pick, "orders", "orders") || people.cancelled_count == WISHES_MAX)
        return;
    memcpy(people.cancelled[people.cancelled_count++], pick.id, ID_BYTES);
    snprintf(request.path, sizeof(request.path), "/api/orders/%s", pick.id);
    send(&request, person);
    if (request.status == 204 &&
        strcmp(store_read_text(store_peek("orders", "orders", pick.id), "status", ""),
               "cancelled") != 0)
        broken("P9", "order %s was said to be cancelled and is not", pick.id);
}

static void pay(const struct person *person)
{
    static const char *const cards[] = {"pm_card_visa", "pm_card_visa", "pm_card_declined",
                                        "pm_card_asks"};
    struct request request = {.service = "payments", .method = "POST", .path = "/api/payments"};
    struct pick pick = {.suits = is_mine_and_open, .wanted = person->id};

    if (!pick_one(&pick, "orders", "orders"))
        return;
    snprintf(request.body, sizeof(request.body), "{\"orderId\":\"%s\",\"token\":\"%s\"}", pick.id,
             cards[chance_below(4)]);
    send(&request, person);
    promise_made(&request, "payments");
}

/* Somebody's bank asks, and they answer well or not. */
static void authenticate(void)
{
    size_t count;

    stripe_intents(&count);
    for (size_t i = 0; i < count; i++)
        if (stripe_intents(&count)[i].seen.status == STRIPE_REQUIRES_ACTION && chance_one_in(2))
            stripe_act(i, !chance_one_in(3));
}

/* A clerk at Stripe's dashboard, who knows nothing of orders. */
static void meddle(void)
{
    size_t count;

    stripe_intents(&count);
    if (count > 0 && world_fault(world.faults.by_hand))
        stripe_capture_by_hand(count - 1 - chance_below(count < 4 ? count : 4));
}

static void ban(struct person *person, bool banned)
{
    struct request request = {.service = "auth", .method = "POST"};

    person->bans += banned;
    person->banned_us = INT64_MAX;
    snprintf(request.path, sizeof(request.path), "/api/users/%s/%s", person->id,
             banned ? "ban" : "unban");
    send(&request, ADMIN);
    if (banned && request.status >= 200 && request.status < 300)
        person->banned_us = world.now_us;
}

/* ---- who they are ---- */

struct find_user {
    char email[40], id[ID_BYTES];
};

static void find_user(void *context, const bson_t *document)
{
    struct find_user *find = context;

    if (strcmp(store_read_text(document, "email", ""), find->email) == 0)
        store_read_id(document, "_id", find->id);
}

static void sign_up(struct person *person)
{
    struct find_user find = {.id = ""};

    snprintf(find.email, sizeof(find.email), "person%d@example.com", person->number);
    while (find.id[0] == '\0') {
        struct request request = {.service = "auth", .method = "POST", .path = "/api/users/signup"};

        snprintf(request.body, sizeof(request.body),
                 "{\"email\":\"%s\",\"password\":\"correct horse\"}", find.email);
        ask(&request);
        fiber_sleep(100 * MS_US);
        store_look("auth", "users", find_user, &find);
    }
    memcpy(person->id, find.id, ID_BYTES);
    snprintf(person->session, sizeof(person->session), "%s %s", person->id,
             person == ADMIN ? "admin" : "user");
    people.signed_up++;
    fiber_wake(&people);
}

static void wait_for_all(void)
{
    while (people.signed_up < PEOPLE)
        fiber_wait(&people, INT64_MAX);
}

static void *be_seller(void *argument)
{
    struct person *person = argument;

    sign_up(person);
    wait_for_all();
    while (!world.calm) {
        uint64_t wish = chance_below(10);

        if (wish < 5)
            list_ticket(person);
        else if (wish < 6)
            order_ticket(person); /* perhaps a ticket of their own */
        else
            change_ticket(person, /* withdraw= */ wish > 7);
        fiber_sleep(chance_between(0, 4 * SECOND_US));
    }
    return NULL;
}

static void *be_buyer(void *argument)
{
    struct person *person = argument;

    while (!world.calm) {
        uint64_t wish = chance_below(20);

        if (wish < 7)
            order_ticket(person);
        else if (wish < 16)
            pay(person);
        else if (wish < 18)
            authenticate();
        else
            cancel_order(person);
        meddle();
        fiber_sleep(chance_between(0, 3 * SECOND_US));
    }
    return NULL;
}

static void *become_buyer(void *argument)
{
    sign_up(argument);
    wait_for_all();
    for (int tab = 1; tab < TABS; tab++)
        fiber_start(NULL, "buyer", be_buyer, argument);
    return be_buyer(argument);
}

static void *be_admin(void *argument)
{
    sign_up(argument);
    wait_for_all();
    while (!world.calm) {
        struct person *person = &people.all[chance_below(PEOPLE - 1)];

        fiber_sleep(chance_between(5 * SECOND_US, 60 * SECOND_US));
        if (world.calm)
            break;
        ban(person, true);
        fiber_sleep(chance_between(0, 10 * SECOND_US));
        ban(person, false);
    }
    /* Sometimes for good, and all at once, while their last orders are on their way. */
    for (int i = SELLERS, last = chance_one_in(4) ? PEOPLE - 1 : 0; i < last; i++)
        ban(&people.all[i], true);
    return NULL;
}

void people_open(void)
{
    for (int i = 0; i < PEOPLE; i++) {
        people.all[i].number = i;
        people.all[i].banned_us = INT64_MAX;
        if (i == PEOPLE - 1)
            fiber_start(NULL, "admin", be_admin, &people.all[i]);
        else if (i < SELLERS)
            fiber_start(NULL, "seller", be_seller, &people.all[i]);
        else
            fiber_start(NULL, "buyer", become_buyer, &people.all[i]);
    }
}

bool people_asked_to_cancel(const char *order_id)
{
    for (size_t i = 0; i < people.cancelled_count; i++)
        if (strcmp(people.cancelled[i], order_id) == 0)
            return true;
    return false;
}

bool people_banned(const char *user_id)
{
    for (int i = 0; i < PEOPLE; i++)
        if (strcmp(people.all[i].id, user_id) == 0)
            return people.all[i].bans > 0;
    return false;
}

int64_t people_banned_us(const char *user_id)
{
    for (int i = 0; i < PEOPLE; i++)
        if (strcmp(people.all[i].id, user_id) == 0)
            return people.all[i].banned_us;
    return INT64_MAX;
}
