/*
 * Durables held back: a service does not hear a stream for a while, as if its messages were late.
 * So two things that cross can be made to cross, every time. It is the broker that pauses the
 * consumer (JetStream's CONSUMER.PAUSE); the services know nothing of it.
 */
#include "tests/support/audit.h"

#include "common/instant.h"
#include "common/memory.h"

#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#define PAUSE_MS   60000
#define RESUME_MS  100
#define HANDLED_MS 90000
#define REQUEST_MS 5000
#define SOON_MS    1000 /* more than handling takes: what comes too early comes twice */

static void pause_until(const char *stream, const char *durable, int64_t until_ms)
{
    char subject[128], request[64], until[INSTANT_TEXT_BYTES];
    natsConnection *connection = NULL;
    natsMsg *reply = NULL;
    natsStatus status;

    snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.PAUSE.%s.%s", stream, durable);
    snprintf(request, sizeof(request), "{\"pause_until\":\"%s\"}", instant_format(until_ms, until));
    status = natsConnection_ConnectTo(&connection, given_nats());
    if (status == NATS_OK)
        status = natsConnection_RequestString(&reply, connection, subject, request, REQUEST_MS);
    cr_assert_eq(status, NATS_OK, "cannot pause %s: %s", durable, natsStatus_GetText(status));
    cr_assert_null(strstr(natsMsg_GetData(reply), "\"error\""), "%s: %s", durable,
                   natsMsg_GetData(reply));
    natsMsg_Destroy(reply);
    natsConnection_Destroy(connection);
}

void hold_back(const char *stream, const char *durable)
{
    pause_until(stream, durable, instant_now() + PAUSE_MS);
}

void let_go(const char *stream, const char *durable)
{
    /* Not at once: only a pause that runs out makes the broker look at what has piled up. */
    pause_until(stream, durable, instant_now() + RESUME_MS);
}

/* It looks at what is on its way already, too. */
static natsStatus wait_for_acks(jsCtx *js, const char *stream, int64_t ms)
{
    jsConsumerInfoList *list = NULL;
    natsStatus status = js_Consumers(&list, js, stream, NULL, NULL);

    for (int i = 0; status == NATS_OK && i < list->Count; i++) {
        jsConsumerConfig *config = list->List[i]->Config;

        config->AckWait = ms * 1000000;
        if (config->Durable)
            status = js_UpdateConsumer(NULL, js, stream, config, NULL, NULL);
    }
    jsConsumerInfoList_Destroy(list);
    return status;
}

static void redeliver_after(int64_t ms)
{
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    natsStatus status = natsConnection_ConnectTo(&connection, given_nats());

    if (status == NATS_OK)
        status = natsConnection_JetStream(&js, connection, NULL);
    for (int owner = 0; status == NATS_OK && owner < OWNER_COUNT; owner++)
        status = wait_for_acks(js, event_owner_info((enum event_owner)owner)->stream, ms);
    cr_assert_eq(status, NATS_OK, "cannot hurry the broker: %s", natsStatus_GetText(status));
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
}

/* How many messages the durables have yet to acknowledge, by the broker's monitoring; -1 if it does
 * not say. */
static int count_unhandled(const json_t *monitoring)
{
    const json_t *account, *stream, *consumer;
    size_t i, j, k;
    double count = 0, durables = 0;

    json_array_foreach(json_object_get(monitoring, "account_details"), i, account)
    {
        json_array_foreach(json_object_get(account, "stream_detail"), j, stream)
        {
            json_array_foreach(json_object_get(stream, "consumer_detail"), k, consumer)
            {
                if (!json_object_get(json_object_get(consumer, "config"), "durable_name"))
                    continue; /* somebody who reads a stream once */
                durables++;
                count += json_number_value(json_object_get(consumer, "num_pending")) +
                         json_number_value(json_object_get(consumer, "num_ack_pending"));
            }
        }
    }
    return durables > 0 ? (int)count : -1;
}

static bool all_is_handled(void *context)
{
    const struct answer *answer =
        ask_port(given_nats_port(), "/jsz?accounts=true&streams=true&consumers=true&config=true");
    json_t *monitoring =
        json_loads(answer->body, JSON_DECODE_INT_AS_REAL, NULL); /* it says 2^64-1 */
    bool handled = count_unhandled(monitoring) == 0;

    (void)context;
    json_decref(monitoring);
    return handled;
}

void await_all_handled(void)
{
    eventually(all_is_handled, NULL, HANDLED_MS, "all messages are handled");
}

/* Again and again, as a service that finds the broker again has its durables as before. */
static bool all_is_handled_soon(void *context)
{
    int64_t *again_ms = context, now_ms = instant_monotonic();

    if (all_is_handled(NULL))
        return true;
    if (now_ms >= *again_ms) {
        redeliver_after(SOON_MS);
        *again_ms = now_ms + SOON_MS;
    }
    return false;
}

void await_all_handled_soon(void)
{
    int64_t again_ms = 0;

    eventually(all_is_handled_soon, &again_ms, HANDLED_MS, "all messages are handled");
}
