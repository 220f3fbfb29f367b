/* Texts: UTF-8 at its edges, trimming, folding, ids. */

#include "common/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct { const char *text; bool valid; const char *what; } utf8_rows[] = {
    {"",                      true,  "nothing"},
    {"plain",                 true,  "ASCII"},
    {"\x7F",                  true,  "U+007F"},
    {"\xC2\x80",              true,  "U+0080, the first of two bytes"},
    {"\xDF\xBF",              true,  "U+07FF"},
    {"\xE0\xA0\x80",          true,  "U+0800, the first of three bytes"},
    {"\xED\x9F\xBF",          true,  "U+D7FF, before the surrogates"},
    {"\xEE\x80\x80",          true,  "U+E000, after the surrogates"},
    {"\xEF\xBF\xBF",          true,  "U+FFFF"},
    {"\xF0\x90\x80\x80",      true,  "U+10000, the first of four bytes"},
    {"\xF4\x8F\xBF\xBF",      true,  "U+10FFFF, the last"},
    {"\xF4\x90\x80\x80",      false, "U+110000"},
    {"\xF7\xBF\xBF\xBF",      false, "far beyond the last"},
    {"\xF8\x88\x80\x80\x80",  false, "five bytes"},
    {"\xFE",                  false, "FE"},
    {"\xFF",                  false, "FF"},
    {"\xC0\x80",              false, "NUL in two bytes"},
    {"\xC1\xBF",              false, "U+007F in two bytes"},
    {"\xE0\x80\xAF",          false, "a slash in three bytes"},
    {"\xE0\x9F\xBF",          false, "U+07FF in three bytes"},
    {"\xF0\x8F\xBF\xBF",      false, "U+FFFF in four bytes"},
    {"\xED\xA0\x80",          false, "the first surrogate"},
    {"\xED\xBF\xBF",          false, "the last surrogate"},
    {"\x80",                  false, "a continuation alone"},
    {"a\xBF",                 false, "a continuation after ASCII"},
    {"\xC3",                  false, "two bytes cut to one"},
    {"\xE2\x82",              false, "three bytes cut to two"},
    {"\xF0\x9F\x8E",          false, "four bytes cut to three"},
    {"\xC3(",                 false, "no continuation"},
    {"\xE2\x82(",             false, "no second continuation"},
};

static const struct { const char *text, *folded; } fold_rows[] = {
    {"",                  ""},
    {"Hello WORLD 42",    "hello world 42"},
    {"ÀÉÎÕÜ ç Ñ ÿ",       "aeiou c n y"},
    {"Straße ÆON Œuvre",  "strasse aeon oeuvre"},
    {"Þór Ðan Øre",       "thor dan ore"},
    {"Łódź Čapek Ğ İ ı Ž","lodz capek g i i z"},
    {"Ŀŀ Ĳĳ ŉ ſ",         "ll ijij n s"},
    {"Brașov ȚARA Ǎ Ǆ ǿ", "brasov tara a dz o"},
    {"Tiếng VIỆT Ẁ ẞ ỹ",  "tieng viet w ss y"},
    {"Ƣ ə ẟ",             "Ƣ ə ẟ"},
    {"3 × 4 ÷ 2",         "3 × 4 ÷ 2"},
    {"e\u0301te\u0301",   "ete"},
    {"ΑΘΉΝΑ Ϊ Ώ ΐ ΰ",     "αθηνα ι ω ι υ"},
    {"ΟΔΥΣΣΕΥΣ Οδυσσεύς", "οδυσσευσ οδυσσευσ"},
    {"МОСКВА Ёлка Йод Ї", "москва елка иод і"},
    {"И\u0306",           "и"},
    {"Ӂ Ӏ Ґ Ѡ Ԁ",         "ж ӏ ґ ѡ ԁ"},
    {"東京 🎸 \u05E9",     "東京 🎸 \u05E9"},
    {"\xFF\xC3",          "\xFF\xC3"},
};

static const struct { const char *text, *trimmed; } trim_rows[] = {
    {"",                                       ""},
    {"x",                                      "x"},
    {"  a b  ",                                "a b"},
    {" \t\r\n\v\f",                            ""},
    {"\u00A0\u2003a\u3000b\u200A\uFEFF",       "a\u3000b"},
    {"\u200Ba\u200B",                          "\u200Ba\u200B"},
    {"\u1680\u202Fa\u205F\u2028\u2029\xC2\x85",  "a"},
    {"\xFF x \xFF",                            "\xFF x \xFF"},
};
/* clang-format on */

Test(text, utf8_is_told_from_what_is_none)
{
    for (size_t i = 0; i < ARRAY_LENGTH(utf8_rows); i++) {
        /* An exact copy, so that the sanitizer sees a byte read too many. */
        size_t length = strlen(utf8_rows[i].text);
        char *exact = xmalloc(length);

        memcpy(exact, utf8_rows[i].text, length);
        cr_expect_eq(text_is_utf8(exact, length), utf8_rows[i].valid, "%s", utf8_rows[i].what);
        free(exact);
    }
}

