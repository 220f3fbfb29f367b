/*
 * The audit: do five databases, five streams and Stripe's ledger tell one story?
 *
 * It looks from outside, with nothing of the services' own code but the event names, and asks again
 * until everything agrees: what is eventually consistent has to become consistent. What does not
 * agree in time is told by the first disagreement found. Documents are looked at as relaxed
 * extended JSON, in objects keyed by id.
 */
#include "tests/support/audit.h"

#include "common/instant.h"
#include "common/memory.h"
#include "tests/support/operator.h"
#include "tests/support/process.h"

#include <mongoc/mongoc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGREE_MS 60000 /* a resolver looks after what is older than 60 s only in its own tests */
#define PAUSE_MS 20    /* between two looks */

static const struct {
    const char *service, *collection;
    enum event_owner owner; /* whose aggregates they are */
    bool is_copy;
} collections[] = {
    {"auth", "users", OWNER_USERS, false},      {"tickets", "tickets", OWNER_TICKETS, false},
    {"orders", "orders", OWNER_ORDERS, false},  {"payments", "payments", OWNER_PAYMENTS, false},
    {"orders", "tickets", OWNER_TICKETS, true}, {"tickets", "orders", OWNER_ORDERS, true},
    {"payments", "orders", OWNER_ORDERS, true},
};

static bool delivered_again; /* then a version may have been said more than once */
static char problem[512];    /* the first one found by the last look */

__attribute__((format(printf, 1, 2))) static bool disagree(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, sizeof(problem), format, arguments);
    va_end(arguments);
    return false;
}

static struct {
    const char *service;
    struct store *store;
} stores[5];

static void close_stores(void)
{
    for (size_t i = 0; i < ARRAY_LENGTH(stores); i++)
        stores[i].store = store_free(stores[i].store);
}

static struct store *store_of(const char *service)
{
    struct store_config config = {.uri = system_mongo(),
                                  .database = service_database(service),
                                  .app_name = "audit",
                                  .clients_max = 2};
    size_t i = 0;

    while (stores[i].service && strcmp(stores[i].service, service) != 0)
        i++;
    if (!stores[i].service) {
        if (i == 0)
            atexit(close_stores);
        stores[i].service = service;
        cr_assert_eq(store_open(&config, &stores[i].store), 0);
    }
    return stores[i].store;
}

void drop_database(const char *name)
{
    mongoc_client_t *client = mongoc_client_new(system_mongo());
    mongoc_database_t *database = mongoc_client_get_database(client, service_database(name));
    bson_error_t error = {0};

    cr_assert(mongoc_database_drop(database, &error), "%s", error.message);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}

static const char *id_of(const json_t *value)
{
    const char *id = json_string_value(json_object_get(value, "$oid"));

    return id ? id : "";
}

static const char *text_of(const json_t *document, const char *member)
{
    const char *text = json_string_value(json_object_get(document, member));

    return text ? text : "";
}

static json_int_t version_of(const json_t *document)
{
    return json_integer_value(json_object_get(document, "version"));
}

static bool is_status(const json_t *document, const char *status)
{
    return strcmp(text_of(document, "status"), status) == 0;
}

static int keep_document(void *context, const bson_t *document)
{
    char *text = bson_as_relaxed_extended_json(document, NULL);
    json_t *parsed = json_loads(text, 0, NULL);

    json_object_set_new(context, id_of(json_object_get(parsed, "_id")), parsed);
    bson_free(text);
    return 0;
}

json_t *read_collection(const char *service, const char *collection)
{
    bson_t everything = BSON_INITIALIZER;
    json_t *documents = json_object();

    if (store_each(store_of(service), collection, &everything, NULL, keep_document, documents) <
        0) {
        json_decref(documents);
        documents = NULL;
    }
    bson_destroy(&everything);
    return documents;
}

