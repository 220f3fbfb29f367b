/*
 * Tool: what the commands share. Stores, bus and Stripe are opened when a command first asks for
 * them, so that each command needs only what it uses.
 */

#include "ticketctl/ticketctl.h"

#include <inttypes.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 3000
#define SERVICE_PLACE      "{service}"

void tool_write_uri(struct writer *out, const char *uri, const char *service)
{
    const char *place;

    while ((place = strstr(uri, SERVICE_PLACE)) != NULL) {
        write_raw(out, uri, (size_t)(place - uri));
        write_raw(out, service, strlen(service));
        uri = place + strlen(SERVICE_PLACE);
    }
    write_raw(out, uri, strlen(uri));
}

int tool_open_store(const struct tool *tool, enum event_owner owner, const char *app_name,
                    int64_t clients_max, struct store **ret_store)
{
    const char *service = event_owner_info(owner)->service;
    cleanup(freep) char *database = xasprintf("%s%s", tool->database_prefix, service);
    cleanup(writer_release) struct writer uri = {0};
    struct store_config config = {
        .database = database, .app_name = app_name, .clients_max = clients_max};

    writer_init(&uri);
    tool_write_uri(&uri, tool->mongo_uri, service);
    config.uri = writer_text(&uri);
    return store_open(&config, ret_store);
}

struct store *tool_store(struct tool *tool, enum event_owner owner)
{
    if (tool->stores[owner] != NULL)
        return tool->stores[owner];
    if (tool_open_store(tool, owner, "ticketctl", 2, &tool->stores[owner]) == 0 &&
        store_ping(tool->stores[owner], CONNECT_TIMEOUT_MS) == 0)
        return tool->stores[owner];
    fprintf(stderr, "ticketctl: no MongoDB answers for %s (MONGO_URI)\n",
            event_owner_info(owner)->service);
    tool->stores[owner] = store_free(tool->stores[owner]);
    return NULL;
}

struct bus *tool_bus(struct tool *tool)
{
    struct bus_config config = {.url = tool->nats_url, .service = "ticketctl", .workers = 1};

    if (tool->bus == NULL && bus_open(&config, CONNECT_TIMEOUT_MS, &tool->bus) != 0) {
        tool->bus = NULL;
        fprintf(stderr, "ticketctl: no NATS server answers at %s (NATS_URL)\n", tool->nats_url);
    }
    return tool->bus;
}

struct stripe *tool_stripe(struct tool *tool)
{
    if (tool->stripe == NULL &&
        stripe_open(tool->stripe_base, tool->stripe_key, &tool->stripe) != 0)
        tool->stripe = NULL;
    return tool->stripe;
}

enum event_owner tool_owner(const char *service)
{
    enum event_owner owner = 0;

    while (owner < OWNER_COUNT && strcmp(event_owner_info(owner)->service, service) != 0)
        owner++;
    return owner;
}

void tool_print_event(const struct tool *tool, const struct event *event, uint64_t sequence)
{
    cleanup(writer_release) struct writer body = {0};
    char at[INSTANT_TEXT_BYTES];

    writer_init(&body);
    event_encode(event, &body);
    instant_format(event->at_ms, at);
    if (tool->json) {
        fprintf(stdout,
                "{\"seq\":%" PRIu64
                ",\"id\":\"%s\",\"subject\":\"%s\",\"at\":\"%s\",\"body\":%s}\n",
                sequence, event->id, event_info(event->type)->subject, at, writer_text(&body));
        return;
    }
    fprintf(stdout, "%s  %-20s  v%-3" PRId64 " %s\n", at, event_info(event->type)->subject,
            event->version, writer_text(&body));
}

void tool_close(struct tool *tool)
{
    tool->bus = bus_free(tool->bus);
    tool->stripe = stripe_free(tool->stripe);
    for (enum event_owner owner = 0; owner < OWNER_COUNT; owner++) {
        if (tool->stores[owner] != NULL)
            store_thread_done(tool->stores[owner]);
        tool->stores[owner] = store_free(tool->stores[owner]);
    }
}
