/* Writer: commas, escapes, bytes that are no UTF-8, and the bound. */

#include "common/writer.h"

#include "common/text.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct { const char *value, *json; } text_rows[] = {
    {"",                       "\"\""},
    {"plain",                  "\"plain\""},
    {"say \"hi\" \\ bye",      "\"say \\\"hi\\\" \\\\ bye\""},
    {"\b\f\n\r\t",             "\"\\b\\f\\n\\r\\t\""},
    {"\x01\x1F",               "\"\\u0001\\u001f\""},
    {"\x7F/",                  "\"\x7F/\""},
    {"é 東 🎸",                 "\"é 東 🎸\""},
    {"\xFFz",                  "\"\uFFFDz\""},
    {"a\x80",                  "\"a\uFFFD\""},
    {"\xC0\x80",               "\"\uFFFD\uFFFD\""},
    {"\xED\xA0\x80",           "\"\uFFFD\uFFFD\uFFFD\""},
    {"\xE2\x82",               "\"\uFFFD\uFFFD\""},
    {"\xC3\"",                 "\"\uFFFD\\\"\""},
};
/* clang-format on */

Test(writer, commas_stand_between_members_only)
{
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    write_object_begin(&out, NULL);
    write_array_begin(&out, "none");
    write_array_end(&out);
    write_array_begin(&out, "list");
    write_int(&out, NULL, 1);
    write_object_begin(&out, NULL);
    write_object_end(&out);
    write_text(&out, NULL, "x");
    write_array_end(&out);
    write_object_begin(&out, "inner");
    write_bool(&out, "yes", true);
    write_bool(&out, "no", false);
    write_object_end(&out);
    write_null(&out, "nothing");
    write_money(&out, "price", 2050);
    write_instant(&out, "at", 0);
    write_json(&out, "raw", "[1, 2]", 6);
    write_int(&out, "least", INT64_MIN);
    write_object_end(&out);
    cr_assert_str_eq(writer_text(&out),
                     "{\"none\":[],\"list\":[1,{},\"x\"],\"inner\":{\"yes\":true,\"no\":false},"
                     "\"nothing\":null,\"price\":20.5,\"at\":\"1970-01-01T00:00:00.000Z\","
                     "\"raw\":[1, 2],\"least\":-9223372036854775808}");
    cr_assert_eq(out.length, strlen(out.data));
    cr_assert_not(out.overflow);
}

Test(writer, texts_are_escaped)
{
    for (size_t i = 0; i < ARRAY_LENGTH(text_rows); i++) {
        cleanup(writer_release) struct writer out = {0};

        write_text(&out, NULL, text_rows[i].value);
        cr_expect_str_eq(writer_text(&out), text_rows[i].json);
    }
}

/* Any three bytes after one another; jansson, which is strict, is the judge. */
Test(writer, no_value_makes_invalid_json)
{
    cleanup(writer_release) struct writer out = {0};

    for (unsigned i = 1; i < 256 * 256 * 256; i += i % 65536 < 256 ? 1 : 251) {
        char value[] = {(char)(i >> 16), (char)(i >> 8), (char)i, '\0'};
        json_t *parsed;
        bool same;

        writer_clear(&out);
        write_text(&out, NULL, value);
        parsed = json_loadb(out.data, out.length, JSON_DECODE_ANY, NULL);
        if (parsed == NULL)
            cr_assert_fail("%02x %02x %02x", i >> 16, i >> 8 & 255, i & 255);
        same = strcmp(json_string_value(parsed), value) == 0;
        if (same != text_is_utf8(value, strlen(value)))
            cr_assert_fail("%02x %02x %02x comes back otherwise", i >> 16, i >> 8 & 255, i & 255);
        json_decref(parsed);
    }
}

Test(writer, it_grows_and_stays_terminated)
{
    cleanup(writer_release) struct writer out = {0};

    for (size_t i = 0; i < 5000; i++) {
        write_raw(&out, "x", 1);
        if (out.data[out.length] != '\0' || out.length != i + 1 || out.capacity <= out.length)
            cr_assert_fail("after %zu bytes", i + 1);
    }
    write_format(&out, "%05d", 42);
    cr_assert_str_eq(out.data + 5000, "00042");
}

Test(writer, beyond_its_bound_it_stops_and_says_so)
{
    cleanup(writer_release) struct writer out = {0};
    cleanup(freep) char *chunk = xmalloc(1u << 20);
    size_t length;

    memset(chunk, 'x', 1u << 20);
    for (int i = 0; i < 15; i++)
        write_raw(&out, chunk, 1u << 20);
    write_raw(&out, chunk, (1u << 20) - 1);
    cr_assert_not(out.overflow);
    length = out.length;
    cr_assert_eq(length, WRITER_MAX_BYTES - 1);

    write_raw(&out, "y", 1);
    cr_assert(out.overflow);
    write_text(&out, NULL, "");
    write_format(&out, "%d", 1);
    cr_assert_eq(out.length, length);
    cr_assert_eq(strlen(out.data), length);

    writer_clear(&out);
    write_int(&out, NULL, 7);
    cr_assert_str_eq(writer_text(&out), "7");
    cr_assert_not(out.overflow);
}

Test(writer, one_write_larger_than_the_bound_overflows)
{
    cleanup(writer_release) struct writer out = {0};

    write_format(&out, "%*d", (int)WRITER_MAX_BYTES, 1);
    cr_assert(out.overflow);
    cr_assert_str_eq(writer_text(&out), "");
}

Test(writer, what_is_taken_is_the_callers)
{
    struct writer out = {0};
    cleanup(freep) char *nothing = writer_take(&out);
    cleanup(freep) char *taken = NULL;

    cr_assert_str_eq(nothing, "");
    write_int(&out, NULL, 1);
    taken = writer_take(&out);
    cr_assert_str_eq(taken, "1");
    cr_assert_str_eq(writer_text(&out), "");
    cr_assert_null(out.data);
    write_int(&out, NULL, 2); /* no comma is left over */
    cr_assert_str_eq(writer_text(&out), "2");
    writer_release(&out);
    cr_assert_null(out.data);
}
