/*
 * Rows: what is measured over HTTP, on the services' own ports (the edge would add the same to
 * each), and beside which limit.
 */

#include "tests/bench/bench.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ORDERS_A_PERSON 9 /* below MAX_LIVE_ORDERS */
#define LOOKS_MAX       200

/* A thread's client: connections, and who it is. */
struct client {
    struct bench *bench;
    struct wire *wire, *payments;
    char *cookie;
    int orders;
};

static bool client_begin(struct load_worker *worker, int64_t port)
{
    struct bench *bench = *(struct bench *const *)worker->plan;
    struct client *client = xcalloc(1, sizeof(*client));

    client->bench = bench;
    client->wire = wire_new((int)port);
    client->payments = wire_new((int)bench->payments_port);
    client->cookie = bench_cookie(bench);
    worker->state = client;
    return true;
}

void client_end(struct load_worker *worker)
{
    struct client *client = worker->state;

    wire_free(client->wire);
    wire_free(client->payments);
    free(client->cookie);
    free(client);
}

static struct bench *bench_of(const struct load_worker *worker)
{
    return *(struct bench *const *)worker->plan;
}

static bool begin_auth(struct load_worker *worker)
{
    return client_begin(worker, bench_of(worker)->auth_port);
}

bool begin_tickets(struct load_worker *worker)
{
    return client_begin(worker, bench_of(worker)->tickets_port);
}

static bool begin_orders(struct load_worker *worker)
{
    return client_begin(worker, bench_of(worker)->orders_port);
}

static bool get_ok(struct client *client, const char *path)
{
    return wire_ask(client->wire, "GET", path, client->cookie, NULL) && client->wire->status == 200;
}

static bool work_inline(struct load_worker *worker)
{
    return get_ok(worker->state, "/livez");
}

static bool work_currentuser(struct load_worker *worker)
{
    return get_ok(worker->state, "/api/users/currentuser");
}

static bool work_detail(struct load_worker *worker)
{
    struct client *client = worker->state;
    char path[64];

    snprintf(path, sizeof(path), "/api/tickets/%s", client->bench->ticket_id);
    return get_ok(client, path);
}

static bool work_list(struct load_worker *worker)
{
    return get_ok(worker->state, "/api/tickets?limit=20");
}

/* A page as a visitor's browser gets it first, from the web client's own port. */
static bool begin_client(struct load_worker *worker)
{
    return client_begin(worker, bench_of(worker)->client_port);
}

static bool work_home(struct load_worker *worker)
{
    struct client *client = worker->state;

    return wire_ask(client->wire, "GET", "/", "", NULL) && client->wire->status == 200;
}

static bool work_sign_in(struct load_worker *worker)
{
    struct client *client = worker->state;
    char body[512];

    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", client->bench->email,
             client->bench->password);
    return wire_ask(client->wire, "POST", "/api/users/signin", "", body) &&
           client->wire->status == 200;
}

bool work_create_ticket(struct load_worker *worker)
{
    struct client *client = worker->state;

    return wire_ask(client->wire, "POST", "/api/tickets", client->cookie,
                    "{\"title\":\"Bench, row 1\",\"price\":20}") &&
           client->wire->status == 201;
}

/* Order the next ticket of the supply; its order's id into `ret_id`. */
static bool order_next(struct client *client, char ret_id[ID_BYTES])
{
    size_t next = client->bench->supply_next++;
    char body[128];

    if (next >= client->bench->supply_count)
        return false;
    if (client->orders++ == ORDERS_A_PERSON) {
        free(client->cookie);
        client->cookie = bench_cookie(client->bench);
        client->orders = 1;
    }
    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", client->bench->supply[next]);
    if (!wire_ask(client->wire, "POST", "/api/orders", client->cookie, body) ||
        client->wire->status != 201)
        return false;
    wire_member(client->wire, "id", ret_id, ID_BYTES);
    return true;
}

static bool work_create_order(struct load_worker *worker)
{
    char id[ID_BYTES];

    return order_next(worker->state, id);
}

/* Want what somebody else has: all but the first of all. */
static bool work_order_held(struct load_worker *worker)
{
    struct client *client = worker->state;
    char body[128];

    snprintf(body, sizeof(body), "{\"ticketId\":\"%s\"}", client->bench->ticket_id);
    return wire_ask(client->wire, "POST", "/api/orders", client->cookie, body) &&
           (client->wire->status == 400 || client->wire->status == 201);
}

/* How long a client waits before it looks again: a person's browser would look less often still,
 * and each look costs what is measured. */
static void wait_before_look(int looks)
{
    struct timespec moment = {.tv_nsec = (looks < 2 ? 20 : looks < 4 ? 50 : 100) * 1000000L};

    nanosleep(&moment, NULL);
}

