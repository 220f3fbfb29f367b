#ifndef COMMON_MONEY_H
#define COMMON_MONEY_H

/*
 * Money: integer minor units inside, decimal major units outside.
 *
 * A double is accepted only where it is the nearest one to a whole number of cents, which is what
 * every number with at most two decimals is read as. Thread-safe, pure.
 */

#include "common/memory.h"

#include <stdint.h>

#define MONEY_MAX_CENTS  INT64_C(100000000) /* 1,000,000.00: the contract's highest price */
#define MONEY_TEXT_BYTES 24

enum money_result {
    MONEY_OK,
    MONEY_NOT_A_NUMBER, /* or not above 0 */
    MONEY_TOO_FINE,     /* more than two decimals */
    MONEY_TOO_MUCH,     /* above MONEY_MAX_CENTS */
};

/* `major` units to cents. On MONEY_OK sets *ret_cents (> 0). NaN and infinities are not numbers. */
must_check enum money_result money_from_number(double major, int64_t *ret_cents);

/* As money_from_number for text: digits, optionally a point and decimals ("20", "20.5", "20.50").
 * Anything that does not match ^\d{1,7}(\.\d{1,2})?$ is refused with the reason that fits. */
must_check enum money_result money_from_text(const char *text, int64_t *ret_cents);

/* Cents as a JSON number: "20", "20.5", "0.05" (no needless zeros). Returns `ret_text`. */
char *money_format(int64_t cents, char ret_text[MONEY_TEXT_BYTES]);

#endif
