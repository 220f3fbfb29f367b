/*
 * Holding: what this process has in hand stays in its hand for as long as that takes, and not much
 * longer if the process dies or stands still.
 *
 * The broker gives a message to somebody else when it has not heard of it for BUS_ACK_WAIT_MS. That
 * has to be short, because so long waits whoever's event a dead process had; and it has to be long,
 * because a handler may wait for a store or for Stripe. So it is short, and the keeper says of what
 * is in hand, every HOLD_EVERY_MS, that it is being worked on (JetStream's "+WPI"). It stops saying
 * so after HOLD_MOST_MS, for a handler that never comes back.
 *
 * Two may have the same message nevertheless, one of them slow; that is harmless, as all
 * repeats are.
 */

#include "common/bus_private.h"
#include "common/instant.h"

#define HOLD_EVERY_MS 2000
#define HOLD_MOST_MS  30000

void bus_hold(struct bus *bus, struct bus_delivery *delivery)
{
    delivery->taken_ms = delivery->held_ms = instant_monotonic();
    pthread_mutex_lock(&bus->held_lock);
    delivery->held_link = &bus->held;
    delivery->held_next = bus->held;
    if (bus->held != NULL)
        bus->held->held_link = &delivery->held_next;
    bus->held = delivery;
    pthread_mutex_unlock(&bus->held_lock);
}

void bus_let_go(struct bus *bus, struct bus_delivery *delivery)
{
    pthread_mutex_lock(&bus->held_lock);
    *delivery->held_link = delivery->held_next;
    if (delivery->held_next != NULL)
        delivery->held_next->held_link = delivery->held_link;
    pthread_mutex_unlock(&bus->held_lock);
}

/* The lock is kept, lest one be settled and freed under our hands; a broken connection fails the
 * first, and the rest can wait. */
void bus_hold_on(struct bus *bus)
{
    int64_t now_ms = instant_monotonic();
    natsStatus status = NATS_OK;

    pthread_mutex_lock(&bus->held_lock);
    for (struct bus_delivery *one = bus->held; one != NULL && status == NATS_OK;
         one = one->held_next) {
        if (now_ms - one->held_ms < HOLD_EVERY_MS || now_ms - one->taken_ms >= HOLD_MOST_MS)
            continue;
        status =
            natsConnection_PublishString(bus->connection, natsMsg_GetReply(one->message), "+WPI");
        one->held_ms = now_ms;
    }
    pthread_mutex_unlock(&bus->held_lock);
}
