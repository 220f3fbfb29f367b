#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

/*
 * Fuzzing: each .c here but replay.c is a target of its own, tests/fuzz/corpus/<target>/ its kept
 * inputs: one that found something stays for ever. clang's libFuzzer drives a target (make fuzz);
 * in make test replay.c gives it its corpus, which needs no clang.
 *
 * A target may not crash, leak or be undefined, and what it promises is checked by `require`.
 */

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition) require_that(condition, #condition, __FILE__, __LINE__)

static inline void require_that(bool holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* The input as a text: up to its first NUL. Caller frees. */
static inline char *text_of(const uint8_t *data, size_t size)
{
    return xstrndup((const char *)data, strnlen((const char *)data, size));
}

#endif
