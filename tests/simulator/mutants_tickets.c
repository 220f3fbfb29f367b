/* As mutants_orders.c: an order that is over unlocks whatever lock it finds. */

#include "tests/simulator/simulator.h"
#include "tickets/ticket.h"

#include <string.h>

enum ticket_effect mutable_ticket_follow_order(struct ticket *ticket, const struct order *order,
                                               const struct order *holder);

enum ticket_effect mutable_ticket_follow_order(struct ticket *ticket, const struct order *order,
                                               const struct order *holder)
{
    if (world.options.breakage == BREAK_OTHERS_LOCK && order->status == ORDER_CANCELLED)
        memcpy(ticket->state.order_id, order->id, sizeof(ticket->state.order_id));
    return ticket_follow_order(ticket, order, holder);
}
