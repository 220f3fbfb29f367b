/*
 * Money: between decimal major units, as people write them, and cents, as we count.
 *
 * A JSON number has become a double by the time we see it. Dividing cents by 100 and reading the
 * same two-decimal text both give the nearest double there is, so "was it a number with at most two
 * decimals?" is an exact comparison, without a tolerance that would let 10.000001 pass.
 */

#include "common/money.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define WHOLE_DIGITS_MAX 7
#define DECIMALS_MAX     2

enum money_result money_from_number(double major, int64_t *ret_cents)
{
    int64_t cents;

    if (!isfinite(major) || major <= 0)
        return MONEY_NOT_A_NUMBER;
    if (major > (double)MONEY_MAX_CENTS / 100.0)
        return MONEY_TOO_MUCH;

    cents = llround(major * 100.0);
    if ((double)cents / 100.0 != major)
        return MONEY_TOO_FINE;
    *ret_cents = cents;
    return MONEY_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum money_result money_from_text(const char *text, int64_t *ret_cents)
{
    int whole_digits = 0, decimals = 0;
    int64_t cents = 0;
    bool rest = false; /* is there anything but zeros beyond the second decimal? */

    /* Past the most, more digits change nothing and could overflow. */
    for (; is_digit(*text); text++, whole_digits++)
        if (cents <= MONEY_MAX_CENTS)
            cents = cents * 10 + (*text - '0') * 100;
    if (*text == '.')
        for (text++; is_digit(*text); text++, decimals++) {
            if (decimals < DECIMALS_MAX)
                cents += (*text - '0') * (decimals == 0 ? 10 : 1);
            else
                rest = rest || *text != '0';
        }

    if (whole_digits == 0 || *text != '\0' || text[-1] == '.' || (cents == 0 && !rest))
        return MONEY_NOT_A_NUMBER;
    if (cents > MONEY_MAX_CENTS || (cents == MONEY_MAX_CENTS && rest))
        return MONEY_TOO_MUCH;
    if (whole_digits > WHOLE_DIGITS_MAX)
        return MONEY_NOT_A_NUMBER;
    if (decimals > DECIMALS_MAX)
        return MONEY_TOO_FINE;
    *ret_cents = cents;
    return MONEY_OK;
}

char *money_format(int64_t cents, char ret_text[MONEY_TEXT_BYTES])
{
    uint64_t amount = cents < 0 ? -(uint64_t)cents : (uint64_t)cents;
    unsigned long long whole = amount / 100;
    unsigned rest = (unsigned)(amount % 100);
    const char *sign = cents < 0 ? "-" : "";

    if (rest == 0)
        snprintf(ret_text, MONEY_TEXT_BYTES, "%s%llu", sign, whole);
    else if (rest % 10 == 0)
        snprintf(ret_text, MONEY_TEXT_BYTES, "%s%llu.%u", sign, whole, rest / 10);
    else
        snprintf(ret_text, MONEY_TEXT_BYTES, "%s%llu.%02u", sign, whole, rest);
    return ret_text;
}
