/*
 * A deadline for every test. Criterion 2.4 kills a test that exceeds the `.timeout` written at the
 * test, but forgets --timeout for all others: so that a hang fails one test and not the whole run,
 * this hook gives them one before they start.
 */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <criterion/options.h>

#define TEST_TIMEOUT_S 120

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    double timeout = criterion_options.timeout > 0 ? criterion_options.timeout : TEST_TIMEOUT_S;

    FOREACH_SET(struct criterion_suite_set * suite, tests->suites)
    {
        FOREACH_SET(struct criterion_test * test, suite->tests)
        {
            if (test->data->timeout <= 0)
                test->data->timeout = timeout;
        }
    }
}