/* Ask for the payment; payments may not have heard of the order yet (404). */
static bool pay(struct client *client, const char *order_id)
{
    char body[128];

    snprintf(body, sizeof(body), "{\"orderId\":\"%s\",\"token\":\"pm_card_visa\"}", order_id);
    for (int i = 0; i < LOOKS_MAX; i++) {
        if (!wire_ask(client->payments, "POST", "/api/payments", client->cookie, body))
            return false;
        if (client->payments->status != 404)
            break;
        wait_before_look(i);
    }
    return client->payments->status == 201;
}

/* Order, pay, and wait until the order is complete. */
static bool work_purchase(struct load_worker *worker)
{
    struct client *client = worker->state;
    char id[ID_BYTES], path[64], status[32];

    if (!order_next(client, id) || !pay(client, id))
        return false;
    snprintf(path, sizeof(path), "/api/orders/%s", id);
    for (int i = 0; i < LOOKS_MAX; i++) {
        if (!get_ok(client, path))
            return false;
        wire_member(client->wire, "status", status, sizeof(status));
        if (strcmp(status, "complete") == 0)
            return true;
        wait_before_look(i);
    }
    return false;
}

/* clang-format off */
const struct row bench_rows[] = {
    {.name = "inline route", .limit_name = "nginx return", .threads = 16,
     .begin = begin_tickets, .work = work_inline, .end = client_end,
     .limit_begin = return_begin, .limit_work = return_work, .limit_end = return_end,
     .port_offset = offsetof(struct bench, tickets_port), .limit_is_nginx = true, .by_cpu = true},
    {.name = "currentuser, signed in", .limit_name = "nginx return", .threads = 16,
     .begin = begin_auth, .work = work_currentuser, .end = client_end,
     .limit_begin = return_begin, .limit_work = return_work, .limit_end = return_end,
     .port_offset = offsetof(struct bench, auth_port), .limit_is_nginx = true, .by_cpu = true, .aim = 1.4},
    {.name = "ticket detail", .limit_name = "bare find by id", .threads = 16,
     .begin = begin_tickets, .work = work_detail, .end = client_end,
     .limit_begin = raw_begin, .limit_work = raw_find, .limit_end = raw_end,
     .port_offset = offsetof(struct bench, tickets_port), .aim = 0.8},
    {.name = "list of 20", .limit_name = "bare newest 20", .threads = 16,
     .begin = begin_tickets, .work = work_list, .end = client_end,
     .limit_begin = raw_begin, .limit_work = raw_list, .limit_end = raw_end,
     .port_offset = offsetof(struct bench, tickets_port), .aim = 0.8},
    {.name = "home page, drawn", .limit_name = "nginx return", .threads = 4,
     .begin = begin_client, .work = work_home, .end = client_end,
     .limit_begin = return_begin, .limit_work = return_work, .limit_end = return_end,
     .port_offset = offsetof(struct bench, client_port), .limit_is_nginx = true, .by_cpu = true},
    {.name = "sign-in", .limit_name = "bare argon2id", .threads = 2,
     .begin = begin_auth, .work = work_sign_in, .end = client_end,
     .limit_work = raw_hash,
     .port_offset = offsetof(struct bench, auth_port)},
    {.name = "create ticket", .limit_name = "bare insert", .threads = 32,
     .begin = begin_tickets, .work = work_create_ticket, .end = client_end,
     .limit_begin = raw_begin, .limit_work = raw_insert, .limit_end = raw_end,
     .port_offset = offsetof(struct bench, tickets_port)},
    {.name = "create order", .limit_name = "bare insert", .threads = 32, .supply = 2000,
     .begin = begin_orders, .work = work_create_order, .end = client_end,
     .limit_begin = raw_begin, .limit_work = raw_insert, .limit_end = raw_end,
     .port_offset = offsetof(struct bench, orders_port), .aim = 0.7},
    {.name = "order, refused", .limit_name = "bare insert", .threads = 32,
     .begin = begin_orders, .work = work_order_held, .end = client_end,
     .limit_begin = raw_begin, .limit_work = raw_insert, .limit_end = raw_end,
     .port_offset = offsetof(struct bench, orders_port)},
    {.name = "whole purchase", .limit_name = "bare insert", .threads = 16, .supply = 500, .aim_per_second = 150,
     .begin = begin_orders, .work = work_purchase, .end = client_end,
     .limit_begin = raw_begin, .limit_work = raw_insert, .limit_end = raw_end,
     .port_offset = offsetof(struct bench, orders_port)},
};
/* clang-format on */
const size_t bench_row_count = ARRAY_LENGTH(bench_rows);