/* What a stream says: {aggregate id: {version: times}}. */
static int keep_said(void *context, const struct event *event, uint64_t sequence)
{
    json_t *versions = json_object_get(context, event->aggregate_id);
    char version[24];

    (void)sequence;
    if (!versions) {
        versions = json_object();
        json_object_set_new(context, event->aggregate_id, versions);
    }
    snprintf(version, sizeof(version), "%lld", (long long)event->version);
    json_object_set_new(versions, version,
                        json_integer(json_integer_value(json_object_get(versions, version)) + 1));
    return 0;
}

/* Everything at one look; NULL where a store or the bus was away. */
struct look {
    json_t *documents[ARRAY_LENGTH(collections)]; /* in the order of that table */
    json_t *said[OWNER_COUNT];
    json_t *ledger;
    json_t *orders_of;   /* {ticket id: [order…]} */
    json_t *payments_of; /* {order id: [payment…]} */
    json_t *intents_of;  /* {order id: [intent…]} */
};

static void release_look(struct look *look)
{
    for (size_t i = 0; i < ARRAY_LENGTH(look->documents); i++)
        json_decref(look->documents[i]);
    for (size_t i = 0; i < OWNER_COUNT; i++)
        json_decref(look->said[i]);
    json_decref(look->ledger);
    json_decref(look->orders_of);
    json_decref(look->payments_of);
    json_decref(look->intents_of);
}

static const json_t *owners_documents(const struct look *look, enum event_owner owner)
{
    size_t i = 0;

    while (collections[i].owner != owner || collections[i].is_copy)
        i++;
    return look->documents[i];
}

static void add_to(json_t *groups, const char *key, json_t *value)
{
    json_t *group = json_object_get(groups, key);

    if (!group) {
        group = json_array();
        json_object_set_new(groups, key, group);
    }
    json_array_append(group, value);
}

/* {value of `reference`: [document…]}. Caller frees. */
static json_t *group_by(const json_t *documents, const char *reference)
{
    json_t *groups = json_object(), *document;
    const char *id;

    json_object_foreach((json_t *)(uintptr_t)documents, id, document)
        add_to(groups, id_of(json_object_get(document, reference)), document);
    return groups;
}

static json_t *group_ledger(const json_t *ledger)
{
    json_t *groups = json_object(), *intent;
    size_t i;

    json_array_foreach(ledger, i, intent)
        add_to(groups, text_of(json_object_get(intent, "metadata"), "orderId"), intent);
    return groups;
}

static bool take_look(struct look *look)
{
    for (size_t i = 0; i < ARRAY_LENGTH(collections); i++) {
        look->documents[i] = read_collection(collections[i].service, collections[i].collection);
        if (!look->documents[i])
            return disagree("%s cannot be read", collections[i].service);
    }
    for (int owner = 0; owner < OWNER_COUNT; owner++) {
        struct bus_range range = {.owner = (enum event_owner)owner};

        look->said[owner] = json_object();
        if (bus_replay(given_bus("test"), &range, keep_said, look->said[owner]) < 0)
            return disagree("stream %s cannot be read", event_owner_info(range.owner)->stream);
    }
    look->ledger = read_ledger();
    look->orders_of = group_by(owners_documents(look, OWNER_ORDERS), "ticketId");
    look->payments_of = group_by(owners_documents(look, OWNER_PAYMENTS), "orderId");
    look->intents_of = group_ledger(look->ledger);
    return true;
}

