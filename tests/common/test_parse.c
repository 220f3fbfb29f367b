/* Parsing: which JSON is let in. */

#include "common/parse.h"
#include "common/writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bool is_accepted(const char *text, size_t length)
{
    cleanup(json_decrefp) json_t *object = NULL;
    cleanup(freep) char *exact = xmalloc(length); /* no NUL: one byte too many is seen */

    memcpy(exact, text, length);
    object = parse_object(exact, length);
    return object != NULL;
}

/* `depth` levels: the object at the top and `depth` - 1 of `open`…`close` within it. */
static bool nested_is_accepted(size_t depth, const char *open, const char *close)
{
    cleanup(writer_release) struct writer text = {0};

    write_format(&text, "{\"a\":");
    for (size_t i = 1; i < depth; i++)
        write_format(&text, "%s", open);
    write_format(&text, "1");
    for (size_t i = 1; i < depth; i++)
        write_format(&text, "%s", close);
    write_format(&text, "}");
    return is_accepted(text.data, text.length);
}

Test(parse, an_object_is_let_in)
{
    static const char *const rows[] = {
        "{}", " {\"a\":1}\n", "{\"a\":{\"a\":[1,2.5,\"x\",null,true]}}", "{\"[[[\":\"{{{\\\"[\"}"};

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        cr_expect(is_accepted(rows[i], strlen(rows[i])), "%s", rows[i]);
}

Test(parse, anything_else_is_refused)
{
    static const char *const rows[] = {"",
                                       " ",
                                       "null",
                                       "1",
                                       "\"a\"",
                                       "[]",
                                       "[{}]",
                                       "{",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{\"a\":1,}",
                                       "{a:1}",
                                       "{'a':1}",
                                       "{} {}",
                                       "{}x",
                                       "{\"a\":1,\"a\":2}",
                                       "{\"a\":01}",
                                       "{\"a\":+1}",
                                       "{\"a\":NaN}",
                                       "{\"a\":1e400}",
                                       "{\"a\":\"\\ud800\"}",
                                       "{\"a\":\"\\u0000\"}",
                                       "{\"a\":\"\xFF\"}",
                                       "{\"a\":\"\xC0\x80\"}",
                                       "{\"a\":\"\xED\xA0\x80\"}",
                                       "{\"a\":\"\n\"}",
                                       "\xEF\xBB\xBF{}",
                                       "{\"a\":99999999999999999999}",
                                       "{\"a\":{\"b\":1,\"b\":1}}",
                                       "{\"a\":1,\"\\u0061\":2}",
                                       "/**/{}",
                                       "{\"a\":\"\\"};

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        cr_expect_not(is_accepted(rows[i], strlen(rows[i])), "%s", rows[i]);
    cr_expect_not(is_accepted("{}\0", 3));
    cr_expect_not(is_accepted("{\"a\":\"\0\"}", 9));
}

Test(parse, thirty_two_levels_are_let_in_and_no_more)
{
    cr_expect(nested_is_accepted(32, "[", "]"));
    cr_expect(nested_is_accepted(32, "{\"a\":", "}"));
    cr_expect_not(nested_is_accepted(33, "[", "]"));
    cr_expect_not(nested_is_accepted(33, "{\"a\":", "}"));
}

Test(parse, brackets_beside_each_other_or_in_texts_are_no_levels)
{
    cleanup(writer_release) struct writer text = {0};

    write_format(&text, "{\"a\":[");
    for (int i = 0; i < 100; i++)
        write_format(&text, "[],");
    write_format(&text, "\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]}");
    cr_assert(is_accepted(text.data, text.length));
}

Test(parse, a_hundred_thousand_levels_end_nothing)
{
    size_t length = 100000;
    cleanup(freep) char *text = xmalloc(length);

    memset(text, '[', length);
    cr_assert_not(is_accepted(text, length));
    for (size_t i = 0; i + 5 <= length; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    cr_assert_not(is_accepted(text, length));
}

Test(parse, a_member_that_is_absent_or_no_text_is_the_empty_text)
{
    static const char text[] = "{\"id\":\"x\",\"count\":1,\"none\":null}";
    json_t *object = parse_object(text, strlen(text));

    cr_assert(object != NULL);
    cr_expect_str_eq(parse_member(object, "id"), "x");
    cr_expect_str_eq(parse_member(object, "count"), "");
    cr_expect_str_eq(parse_member(object, "none"), "");
    cr_expect_str_eq(parse_member(object, "other"), "");
    cr_expect_str_eq(parse_member(NULL, "id"), "");
    json_decref(object);
}
