/*
 * Errands: what comes back in time, what does not, and that nothing waits for what hangs.
 */

#include "common/fail.h"
#include "common/instant.h"
#include "tests/support/support.h"
#include "ticketctl/office.h"

#include <stdatomic.h>

/* The application: a gate at which errands hang, and a count of those begun. */
struct app {
    atomic_bool open;
    atomic_int begun, threads_done;
};

static struct app app;

static bool gate_is_open(void *context)
{
    (void)context;
    return atomic_load(&app.open);
}

static int answer(struct app *of, struct errand *errand)
{
    atomic_fetch_add(&of->begun, 1);
    write_int(&errand->parts[0], NULL, errand->limit * 2);
    return 0;
}

static int refuse(struct app *of, struct errand *errand)
{
    (void)of;
    return errand_fail(errand, -EAGAIN, "it is away");
}

static int hang(struct app *of, struct errand *errand)
{
    (void)errand;
    atomic_fetch_add(&of->begun, 1);
    eventually(gate_is_open, NULL, 10000, "the gate opens");
    return 0;
}

static void thread_done(struct app *of)
{
    atomic_fetch_add(&of->threads_done, 1);
}

static struct office *given_office(size_t threads)
{
    struct office *office;

    cr_assert_eq(office_open(&app, threads, thread_done, &office), 0);
    return office;
}

static int64_t in(int64_t ms)
{
    return instant_monotonic() + ms;
}

static bool has_begun(void *context)
{
    return atomic_load(&app.begun) >= *(int *)context;
}

static void await_begun(int count)
{
    eventually(has_begun, &count, 5000, "the errands have begun");
}

Test(office, an_errand_brings_back_what_it_found)
{
    struct office *office = given_office(2);
    struct errand *errand =
        errand_send(office, &(struct errand){.run = answer, .limit = 21, .deadline_ms = in(5000)});

    cr_assert(errand_await(office, errand));
    cr_expect_eq(errand->result, 0);
    cr_expect_str_eq(writer_text(&errand->parts[0]), "42");
    cr_expect_null(errand_reason(errand, /* done= */ true));
    errand_release(office, errand);
    office_close(office);
    cr_expect_eq(atomic_load(&app.threads_done), 2);
}

Test(office, an_errand_that_fails_says_why)
{
    struct office *office = given_office(1);
    struct errand *errand =
        errand_send(office, &(struct errand){.run = refuse, .deadline_ms = in(5000)});

    cr_assert(errand_await(office, errand));
    cr_expect_eq(errand->result, -EAGAIN);
    cr_expect_str_eq(errand_reason(errand, /* done= */ true), "it is away");
    errand_release(office, errand);
    office_close(office);
}

Test(office, who_waits_for_one_that_hangs_goes_on_at_its_deadline)
{
    struct office *office = given_office(1);
    int64_t before_ms = instant_monotonic();
    struct errand *errand =
        errand_send(office, &(struct errand){.run = hang, .deadline_ms = in(100)});

    cr_expect_not(errand_await(office, errand));
    cr_expect_str_eq(errand_reason(errand, /* done= */ false), "No answer in time");
    cr_expect_lt(instant_monotonic() - before_ms, 2000);
    errand_release(office, errand); /* the office has it still */
    await_begun(1);
    atomic_store(&app.open, true);
    office_close(office);
}

Test(office, what_nobody_waits_for_any_more_is_not_begun_unless_nobody_ever_did)
{
    struct office *office = given_office(1);
    struct errand *hanging =
        errand_send(office, &(struct errand){.run = hang, .deadline_ms = in(5000)});
    struct errand *last;

    await_begun(1);
    errand_release(office,
                   errand_send(office, &(struct errand){.run = answer, .deadline_ms = in(1)}));
    errand_release(office, errand_send(office, &(struct errand){.run = answer}));
    last = errand_send(office, &(struct errand){.run = refuse, .deadline_ms = in(5000)});
    atomic_store(&app.open, true);
    cr_assert(errand_await(office, last));
    cr_expect_eq(atomic_load(&app.begun), 2, "the one that hung, and the one without a deadline");
    errand_release(office, last);
    errand_release(office, hanging);
    office_close(office);
}

Test(office, too_many_errands_come_back_at_once)
{
    struct office *office = given_office(1);
    struct errand *errands[OFFICE_WAITING_MAX + 2];

    errands[0] = errand_send(office, &(struct errand){.run = hang, .deadline_ms = in(5000)});
    await_begun(1);
    for (size_t i = 1; i < ARRAY_LENGTH(errands); i++)
        errands[i] = errand_send(office, &(struct errand){.run = answer, .deadline_ms = in(5000)});
    cr_assert(errand_await(office, errands[OFFICE_WAITING_MAX + 1]));
    cr_expect_eq(errands[OFFICE_WAITING_MAX + 1]->result, -EAGAIN);
    cr_expect_str_eq(errands[OFFICE_WAITING_MAX + 1]->reason, "Too many questions wait already");
    atomic_store(&app.open, true);
    cr_expect(errand_await(office, errands[OFFICE_WAITING_MAX]));
    for (size_t i = 0; i < ARRAY_LENGTH(errands); i++)
        errand_release(office, errands[i]);
    office_close(office);
}

Test(office, closing_forgets_what_waits_and_lets_end_what_runs)
{
    struct office *office = given_office(1);

    errand_release(office, errand_send(office, &(struct errand){.run = hang}));
    await_begun(1);
    errand_release(office, errand_send(office, &(struct errand){.run = answer}));
    atomic_store(&app.open, true);
    cr_expect_eq(office_close(office), NULL);
    cr_expect_eq(atomic_load(&app.threads_done), 1);
}
