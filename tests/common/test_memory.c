/* Memory: allocation that aborts, cleanup and handing out. */

#include "common/memory.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>

/* What cannot be had is NULL, as without the sanitizer, which would end the program itself. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

/* The sanitizer warns of such an allocation; here that is no finding, so not into its reports. */
static void expect_no_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_report_path("stderr");
#endif
}

Test(memory, a_size_of_nothing_is_still_a_pointer)
{
    cleanup(freep) void *none = xmalloc(0);
    cleanup(freep) void *no_items = xcalloc(0, 8);
    cleanup(freep) void *shrunk = xrealloc(xmalloc(8), 0);

    cr_assert_not_null(none);
    cr_assert_not_null(no_items);
    cr_assert_not_null(shrunk);
}

Test(memory, counted_memory_is_zero)
{
    cleanup(freep) unsigned char *bytes = xcalloc(16, 4);

    for (size_t i = 0; i < 64; i++)
        cr_assert_eq(bytes[i], 0);
}

Test(memory, running_out_aborts, .signal = SIGABRT)
{
    volatile size_t most = SIZE_MAX / 2;

    expect_no_memory();
    free(xmalloc(most));
}

Test(memory, a_product_that_overflows_aborts, .signal = SIGABRT)
{
    volatile size_t many = SIZE_MAX / 2;

    expect_no_memory();
    free(xcalloc(many, 4));
}

Test(memory, growing_beyond_memory_aborts, .signal = SIGABRT)
{
    volatile size_t most = SIZE_MAX / 2;

    expect_no_memory();
    free(xrealloc(NULL, most));
}

Test(memory, copies_of_texts_are_terminated)
{
    const char raw[] = {'a', 'b', 'c', 'd'}; /* no NUL: only what is asked for may be read */
    cleanup(freep) char *whole = xstrdup("hello");
    cleanup(freep) char *part = xstrndup(raw, 3);
    cleanup(freep) char *shorter = xstrndup("ab", 9);
    cleanup(freep) char *formatted = xasprintf("%s-%d", "order", 7);

    cr_assert_str_eq(whole, "hello");
    cr_assert_str_eq(part, "abc");
    cr_assert_str_eq(shorter, "ab");
    cr_assert_str_eq(formatted, "order-7");
}

Test(memory, what_is_taken_leaves_nothing_behind)
{
    char *given = xstrdup("mine");
    cleanup(freep) char *taken = take(given);

    cr_assert_null(given);
    cr_assert_str_eq(taken, "mine");
}
