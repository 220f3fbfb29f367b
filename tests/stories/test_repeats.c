/*
 * Everything twice, late and out of order: nothing changes.
 */
#include "tests/support/story.h"

#include <stdlib.h>
#include <string.h>

static const char *buy(const char *title, const char *token)
{
    const char *ticket, *order;

    as_user("sue");
    ticket = given_ticket(title, 20);
    as_user("bob");
    order = given_order(ticket);
    if (token)
        pay(order, token);
    return order;
}

static void expect_same(const char *before, const char *after)
{
    size_t i = 0, line = 0;

    while (before[i] && before[i] == after[i]) {
        i++;
        if (before[i - 1] == '\n')
            line = i;
    }
    cr_assert_eq(before[i], after[i], "before: %.300s\nafter:  %.300s", before + line,
                 after + line);
}

Test(repeats, every_event_of_every_stream_three_times_in_any_order_changes_nothing)
{
    const char *order;
    char *before, *after;

    given_system(NULL);
    order = buy("Sold", "tok_visa");
    await_status("/api/orders", order, "complete");
    order = buy("Declined, then sold", "tok_chargeDeclined");
    expect_status(pay(order, "tok_visa"), 201);
    await_status("/api/orders", order, "complete");
    order = buy("Cancelled, and free again", NULL);
    expect_status(delete_at(at("/api/orders/%s", order)), 204);
    buy("Held", NULL);
    as_user("sue");
    put(at("/api/tickets/%s", given_ticket("Edited", 5)), "{\"title\":\"Edited\",\"price\":6}");
    expect_status(delete_at(at("/api/tickets/%s", given_ticket("Withdrawn", 5))), 204);
    expect_all_is_well();

    before = all_databases();
    deliver_everything_again(3);
    expect_all_is_well();
    after = all_databases();
    expect_same(before, after);
    free(before);
    free(after);
}
