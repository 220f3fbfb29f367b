#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

/*
 * Parsing: JSON that came from outside, by the one rule that requests and events share: an object
 * at the top, valid UTF-8, at most PARSE_DEPTH_MAX levels, no key twice, nothing after it. Any
 * thread may call.
 */

#include "common/memory.h"

#include <jansson.h>
#include <stddef.h>

#define PARSE_DEPTH_MAX 32 /* the object at the top is level 1 */

/* The object in `length` bytes of `text` (no NUL needed); NULL if it breaks the rule. Caller
 * releases with json_decref. */
must_check json_t *parse_object(const char *text, size_t length);

/* The text under `name`, borrowed from `object`; "" where it is absent or no text, or `object` is
 * NULL or no object. */
const char *parse_member(const json_t *object, const char *name);

#endif
