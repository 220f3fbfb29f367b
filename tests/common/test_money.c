/* Money: what is an amount, and what is refused for which reason. */

#include "common/money.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct { double major; enum money_result result; int64_t cents; } number_rows[] = {
    {20,                   MONEY_OK,           2000},
    {20.5,                 MONEY_OK,           2050},
    {0.01,                 MONEY_OK,           1},
    {0.29,                 MONEY_OK,           29},     /* 0.29 * 100 is 28.999… */
    {1.15,                 MONEY_OK,           115},
    {4.35,                 MONEY_OK,           435},
    {1000000,              MONEY_OK,           MONEY_MAX_CENTS},
    {999999.99,            MONEY_OK,           99999999},
    {0,                    MONEY_NOT_A_NUMBER, 0},
    {-0.0,                 MONEY_NOT_A_NUMBER, 0},
    {-1,                   MONEY_NOT_A_NUMBER, 0},
    {NAN,                  MONEY_NOT_A_NUMBER, 0},
    {INFINITY,             MONEY_NOT_A_NUMBER, 0},
    {-INFINITY,            MONEY_NOT_A_NUMBER, 0},
    {0.001,                MONEY_TOO_FINE,     0},
    {1e-300,               MONEY_TOO_FINE,     0},
    {0.1 + 0.2,            MONEY_TOO_FINE,     0},      /* 0.30000000000000004 */
    {19.999,               MONEY_TOO_FINE,     0},
    {10.000001,            MONEY_TOO_FINE,     0},
    {999999.999,           MONEY_TOO_FINE,     0},
    {1000000.01,           MONEY_TOO_MUCH,     0},
    {1000000.0000001,      MONEY_TOO_MUCH,     0},
    {1e300,                MONEY_TOO_MUCH,     0},
    {9223372036854775807., MONEY_TOO_MUCH,     0},
};

static const struct { const char *text; enum money_result result; int64_t cents; } text_rows[] = {
    {"20",                   MONEY_OK,           2000},
    {"20.5",                 MONEY_OK,           2050},
    {"20.50",                MONEY_OK,           2050},
    {"0.05",                 MONEY_OK,           5},
    {"007.00",               MONEY_OK,           700},
    {"1000000",              MONEY_OK,           MONEY_MAX_CENTS},
    {"1000000.00",           MONEY_OK,           MONEY_MAX_CENTS},
    {"",                     MONEY_NOT_A_NUMBER, 0},
    {".",                    MONEY_NOT_A_NUMBER, 0},
    {"0",                    MONEY_NOT_A_NUMBER, 0},
    {"0.00",                 MONEY_NOT_A_NUMBER, 0},
    {"0.000",                MONEY_NOT_A_NUMBER, 0},
    {"-1",                   MONEY_NOT_A_NUMBER, 0},
    {"+1",                   MONEY_NOT_A_NUMBER, 0},
    {" 1",                   MONEY_NOT_A_NUMBER, 0},
    {"1 ",                   MONEY_NOT_A_NUMBER, 0},
    {"1.",                   MONEY_NOT_A_NUMBER, 0},
    {".5",                   MONEY_NOT_A_NUMBER, 0},
    {"1,5",                  MONEY_NOT_A_NUMBER, 0},
    {"1.5.0",                MONEY_NOT_A_NUMBER, 0},
    {"1e3",                  MONEY_NOT_A_NUMBER, 0},
    {"0x10",                 MONEY_NOT_A_NUMBER, 0},
    {"NaN",                  MONEY_NOT_A_NUMBER, 0},
    {"Infinity",             MONEY_NOT_A_NUMBER, 0},
    {"\xD9\xA1",             MONEY_NOT_A_NUMBER, 0},      /* an Arabic 1 */
    {"00000020",             MONEY_NOT_A_NUMBER, 0},      /* eight digits */
    {"1.005",                MONEY_TOO_FINE,     0},
    {"0.001",                MONEY_TOO_FINE,     0},
    {"20.500",               MONEY_TOO_FINE,     0},
    {"1000000.01",           MONEY_TOO_MUCH,     0},
    {"1000000.001",          MONEY_TOO_MUCH,     0},
    {"9999999",              MONEY_TOO_MUCH,     0},
    {"10000000",             MONEY_TOO_MUCH,     0},
    {"18446744073709551617", MONEY_TOO_MUCH,     0},      /* 2^64 + 1 */
    {"99999999999999999999999999999999999999999999.123", MONEY_TOO_MUCH, 0},
};

static const struct { int64_t cents; const char *text; } format_rows[] = {
    {2000,            "20"},
    {2050,            "20.5"},
    {2055,            "20.55"},
    {2005,            "20.05"},
    {5,               "0.05"},
    {50,              "0.5"},
    {0,               "0"},
    {-5,              "-0.05"},
    {MONEY_MAX_CENTS, "1000000"},
    {INT64_MAX,       "92233720368547758.07"},
    {INT64_MIN,       "-92233720368547758.08"},
};
/* clang-format on */

Test(money, a_number_is_taken_or_refused_for_its_reason)
{
    for (size_t i = 0; i < ARRAY_LENGTH(number_rows); i++) {
        int64_t cents = 0;

        cr_expect_eq(money_from_number(number_rows[i].major, &cents), number_rows[i].result,
                     "%.17g", number_rows[i].major);
        cr_expect_eq(cents, number_rows[i].cents, "%.17g", number_rows[i].major);
    }
}

Test(money, a_text_is_taken_or_refused_for_its_reason)
{
    for (size_t i = 0; i < ARRAY_LENGTH(text_rows); i++) {
        int64_t cents = 0;

        cr_expect_eq(money_from_text(text_rows[i].text, &cents), text_rows[i].result, "\"%s\"",
                     text_rows[i].text);
        cr_expect_eq(cents, text_rows[i].cents, "\"%s\"", text_rows[i].text);
    }
}

Test(money, amounts_are_written_without_needless_zeros)
{
    char text[MONEY_TEXT_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(format_rows); i++)
        cr_expect_str_eq(money_format(format_rows[i].cents, text), format_rows[i].text);
}

/* Steps of a prime reach every pattern of digits; the last hundred thousand are all tried. */
Test(money, every_amount_comes_back_from_its_text)
{
    for (int64_t cents = 1; cents <= MONEY_MAX_CENTS;
         cents += cents < 100000 || cents > MONEY_MAX_CENTS - 100000 ? 1 : 97) {
        char text[MONEY_TEXT_BYTES];
        int64_t from_text = 0, from_number = 0;

        money_format(cents, text);
        if (money_from_text(text, &from_text) != MONEY_OK || from_text != cents)
            cr_assert_fail("\"%s\" as a text gives %ld", text, (long)from_text);
        if (money_from_number(strtod(text, NULL), &from_number) != MONEY_OK || from_number != cents)
            cr_assert_fail("%s as a number gives %ld", text, (long)from_number);
    }
}
