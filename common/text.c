/*
 * Texts: UTF-8, decoded by hand and folded by tables.
 *
 * No locale and no library decides here, so that two processes, and a service and the index it
 * wrote last year, always agree. Folding goes as far as the people who search our titles need:
 * Latin, Greek and Cyrillic without case and accents, composed or not; what it does not know it
 * leaves alone. Bytes that are no UTF-8 are passed over or through, never read past.
 */

#include "common/text.h"

#include <string.h>

/* clang-format off */
/* U+00C0..U+024F without case and accents; "" for what is left as it is. */
static const char latin[][3] = {
    /* 00C0 */ "a",  "a",  "a",  "a",  "a",  "a",  "ae", "c",  "e",  "e",  "e",  "e",  "i",  "i",  "i",  "i",
    /* 00D0 */ "d",  "n",  "o",  "o",  "o",  "o",  "o",  "",   "o",  "u",  "u",  "u",  "u",  "y",  "th", "ss",
    /* 00E0 */ "a",  "a",  "a",  "a",  "a",  "a",  "ae", "c",  "e",  "e",  "e",  "e",  "i",  "i",  "i",  "i",
    /* 00F0 */ "d",  "n",  "o",  "o",  "o",  "o",  "o",  "",   "o",  "u",  "u",  "u",  "u",  "y",  "th", "y",
    /* 0100 */ "a",  "a",  "a",  "a",  "a",  "a",  "c",  "c",  "c",  "c",  "c",  "c",  "c",  "c",  "d",  "d",
    /* 0110 */ "d",  "d",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "g",  "g",  "g",  "g",
    /* 0120 */ "g",  "g",  "g",  "g",  "h",  "h",  "h",  "h",  "i",  "i",  "i",  "i",  "i",  "i",  "i",  "i",
    /* 0130 */ "i",  "i",  "ij", "ij", "j",  "j",  "k",  "k",  "k",  "l",  "l",  "l",  "l",  "l",  "l",  "l",
    /* 0140 */ "l",  "l",  "l",  "n",  "n",  "n",  "n",  "n",  "n",  "n",  "n",  "n",  "o",  "o",  "o",  "o",
    /* 0150 */ "o",  "o",  "oe", "oe", "r",  "r",  "r",  "r",  "r",  "r",  "s",  "s",  "s",  "s",  "s",  "s",
    /* 0160 */ "s",  "s",  "t",  "t",  "t",  "t",  "t",  "t",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",
    /* 0170 */ "u",  "u",  "u",  "u",  "w",  "w",  "y",  "y",  "y",  "z",  "z",  "z",  "z",  "z",  "z",  "s",
    /* 0180 */ "b",  "b",  "b",  "b",  "",   "",   "",   "c",  "c",  "d",  "d",  "d",  "d",  "",   "",   "",
    /* 0190 */ "",   "f",  "f",  "g",  "",   "",   "",   "i",  "k",  "k",  "l",  "",   "",   "n",  "n",  "o",
    /* 01A0 */ "o",  "o",  "",   "",   "p",  "p",  "",   "",   "",   "",   "",   "t",  "t",  "t",  "t",  "u",
    /* 01B0 */ "u",  "",   "v",  "y",  "y",  "z",  "z",  "",   "",   "",   "",   "",   "",   "",   "",   "",
    /* 01C0 */ "",   "",   "",   "",   "dz", "dz", "dz", "lj", "lj", "lj", "nj", "nj", "nj", "a",  "a",  "i",
    /* 01D0 */ "i",  "o",  "o",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "",   "a",  "a",
    /* 01E0 */ "a",  "a",  "ae", "ae", "g",  "g",  "g",  "g",  "k",  "k",  "o",  "o",  "o",  "o",  "",   "",
    /* 01F0 */ "j",  "dz", "dz", "dz", "g",  "g",  "",   "",   "n",  "n",  "a",  "a",  "ae", "ae", "o",  "o",
    /* 0200 */ "a",  "a",  "a",  "a",  "e",  "e",  "e",  "e",  "i",  "i",  "i",  "i",  "o",  "o",  "o",  "o",
    /* 0210 */ "r",  "r",  "r",  "r",  "u",  "u",  "u",  "u",  "s",  "s",  "t",  "t",  "",   "",   "h",  "h",
    /* 0220 */ "n",  "d",  "",   "",   "z",  "z",  "a",  "a",  "e",  "e",  "o",  "o",  "o",  "o",  "o",  "o",
    /* 0230 */ "o",  "o",  "y",  "y",  "l",  "n",  "t",  "j",  "db", "qp", "a",  "c",  "c",  "l",  "t",  "s",
    /* 0240 */ "z",  "",   "",   "b",  "u",  "",   "e",  "e",  "j",  "j",  "q",  "q",  "r",  "r",  "y",  "y",
};

#define LATIN_FIRST 0x00C0
#define LATIN_LAST  0x024F
_Static_assert(ARRAY_LENGTH(latin) == LATIN_LAST - LATIN_FIRST + 1, "a cell for each letter");

