/*
 * payments as a process: its settings.
 */
#include "tests/support/one_service.h"

#include <string.h>

Test(payments, wrong_settings_are_named_at_once)
{
    const char *const wrong[] = {"STRIPE_KEY=x", "STRIPE_API_BASE=api.stripe.com", "CURRENCY=USD",
                                 NULL};
    cleanup(freep) char *log = NULL;

    cr_assert_eq(given_one_service_that_ends("payments", wrong, &log), 1);
    cr_expect_not_null(strstr(log, "STRIPE_KEY: "), "%s", log);
    cr_expect_not_null(strstr(log, "STRIPE_API_BASE: "), "%s", log);
    cr_expect_not_null(strstr(log, "CURRENCY: "), "%s", log);
}
