#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

/*
 * Texts: UTF-8 as people type it. Pure and thread-safe; no locale is consulted.
 */

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_BYTES          25 /* 24 hexadecimal digits and a NUL */
#define FINGERPRINT_BYTES 65 /* of a request (http.h): 64 hexadecimal digits and a NUL */

/* Copy `text` into `buffer` of `size` bytes, always terminated. False if it did not fit (then
 * `buffer` is ""). NULL counts as "". */
bool text_copy(char *buffer, size_t size, const char *text);

/* Is it valid UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF)? */
bool text_is_utf8(const char *text, size_t length);

/* The bytes (1..4) of the code point that `text` begins with, and that code point; 0 if the
 * `length` bytes are empty or do not begin with a valid one. */
size_t text_decode(const char *text, size_t length, uint32_t *ret_code_point);

/* Unicode code points in valid UTF-8. */
size_t text_count(const char *text);

/* Does it hold a control character (C0, DEL, C1, U+2028, U+2029)? */
bool text_has_control(const char *text);

/* Trim white space (ASCII blanks, NBSP, U+2000..200A, U+3000, BOM) at both ends: a pointer into
 * `text` and, in *ret_length, the bytes that remain. */
const char *text_trim(const char *text, size_t *ret_length);

/* Fold for searching: lower case, letters without their accents, combining marks dropped. Covers
 * ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic; other scripts pass unchanged. Returns a new
 * string, at most as long as `text`; caller frees. */
char *text_fold(const char *text);

/* Is it 24 hexadecimal digits? If so ret_id holds them in lower case. */
bool text_is_id(const char *text, char ret_id[ID_BYTES]);

#endif
