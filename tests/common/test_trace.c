/* Trace context: what is adopted, what is begun anew. */

#include "common/trace.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GIVEN "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* clang-format off */
static const char *const malformed[] = {
    "",
    "00",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333 -01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0z",
    "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
    "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\n1",
};
/* clang-format on */

Test(trace, a_given_trace_goes_on_under_a_new_span)
{
    char first[TRACEPARENT_BYTES];

    trace_begin(GIVEN);
    cr_assert(trace_is_valid(trace_current()));
    cr_assert_eq(strncmp(trace_current(), GIVEN, 36), 0, "same trace: %s", trace_current());
    cr_assert_neq(strncmp(trace_current() + 36, GIVEN + 36, 16), 0, "another span");
    cr_assert_str_eq(trace_current() + 52, "-01");

    cr_assert(text_copy(first, sizeof(first), trace_current()));
    trace_begin(GIVEN);
    cr_assert_str_neq(trace_current(), first);
    trace_begin(trace_current()); /* its own is as good as any */
    cr_assert_eq(strncmp(trace_current(), GIVEN, 36), 0);
}

Test(trace, the_flag_not_sampled_is_kept)
{
    trace_begin("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
    cr_assert_str_eq(trace_current() + 52, "-00");
}

Test(trace, whatever_is_malformed_begins_a_new_trace)
{
    for (size_t i = 0; i < ARRAY_LENGTH(malformed); i++) {
        cr_expect_not(trace_is_valid(malformed[i]), "row %zu", i);
        trace_begin(malformed[i]);
        cr_expect(trace_is_valid(trace_current()), "row %zu", i);
        cr_expect_neq(strncmp(trace_current() + 3, GIVEN + 3, 32), 0, "row %zu", i);
    }
    cr_expect_not(trace_is_valid(NULL));
    cr_expect(trace_is_valid(GIVEN));
}

Test(trace, new_traces_differ)
{
    char first[TRACEPARENT_BYTES];

    trace_begin(NULL);
    cr_assert(text_copy(first, sizeof(first), trace_current()));
    trace_begin(NULL);
    cr_assert_neq(strncmp(first + 3, trace_current() + 3, 32), 0);
}

Test(trace, outside_of_begin_and_end_there_is_none)
{
    cr_assert_str_eq(trace_current(), "");
    trace_begin(GIVEN);
    trace_end();
    cr_assert_str_eq(trace_current(), "");
}

static void *look(void *context)
{
    *(bool *)context = trace_current()[0] == '\0';
    return NULL;
}

Test(trace, another_thread_has_its_own)
{
    pthread_t thread;
    bool none = false;

    trace_begin(GIVEN);
    pthread_create(&thread, NULL, look, &none);
    pthread_join(thread, NULL);
    cr_assert(none);
}

Test(trace, an_event_takes_it_along)
{
    struct event event;

    event_init(&event, EVENT_TICKET_CREATED, "0123456789abcdef01234567", 0);
    cr_assert_str_eq(event.traceparent, "");
    trace_begin(GIVEN);
    event_init(&event, EVENT_TICKET_CREATED, "0123456789abcdef01234567", 0);
    cr_assert_str_eq(event.traceparent, trace_current());
}