/* Every version of every aggregate was said exactly once, nothing else was, nothing waits. */
static bool owner_has_said_all(const struct look *look, size_t i)
{
    json_t *said = look->said[collections[i].owner], *document, *times;
    const char *id, *version;

    json_object_foreach(look->documents[i], id, document)
    {
        json_t *versions = json_object_get(said, id);

        if (json_array_size(json_object_get(document, "outbox")) > 0)
            return disagree("%s %s has events in its outbox", collections[i].collection, id);
        if ((json_int_t)json_object_size(versions) != version_of(document) + 1)
            return disagree("%s %s is at version %lld, but %zu versions were said",
                            collections[i].collection, id, (long long)version_of(document),
                            json_object_size(versions));
        json_object_foreach(versions, version, times)
        {
            if (strtoll(version, NULL, 10) > version_of(document))
                return disagree("%s %s never had version %s, but it was said",
                                collections[i].collection, id, version);
            if (json_integer_value(times) != 1 && !delivered_again)
                return disagree("%s %s: version %s was said %lld times", collections[i].collection,
                                id, version, json_integer_value(times));
        }
    }
    json_object_foreach(said, id, document)
    {
        if (!json_object_get(look->documents[i], id))
            return disagree("%s %s does not exist, but was said", collections[i].collection, id);
    }
    return true;
}

static bool copies_are_current(const struct look *look, size_t i)
{
    json_t *originals = (json_t *)(uintptr_t)owners_documents(look, collections[i].owner);
    json_t *original, *copy;
    const char *id;

    json_object_foreach(originals, id, original)
    {
        copy = json_object_get(look->documents[i], id);
        if (!copy)
            return disagree("%s has no copy of %s %s", collections[i].service,
                            collections[i].collection, id);
        if (version_of(copy) != version_of(original) ||
            strcmp(text_of(copy, "status"), text_of(original, "status")) != 0)
            return disagree("%s's copy of %s %s is %s at version %lld, the original %s at %lld",
                            collections[i].service, collections[i].collection, id,
                            text_of(copy, "status"), (long long)version_of(copy),
                            text_of(original, "status"), (long long)version_of(original));
    }
    return true;
}

/* A ticket is held by its live order and by no other. */
static bool tickets_are_held_right(const struct look *look)
{
    const json_t *tickets = owners_documents(look, OWNER_TICKETS);
    json_t *ticket, *order;
    const char *ticket_id;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)tickets, ticket_id, ticket)
    {
        const char *holder = "", *expected = "available";

        json_array_foreach(json_object_get(look->orders_of, ticket_id), i, order)
        {
            const char *order_id = id_of(json_object_get(order, "_id"));

            if (is_status(order, "cancelled"))
                continue;
            if (holder[0])
                return disagree("ticket %s has two live orders, %s and %s", ticket_id, holder,
                                order_id);
            holder = order_id;
            expected = is_status(order, "complete") ? "sold" : "reserved";
        }
        if (!holder[0] && is_status(ticket, "withdrawn"))
            expected = "withdrawn";
        if (!is_status(ticket, expected) ||
            strcmp(id_of(json_object_get(ticket, "orderId")), holder) != 0)
            return disagree("ticket %s is %s by order '%s', but should be %s by '%s'", ticket_id,
                            text_of(ticket, "status"), id_of(json_object_get(ticket, "orderId")),
                            expected, holder);
    }
    return true;
}

/* Payments and the ledger agree, and money was taken exactly for what is complete. */
static bool money_is_right(const struct look *look)
{
    json_t *order, *payment;
    const char *order_id;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)owners_documents(look, OWNER_ORDERS), order_id, order)
    {
        const json_t *intents = json_object_get(look->intents_of, order_id);
        int captured = 0, under_way = 0, taken = charges_in(intents, order_id, CHARGE_CAPTURED);
        int wanted = is_status(order, "complete");

        json_array_foreach(json_object_get(look->payments_of, order_id), i, payment)
        {
            captured += is_status(payment, "captured");
            under_way += is_status(payment, "started") || is_status(payment, "authorized");
        }
        if (captured != wanted || taken != wanted)
            return disagree("order %s is %s, with %d captured payments and %d charges at Stripe",
                            order_id, text_of(order, "status"), captured, taken);
        if ((wanted || is_status(order, "cancelled")) &&
            (under_way != 0 || charges_in(intents, order_id, CHARGE_HELD) != 0))
            return disagree("order %s is %s, but a payment is under way or money is held", order_id,
                            text_of(order, "status"));
    }
    return true;
}