/* U+1E00..U+1EFF likewise: Vietnamese, above all. */
static const char more_latin[][3] = {
    /* 1E00 */ "a",  "a",  "b",  "b",  "b",  "b",  "b",  "b",  "c",  "c",  "d",  "d",  "d",  "d",  "d",  "d",
    /* 1E10 */ "d",  "d",  "d",  "d",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "f",  "f",
    /* 1E20 */ "g",  "g",  "h",  "h",  "h",  "h",  "h",  "h",  "h",  "h",  "h",  "h",  "i",  "i",  "i",  "i",
    /* 1E30 */ "k",  "k",  "k",  "k",  "k",  "k",  "l",  "l",  "l",  "l",  "l",  "l",  "l",  "l",  "m",  "m",
    /* 1E40 */ "m",  "m",  "m",  "m",  "n",  "n",  "n",  "n",  "n",  "n",  "n",  "n",  "o",  "o",  "o",  "o",
    /* 1E50 */ "o",  "o",  "o",  "o",  "p",  "p",  "p",  "p",  "r",  "r",  "r",  "r",  "r",  "r",  "r",  "r",
    /* 1E60 */ "s",  "s",  "s",  "s",  "s",  "s",  "s",  "s",  "s",  "s",  "t",  "t",  "t",  "t",  "t",  "t",
    /* 1E70 */ "t",  "t",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "v",  "v",  "v",  "v",
    /* 1E80 */ "w",  "w",  "w",  "w",  "w",  "w",  "w",  "w",  "w",  "w",  "x",  "x",  "x",  "x",  "y",  "y",
    /* 1E90 */ "z",  "z",  "z",  "z",  "z",  "z",  "h",  "t",  "w",  "y",  "a",  "s",  "s",  "s",  "ss", "",
    /* 1EA0 */ "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",
    /* 1EB0 */ "a",  "a",  "a",  "a",  "a",  "a",  "a",  "a",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",
    /* 1EC0 */ "e",  "e",  "e",  "e",  "e",  "e",  "e",  "e",  "i",  "i",  "i",  "i",  "o",  "o",  "o",  "o",
    /* 1ED0 */ "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",  "o",
    /* 1EE0 */ "o",  "o",  "o",  "o",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",  "u",
    /* 1EF0 */ "u",  "u",  "y",  "y",  "y",  "y",  "y",  "y",  "y",  "y",  "ll", "ll", "v",  "v",  "y",  "y",
};

#define MORE_LATIN_FIRST 0x1E00
#define MORE_LATIN_LAST  0x1EFF
_Static_assert(ARRAY_LENGTH(more_latin) == MORE_LATIN_LAST - MORE_LATIN_FIRST + 1,
               "a cell for each letter");

/* Greek and Cyrillic small letters with accents, and without. In order, for bsearch's sake. */
static const struct accented { uint16_t composed, base; } accented[] = {
    {0x0390, 0x03B9}, {0x03AC, 0x03B1}, {0x03AD, 0x03B5}, {0x03AE, 0x03B7}, {0x03AF, 0x03B9}, {0x03B0, 0x03C5},
    {0x03CA, 0x03B9}, {0x03CB, 0x03C5}, {0x03CC, 0x03BF}, {0x03CD, 0x03C5}, {0x03CE, 0x03C9},
    {0x0439, 0x0438}, {0x0450, 0x0435}, {0x0451, 0x0435}, {0x0453, 0x0433}, {0x0457, 0x0456},
    {0x045C, 0x043A}, {0x045D, 0x0438}, {0x045E, 0x0443}, {0x0477, 0x0475}, {0x04C2, 0x0436},
    {0x04D1, 0x0430}, {0x04D3, 0x0430}, {0x04D7, 0x0435}, {0x04DB, 0x04D9}, {0x04DD, 0x0436},
    {0x04DF, 0x0437}, {0x04E3, 0x0438}, {0x04E5, 0x0438}, {0x04E7, 0x043E}, {0x04EB, 0x04E9},
    {0x04ED, 0x044D}, {0x04EF, 0x0443}, {0x04F1, 0x0443}, {0x04F3, 0x0443}, {0x04F5, 0x0447},
    {0x04F9, 0x044B},
};

struct range { uint32_t first, last; };

static const struct range white_space[] = {
    {'\t', '\r'}, {' ', ' '}, {0x0085, 0x0085}, {0x00A0, 0x00A0}, {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF},
};
static const struct range controls[] = {
    {0x00, 0x1F}, {0x7F, 0x9F}, {0x2028, 0x2029},
};
static const struct range combining_marks[] = {
    {0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F},
};
/* clang-format on */

static bool is_in(uint32_t code_point, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    return false;
}

bool text_copy(char *buffer, size_t size, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);

    if (length >= size) {
        buffer[0] = '\0';
        return false;
    }
    if (length > 0)
        memcpy(buffer, text, length);
    buffer[length] = '\0';
    return true;
}

