#ifndef COMMON_WRITER_H
#define COMMON_WRITER_H

/*
 * Writer: JSON written straight into one growing buffer, without a tree in between.
 *
 * Commas are put by the writer; the caller says begin, members, end. Keys are literals of ours and
 * are not escaped; values are. Inside an array the key is NULL. The buffer never passes
 * WRITER_MAX_BYTES: what would, sets `overflow`, which the http dispatcher answers with a 500.
 * One thread at a time.
 */

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WRITER_MAX_BYTES (16u << 20) /* 100 orders with full histories are below 1 MiB */

struct writer {
    char *data;      /* always terminated once anything was written; NULL before */
    size_t length;   /* without the NUL */
    size_t capacity; /* bytes allocated */
    bool comma;      /* the next member needs a comma before it */
    bool overflow;
};

void writer_init(struct writer *writer);    /* allocates nothing */
void writer_release(struct writer *writer); /* for cleanup() too; writer_init'ed again after */
void writer_clear(struct writer *writer);   /* empty, capacity kept */

/* The text so far, "" if none. Borrowed until the next call. */
const char *writer_text(const struct writer *writer);

/* Hand the buffer out: caller frees. The writer is empty after. Never NULL. */
char *writer_take(struct writer *writer);

/* Raw bytes, no escaping, no comma. */
void write_raw(struct writer *writer, const char *data, size_t length);
void write_format(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void write_object_begin(struct writer *writer, const char *key);
void write_object_end(struct writer *writer);
void write_array_begin(struct writer *writer, const char *key);
void write_array_end(struct writer *writer);

void write_text(struct writer *writer, const char *key, const char *value);
void write_int(struct writer *writer, const char *key, int64_t value);
void write_bool(struct writer *writer, const char *key, bool value);
void write_null(struct writer *writer, const char *key);
void write_money(struct writer *writer, const char *key, int64_t cents);
void write_instant(struct writer *writer, const char *key, int64_t at_ms);

/* A member whose value is JSON already. */
void write_json(struct writer *writer, const char *key, const char *json, size_t length);

#endif