static bool nothing_is_parked(void)
{
    static const char *const names[] = {"auth", "tickets", "orders", "expiration", "payments"};

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        json_t *letters = read_collection(names[i], "deadletters");
        json_t *letter;
        const char *id;
        char *text = NULL;

        json_object_foreach(letters, id, letter) text = text ? text : json_dumps(letter, 0);
        json_decref(letters);
        if (text) {
            disagree("%s has parked %s", names[i], text);
            free(text);
            return false;
        }
    }
    return true;
}

static bool all_is_well(void *context)
{
    struct look look = {0};
    bool well = take_look(&look);

    (void)context;
    for (size_t i = 0; well && i < ARRAY_LENGTH(collections); i++)
        well = collections[i].is_copy ? copies_are_current(&look, i) : owner_has_said_all(&look, i);
    well = well && tickets_are_held_right(&look) && money_is_right(&look) && nothing_is_parked();
    release_look(&look);
    return well;
}

const char *find_disagreement_here(int64_t timeout_ms)
{
    int64_t deadline = instant_monotonic() + timeout_ms;

    while (!all_is_well(NULL)) {
        if (instant_monotonic() > deadline)
            return problem;
        poll(NULL, 0, PAUSE_MS);
    }
    return NULL;
}

const char *find_disagreement(int64_t timeout_ms)
{
    const char *found = find_disagreement_here(timeout_ms);

    if (found)
        return found;
    /* The auditor that we ship has to come to the same verdict. */
    return ticketctl("audit", "--wait", "20") == 0 ? NULL : ticketctl_said();
}

void expect_all_is_well(void)
{
    const char *found = find_disagreement(AGREE_MS);

    cr_assert_null(found, "%s", found);
}

static bool nobody_is_overdue(void *context)
{
    json_t *orders = read_collection("orders", "orders"), *order;
    int64_t now_ms = instant_now(), expires_at_ms = 0;
    bool none = orders != NULL;
    const char *id, *text;

    (void)context;
    json_object_foreach(orders, id, order)
    {
        text = json_string_value(json_object_get(json_object_get(order, "expiresAt"), "$date"));
        cr_assert(text && instant_parse(text, &expires_at_ms) == 0, "expiresAt of %s", id);
        if (json_is_true(json_object_get(order, "open")) && expires_at_ms < now_ms)
            none = false;
    }
    json_decref(orders);
    return none;
}

void await_nobody_overdue(int64_t timeout_ms)
{
    eventually(nobody_is_overdue, NULL, timeout_ms, "no order is open beyond its deadline");
}

struct version_wanted {
    const char *service, *collection, *id;
    int64_t version;
};

static bool has_version(void *context)
{
    const struct version_wanted *wanted = context;
    json_t *documents = read_collection(wanted->service, wanted->collection);
    const json_t *document = json_object_get(documents, wanted->id);
    bool reached = document && version_of(document) >= wanted->version;

    json_decref(documents);
    return reached;
}

void await_version(const char *service, const char *collection, const char *id, int64_t version)
{
    struct version_wanted wanted = {service, collection, id, version};

    eventually(has_version, &wanted, AGREE_MS,
               at("%s has %s %s at version %d", service, collection, id, (int)version));
}

void audit_allows_repeats(void)
{
    delivered_again = true;
}

char *all_databases(void)
{
    json_t *all = json_object();
    char *text;

    for (size_t i = 0; i < ARRAY_LENGTH(collections); i++) {
        json_t *documents = read_collection(collections[i].service, collections[i].collection);
        json_t *document;
        const char *id;

        json_object_foreach(documents, id, document)
        {
            json_object_del(document, "outbox");
            json_object_del(document, "pendingAt");
            json_object_del(document, "workAt");
        }
        json_object_set_new(all, at("%s.%s", collections[i].service, collections[i].collection),
                            documents);
    }
    text = json_dumps(all, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(all);
    return text;
}
