#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

/*
 * Settings: the environment, read once at start through tables.
 *
 * A table's rows name a variable, its type, its default, where it goes and what it means; parsing,
 * defaults, --help, --describe and the one message that names everything wrong follow from them.
 */

#include "common/memory.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
enum setting_type {
    SETTING_TEXT,    /* const char *; never NULL once loaded */
    SETTING_SECRET,  /* const char *; never printed */
    SETTING_INT,     /* int64_t, least..most */
    SETTING_BOOL,    /* bool: true|false|on|off|1|0 */
};
/* clang-format on */

struct setting {
    const char *name;       /* the environment variable */
    enum setting_type type; /* how to read it */
    const char *fallback;   /* its default as text; NULL: it must be set */
    size_t offset;          /* where it goes, in the struct that settings_load is given */
    int64_t least, most;    /* INT: the range; TEXT and SECRET: the length in
                               bytes, most 0: any; BOOL: 0, 0 */
    const char *meaning;    /* one sentence, lower case, no full stop */
};

/* Read `count` settings into `target`. Appends a line "NAME: what is wrong" to `problems` for each
 * that is missing or wrong; there `target` gets "", 0 or false. Texts are copied and live until
 * settings_release. */
void settings_load(const struct setting *settings, size_t count, void *target,
                   struct writer *problems);

/* Free the texts that settings_load copied into `target`. */
void settings_release(const struct setting *settings, size_t count, void *target);

/* A line for each setting, for --help. */
void settings_help(const struct setting *settings, size_t count, struct writer *out);

/* A JSON array of {name,type,default,meaning}, for --describe, under `key`. */
void settings_describe(const struct setting *settings, size_t count, const char *key,
                       struct writer *out);

#endif
