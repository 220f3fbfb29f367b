/* Instants: ISO 8601 both ways, and the clock that tests stop. */

#include "common/fail.h"
#include "common/instant.h"

#include <criterion/criterion.h>
#include <string.h>

/* clang-format off */
static const struct { int64_t at_ms; const char *text; } format_rows[] = {
    {0,                "1970-01-01T00:00:00.000Z"},
    {1,                "1970-01-01T00:00:00.001Z"},
    {951782399999,     "2000-02-28T23:59:59.999Z"},
    {951782400000,     "2000-02-29T00:00:00.000Z"},
    {1795256100000,    "2026-11-21T10:15:00.000Z"},
    {4107542400000,    "2100-03-01T00:00:00.000Z"}, /* 2100 is no leap year */
    {253402300799999,  "9999-12-31T23:59:59.999Z"},
};

static const struct { const char *text; int64_t at_ms; } parse_rows[] = {
    {"1970-01-01T00:00:00Z",           0},
    {"1970-01-01T00:00:00.5Z",         500},
    {"1970-01-01T00:00:00.05Z",        50},
    {"1970-01-01T00:00:00.1239Z",      123},
    {"1970-01-01T00:00:01.123456789Z", 1123},
};

static const char *const refused[] = {
    "", "Z", "2026", "2026-11-21", "2026-11-21T10:15Z", "2026-11-21T10:15:00.000",
    "2026-11-21T10:15:00.Z", "2026-11-21T10:15:00.1234567890Z", "2026-11-21T10:15:00.000z",
    "2026-11-21T10:15:00.000+00:00", "2026-11-21t10:15:00.000Z", "2026-11-21 10:15:00.000Z",
    "2026-11-21T10:15:00.000Z ", " 2026-11-21T10:15:00.000Z", "2026-11-21T10:15:00,000Z",
    "2026-13-01T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-01-00T00:00:00.000Z",
    "2026-02-29T00:00:00.000Z", "2100-02-29T00:00:00.000Z", "2026-04-31T00:00:00.000Z",
    "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z", "2026-12-31T23:59:60.000Z",
    "1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z", "-026-01-01T00:00:00.000Z",
    "10000-01-01T00:00:00.000Z", "2026-1-01T00:00:00.000Z", "2026-11-21T10:15:0x.000Z",
};
/* clang-format on */

Test(instant, instants_are_written_and_read_back)
{
    char text[INSTANT_TEXT_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(format_rows); i++) {
        int64_t at_ms = -1;

        cr_expect_str_eq(instant_format(format_rows[i].at_ms, text), format_rows[i].text);
        cr_expect_eq(instant_parse(format_rows[i].text, &at_ms), 0);
        cr_expect_eq(at_ms, format_rows[i].at_ms, "%s", format_rows[i].text);
    }
}

Test(instant, what_lies_outside_of_its_years_is_moved_inside)
{
    char text[INSTANT_TEXT_BYTES];

    cr_assert_str_eq(instant_format(-1, text), "1970-01-01T00:00:00.000Z");
    cr_assert_str_eq(instant_format(INT64_MIN, text), "1970-01-01T00:00:00.000Z");
    cr_assert_str_eq(instant_format(253402300800000, text), "9999-12-31T23:59:59.999Z");
    cr_assert_str_eq(instant_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
}

Test(instant, a_fraction_has_one_to_nine_digits_or_is_absent)
{
    for (size_t i = 0; i < ARRAY_LENGTH(parse_rows); i++) {
        int64_t at_ms = -1;

        cr_expect_eq(instant_parse(parse_rows[i].text, &at_ms), 0, "%s", parse_rows[i].text);
        cr_expect_eq(at_ms, parse_rows[i].at_ms, "%s", parse_rows[i].text);
    }
}

Test(instant, what_is_no_instant_is_refused_and_changes_nothing)
{
    int64_t at_ms = 42;

    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        cr_expect_eq(instant_parse(refused[i], &at_ms), INVALID, "\"%s\"", refused[i]);
    cr_assert_eq(at_ms, 42);
}

Test(instant, a_text_cut_anywhere_is_refused)
{
    static const char whole[] = "2026-11-21T10:15:00.000Z";
    int64_t at_ms;

    for (size_t length = 0; length < strlen(whole); length++) {
        cleanup(freep) char *cut = xstrndup(whole, length);

        cr_expect_eq(instant_parse(cut, &at_ms), INVALID, "\"%s\"", cut);
    }
}

Test(instant, a_faked_clock_stands_still_and_runs_again)
{
    int64_t before = instant_now(), monotonic = instant_monotonic_us();

    cr_assert_gt(before, INT64_C(1700000000000));
    instant_fake(1000);
    cr_assert_eq(instant_now(), 1000);
    cr_assert_eq(instant_now(), 1000);
    while (instant_monotonic_us() == monotonic) /* it ends: that clock is never stopped */
        ;
    instant_fake(0);
    cr_assert_geq(instant_now(), before);
    cr_assert_leq(instant_monotonic() - instant_monotonic_us() / 1000, 0);
}
