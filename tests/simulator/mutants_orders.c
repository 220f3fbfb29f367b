/*
 * The pure functions of orders, tickets and payments, made wrong on request (--break): calls of the
 * services' own files go through here (the linker's --wrap), so what is proved is that a defect in
 * the very function that the services run is found. Here: a deadline that comes ten seconds early.
 */

#include "orders/order.h"
#include "tests/simulator/simulator.h"

enum order_effect mutable_order_expire(struct order *order, int64_t now_ms);

enum order_effect mutable_order_expire(struct order *order, int64_t now_ms)
{
    return order_expire(order,
                        world.options.breakage == BREAK_EARLY_EXPIRY ? now_ms + 10000 : now_ms);
}
