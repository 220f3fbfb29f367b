/*
 * The nodes of a cluster on one machine: three mongods, three nats-servers, three of each service,
 * one Redis. Who of them leads, how one is struck, and when all are whole again.
 *
 * Asked is who is not struck: one that stands still would not answer.
 */
#include "tests/prove/storm/storm.h"

#include "tests/support/process.h"

#include <string.h>

#define WHOLE_MS  60000
#define NODE_GONE (-1)

/* How many streams this node leads, as a nats-server sees it, and who leads that of orders (-1:
 * nobody says so). Its monitoring names nodes as stores.c does: "nats-2". */
static int streams_led(int asked, int node, int *ret_leader)
{
    const struct answer *answer =
        ask_port(nats_monitor_port(asked), "/jsz?accounts=true&streams=true");
    json_t *said = json_loads(answer->body, JSON_DECODE_INT_AS_REAL, NULL); /* it says 2^64-1 */
    const json_t *account, *stream;
    size_t i, j;
    int led = 0;

    *ret_leader = -1;
    json_array_foreach(json_object_get(said, "account_details"), i, account)
    {
        json_array_foreach(json_object_get(account, "stream_detail"), j, stream)
        {
            const char *name = json_string_value(json_object_get(stream, "name"));
            const char *leader =
                json_string_value(json_object_get(json_object_get(stream, "cluster"), "leader"));
            int number = leader && strncmp(leader, "nats-", 5) == 0 ? leader[5] - '0' : -1;

            led += number == node;
            if (name && strcmp(name, "orders") == 0)
                *ret_leader = number;
        }
    }
    json_decref(said);
    return led;
}

int node_that_leads(enum node_kind kind)
{
    int leader = -1;

    if (kind == NODE_MONGO)
        return mongo_primary();
    if (kind == NODE_NATS)
        streams_led(/* asked= */ 0, /* node= */ 0, &leader);
    return leader;
}

const char *node_text(const struct node *node)
{
    int leader;

    switch (node->kind) {
    case NODE_SERVICE: return at("%s-%d", node->service, node->number + 1);
    case NODE_REDIS: return "redis, which has no other";
    case NODE_MONGO:
        return at("mongod-%d, %s", node->number + 1,
                  mongo_primary() == node->number ? "the primary" : "a secondary");
    case NODE_NATS:
        return at("nats-%d, leads %d of 5 streams", node->number + 1,
                  streams_led(node->number, node->number, &leader));
    }
    return "";
}

static enum given_store_kind store_of(const struct node *node)
{
    return node->kind == NODE_MONGO  ? GIVEN_MONGO
           : node->kind == NODE_NATS ? GIVEN_NATS
                                     : GIVEN_REDIS;
}

void node_strike(const struct node *node)
{
    bool service = node->kind == NODE_SERVICE;

    if (node->stands && service)
        pause_service(node->service, node->number, true);
    else if (node->stands)
        pause_node(store_of(node), node->number, true);
    else if (service)
        kill_service(node->service, node->number);
    else
        kill_node(store_of(node), node->number);
}

static bool is_healthy(int nats)
{
    int port = nats_monitor_port(nats);

    return port_answers(port) && ask_port(port, "/healthz")->status == 200;
}

/* One primary, which two follow; three nats-servers that have caught up. */
static bool is_whole(void *context)
{
    int primary = mongo_primary();

    (void)context;
    if (primary < 0)
        return false;
    for (int i = 0; i < STORE_NODES; i++)
        if ((i != primary && !mongo_follows(i)) || !is_healthy(i))
            return false;
    return node_that_leads(NODE_NATS) >= 0;
}

void await_all_nodes(void)
{
    eventually(is_whole, NULL, WHOLE_MS, "all nodes of the cluster are there");
}

void node_mend(const struct node *node)
{
    bool service = node->kind == NODE_SERVICE;

    if (node->stands && service)
        pause_service(node->service, node->number, false);
    else if (node->stands)
        pause_node(store_of(node), node->number, false);
    else if (service)
        start_service(node->service, node->number);
    else
        revive_node(store_of(node), node->number);
    await_all_nodes();
}