/* Every code point, encoded here by the definition, and back. */
Test(text, every_code_point_is_decoded)
{
    for (uint32_t c = 1; c <= 0x10FFFF; c++) {
        char bytes[4];
        size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        uint32_t rest = c, decoded = 0;

        for (size_t i = length - 1; i > 0; i--, rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3F));
        bytes[0] = (char)(length == 1 ? rest : (0xF00u >> length & 0xF0) | rest);
        if (c >= 0xD800 && c <= 0xDFFF) {
            cr_assert_eq(text_decode(bytes, length, &decoded), 0, "U+%04X", c);
            continue;
        }
        cr_assert_eq(text_decode(bytes, length, &decoded), length, "U+%04X", c);
        cr_assert_eq(decoded, c);
        for (size_t cut = 0; cut < length; cut++)
            cr_assert_eq(text_decode(bytes, cut, &decoded), 0, "U+%04X cut", c);
    }
}

Test(text, code_points_are_counted_not_bytes)
{
    cr_assert_eq(text_count(""), 0);
    cr_assert_eq(text_count("abc"), 3);
    cr_assert_eq(text_count("é東🎸"), 3);
    cr_assert_eq(text_count("e\u0301"), 2);
}

Test(text, control_characters_are_found)
{
    static const char *const controls[] = {"a\nb",     "\t",       "\x01",   "\x1F",  "x\x7F",
                                           "\xC2\x80", "\xC2\x9F", "\u2028", "\u2029"};
    static const char *const none[] = {"", "plain text", "\u00A0", "\u2027", "\u202A", "é🎸", "~"};

    for (size_t i = 0; i < ARRAY_LENGTH(controls); i++)
        cr_expect(text_has_control(controls[i]), "row %zu", i);
    for (size_t i = 0; i < ARRAY_LENGTH(none); i++)
        cr_expect_not(text_has_control(none[i]), "row %zu", i);
}

Test(text, white_space_goes_at_both_ends_only)
{
    for (size_t i = 0; i < ARRAY_LENGTH(trim_rows); i++) {
        size_t length = 99;
        const char *start = text_trim(trim_rows[i].text, &length);

        cr_expect_eq(length, strlen(trim_rows[i].trimmed), "row %zu: %zu bytes", i, length);
        cr_expect_eq(strncmp(start, trim_rows[i].trimmed, length), 0, "row %zu", i);
    }
}

Test(text, folding_drops_case_and_accents)
{
    for (size_t i = 0; i < ARRAY_LENGTH(fold_rows); i++) {
        cleanup(freep) char *folded = text_fold(fold_rows[i].text);
        cleanup(freep) char *again = text_fold(folded);

        cr_expect_str_eq(folded, fold_rows[i].folded);
        cr_expect_str_eq(again, folded, "row %zu: folding twice is folding once", i);
    }
}

/* What overflows the buffer for any two bytes, the sanitizer finds. */
Test(text, folding_never_grows_and_keeps_utf8)
{
    for (unsigned first = 1; first < 256; first++)
        for (unsigned second = 1; second < 256; second++) {
            char text[] = {(char)first, (char)second, '\0'};
            cleanup(freep) char *folded = text_fold(text);

            cr_assert_leq(strlen(folded), 2);
            if (text_is_utf8(text, 2))
                cr_assert(text_is_utf8(folded, strlen(folded)), "%02x %02x", first, second);
        }
}

Test(text, a_copy_fits_whole_or_not_at_all)
{
    char buffer[4] = "zzz";

    cr_assert(text_copy(buffer, sizeof(buffer), "abc"));
    cr_assert_str_eq(buffer, "abc");
    cr_assert_not(text_copy(buffer, sizeof(buffer), "abcd"));
    cr_assert_str_eq(buffer, "");
    cr_assert(text_copy(buffer, sizeof(buffer), NULL));
    cr_assert_str_eq(buffer, "");
}

Test(text, an_id_is_24_hexadecimal_digits)
{
    static const char *const wrong[] = {"",
                                        "0123456789abcdef0123456",
                                        "0123456789abcdef012345678",
                                        "0123456789abcdef0123456g",
                                        "0123456789abcdef 1234567",
                                        "0x23456789abcdef01234567",
                                        "0123456789abcdef0123456/",
                                        "0123456789abcdef0123456:",
                                        "0123456789abcdef0123456@",
                                        "0123456789abcdef0123456`",
                                        "0123456789abcdef0123456\xC3"};
    char id[ID_BYTES] = "untouched";

    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        cr_expect_not(text_is_id(wrong[i], id), "row %zu", i);
    cr_expect_not(text_is_id(NULL, id));
    cr_assert_str_eq(id, "untouched");

    cr_assert(text_is_id("0123456789ABCDEFabcdef09", id));
    cr_assert_str_eq(id, "0123456789abcdefabcdef09");
}