size_t text_decode(const char *text, size_t length, uint32_t *ret_code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by bytes; less is overlong */
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t code_point;
    size_t count;

    if (length == 0)
        return 0;
    if (bytes[0] < 0x80) {
        *ret_code_point = bytes[0];
        return 1;
    }
    if (bytes[0] < 0xC0 || bytes[0] > 0xF7)
        return 0;
    count = bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    if (length < count)
        return 0;

    code_point = bytes[0] & (0xFFu >> (count + 1));
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        code_point = code_point << 6 | (bytes[i] & 0x3Fu);
    }
    if (code_point < least[count] || code_point > 0x10FFFF ||
        (code_point >= 0xD800 && code_point <= 0xDFFF))
        return 0;
    *ret_code_point = code_point;
    return count;
}

bool text_is_utf8(const char *text, size_t length)
{
    uint32_t code_point;

    for (size_t at = 0; at < length;) {
        size_t count = text_decode(text + at, length - at, &code_point);

        if (count == 0)
            return false;
        at += count;
    }
    return true;
}

size_t text_count(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        if (((unsigned char)*text & 0xC0) != 0x80)
            count++;
    return count;
}

/* The code point at `text`, and its bytes; a byte that begins none counts as U+FFFD. */
static size_t next(const char *text, uint32_t *ret_code_point)
{
    size_t count = text_decode(text, strnlen(text, 4), ret_code_point);

    if (count > 0)
        return count;
    *ret_code_point = 0xFFFD;
    return 1;
}

bool text_has_control(const char *text)
{
    uint32_t code_point;

    while (*text != '\0') {
        text += next(text, &code_point);
        if (is_in(code_point, controls, ARRAY_LENGTH(controls)))
            return true;
    }
    return false;
}

const char *text_trim(const char *text, size_t *ret_length)
{
    const char *start = NULL, *end = text;
    uint32_t code_point;

    while (*text != '\0') {
        const char *at = text;

        text += next(text, &code_point);
        if (is_in(code_point, white_space, ARRAY_LENGTH(white_space)))
            continue;
        if (start == NULL)
            start = at;
        end = text;
    }
    if (start == NULL)
        start = end = text;
    *ret_length = (size_t)(end - start);
    return start;
}

/* Lower case of Greek and Cyrillic. Their blocks are laid out so that a step does it; the four
 * ranges at the end alternate, capital and small. */
static uint32_t lower(uint32_t c)
{
    if ((c >= 0x0391 && c <= 0x03AB) || (c >= 0x0410 && c <= 0x042F))
        return c + 0x20;
    if (c >= 0x0400 && c <= 0x040F)
        return c + 0x50;
    if (c == 0x0386)
        return 0x03AC;
    if (c >= 0x0388 && c <= 0x038A)
        return c + 0x25;
    if (c == 0x038C)
        return 0x03CC;
    if (c == 0x038E || c == 0x038F)
        return c + 0x3F;
    if (c == 0x04C0)
        return 0x04CF;
    if ((c >= 0x0460 && c <= 0x0481) || (c >= 0x048A && c <= 0x04BF) ||
        (c >= 0x04D0 && c <= 0x052F))
        return c | 1;
    if (c >= 0x04C1 && c <= 0x04CE)
        return c + (c & 1);
    return c;
}

/* Without accent, for what lower() returned; final sigma is a sigma. */
static uint32_t base(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LENGTH(accented); i++)
        if (accented[i].composed == c)
            return accented[i].base;
    return c == 0x03C2 ? 0x03C3 : c;
}

/* The letters of Latin that `c` is without case and accents; "" where it is none of them. */
static const char *latin_letters(uint32_t c)
{
    if (c >= LATIN_FIRST && c <= LATIN_LAST)
        return latin[c - LATIN_FIRST];
    if (c >= MORE_LATIN_FIRST && c <= MORE_LATIN_LAST)
        return more_latin[c - MORE_LATIN_FIRST];
    return "";
}

char *text_fold(const char *text)
{
    char *folded = xmalloc(strlen(text) + 1);
    size_t length = 0;
    uint32_t c;

    /* No code point grows: Latin's two or three bytes become one or two letters, the
     * others keep theirs. */
    while (*text != '\0') {
        size_t count = next(text, &c);
        const char *letter = latin_letters(c);

        if (c >= 'A' && c <= 'Z') {
            folded[length++] = (char)(c - 'A' + 'a');
        } else if (*letter != '\0') {
            for (; *letter != '\0'; letter++)
                folded[length++] = *letter;
        } else if (c >= 0x0370 && c <= 0x052F) {
            c = base(lower(c));
            folded[length++] = (char)(0xC0 | c >> 6);
            folded[length++] = (char)(0x80 | (c & 0x3F));
        } else if (!is_in(c, combining_marks, ARRAY_LENGTH(combining_marks))) {
            memcpy(folded + length, text, count);
            length += count;
        }
        text += count;
    }
    folded[length] = '\0';
    return folded;
}

bool text_is_id(const char *text, char ret_id[ID_BYTES])
{
    char id[ID_BYTES];

    if (text == NULL || strnlen(text, ID_BYTES) != ID_BYTES - 1)
        return false;
    for (size_t i = 0; i < ID_BYTES; i++) {
        char c = text[i];

        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        if (i < ID_BYTES - 1 && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        id[i] = c;
    }
    memcpy(ret_id, id, ID_BYTES);
    return true;
}
