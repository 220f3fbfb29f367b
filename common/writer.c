/*
 * Writer: JSON, member by member, into one buffer.
 *
 * Answers and events are flat and their order is known when they are written, so a tree would only
 * cost: this is four times as fast as building one and printing it. What comes out is valid JSON
 * in valid UTF-8 whatever the values hold; bytes that are no UTF-8 become U+FFFD, as a reader
 * would refuse the whole document for one of them.
 */

#include "common/writer.h"

#include "common/instant.h"
#include "common/money.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_FIRST_BYTES 512
#define REPLACEMENT        "\xEF\xBF\xBD" /* U+FFFD */

void writer_init(struct writer *writer)
{
    *writer = (struct writer){0};
}

void writer_release(struct writer *writer)
{
    free(writer->data);
    writer_init(writer);
}

void writer_clear(struct writer *writer)
{
    writer->length = 0;
    writer->comma = false;
    writer->overflow = false;
    if (writer->data != NULL)
        writer->data[0] = '\0';
}

const char *writer_text(const struct writer *writer)
{
    return writer->data == NULL ? "" : writer->data;
}

char *writer_take(struct writer *writer)
{
    char *data = writer->data == NULL ? xstrdup("") : writer->data;

    writer_init(writer);
    return data;
}

/* Make room for `length` bytes and a NUL; false, and overflow, beyond the bound. */
static bool reserve(struct writer *writer, size_t length)
{
    size_t capacity = writer->capacity == 0 ? WRITER_FIRST_BYTES : writer->capacity;

    if (writer->overflow || length >= WRITER_MAX_BYTES - writer->length) {
        writer->overflow = true;
        return false;
    }
    if (writer->length + length < writer->capacity)
        return true;
    while (capacity <= writer->length + length)
        capacity *= 2;
    writer->data = xrealloc(writer->data, capacity);
    writer->capacity = capacity;
    return true;
}

void write_raw(struct writer *writer, const char *data, size_t length)
{
    if (!reserve(writer, length))
        return;
    if (length > 0)
        memcpy(writer->data + writer->length, data, length);
    writer->length += length;
    writer->data[writer->length] = '\0';
}

void write_format(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(writer, (size_t)length)) {
        writer->overflow = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(writer->data + writer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    writer->length += (size_t)length;
}

/* What stands before a value: a comma where one is due, and the key. */
static void begin_value(struct writer *writer, const char *key)
{
    if (writer->comma)
        write_raw(writer, ",", 1);
    writer->comma = true;
    if (key == NULL)
        return;
    write_raw(writer, "\"", 1);
    write_raw(writer, key, strlen(key));
    write_raw(writer, "\":", 2);
}

void write_object_begin(struct writer *writer, const char *key)
{
    begin_value(writer, key);
    write_raw(writer, "{", 1);
    writer->comma = false;
}

void write_object_end(struct writer *writer)
{
    write_raw(writer, "}", 1);
    writer->comma = true;
}

void write_array_begin(struct writer *writer, const char *key)
{
    begin_value(writer, key);
    write_raw(writer, "[", 1);
    writer->comma = false;
}

void write_array_end(struct writer *writer)
{
    write_raw(writer, "]", 1);
    writer->comma = true;
}

/* Is it a byte that stands for itself in a JSON text? */
static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static void write_escaped(struct writer *writer, char c)
{
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *found = strchr(named, c);

    if (found != NULL)
        write_raw(writer, (char[]){'\\', names[found - named]}, 2);
    else
        write_format(writer, "\\u%04x", (unsigned)(unsigned char)c);
}

void write_text(struct writer *writer, const char *key, const char *value)
{
    const char *end = value + strlen(value);
    uint32_t code_point;

    begin_value(writer, key);
    write_raw(writer, "\"", 1);
    while (value < end) {
        const char *run = value;
        size_t bytes;

        while (is_plain(*value)) /* the NUL at the end is not */
            value++;
        write_raw(writer, run, (size_t)(value - run));
        if (value == end)
            break;
        bytes = text_decode(value, (size_t)(end - value), &code_point);
        if (bytes > 1)
            write_raw(writer, value, bytes);
        else if (bytes == 1)
            write_escaped(writer, *value);
        else
            write_raw(writer, REPLACEMENT, sizeof(REPLACEMENT) - 1);
        value += bytes == 0 ? 1 : bytes;
    }
    write_raw(writer, "\"", 1);
}

void write_int(struct writer *writer, const char *key, int64_t value)
{
    begin_value(writer, key);
    write_format(writer, "%" PRId64, value);
}

void write_bool(struct writer *writer, const char *key, bool value)
{
    write_json(writer, key, value ? "true" : "false", value ? 4 : 5);
}

void write_null(struct writer *writer, const char *key)
{
    write_json(writer, key, "null", 4);
}

void write_money(struct writer *writer, const char *key, int64_t cents)
{
    char text[MONEY_TEXT_BYTES];

    money_format(cents, text);
    write_json(writer, key, text, strlen(text));
}

void write_instant(struct writer *writer, const char *key, int64_t at_ms)
{
    char text[INSTANT_TEXT_BYTES];

    write_text(writer, key, instant_format(at_ms, text));
}

void write_json(struct writer *writer, const char *key, const char *json, size_t length)
{
    begin_value(writer, key);
    write_raw(writer, json, length);
}
