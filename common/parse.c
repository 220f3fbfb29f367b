/*
 * Parsing: jansson, behind a look at the depth.
 *
 * jansson recurses, and its own bound (2,048 levels) is its own affair; counting brackets first
 * costs one pass and lets nothing deep near it. Whatever the count makes of a text that is no JSON
 * does not matter: jansson refuses that after.
 */

#include "common/parse.h"

#include <stdbool.h>

static bool is_too_deep(const char *text, size_t length)
{
    bool in_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < length; i++) {
        if (in_string && text[i] == '\\')
            i++; /* what is escaped neither ends the string nor begins anything */
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!in_string && (text[i] == '}' || text[i] == ']') && depth > 0)
            depth--;
        if (depth > PARSE_DEPTH_MAX)
            return true;
    }
    return false;
}

json_t *parse_object(const char *text, size_t length)
{
    json_t *parsed;

    if (is_too_deep(text, length))
        return NULL;
    parsed = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (parsed != NULL && !json_is_object(parsed)) {
        json_decref(parsed);
        return NULL;
    }
    return parsed;
}

const char *parse_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}
