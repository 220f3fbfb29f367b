/* Settings: the environment, strictly. */

#include "common/settings.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct target {
    const char *name, *key, *any;
    int64_t port, shift, wide;
    bool secure;
};

/* clang-format off */
static const struct setting table[] = {
    {"T_NAME",   SETTING_TEXT,   "ann", offsetof(struct target, name),   1, 8,     "who it is"},
    {"T_KEY",    SETTING_SECRET, NULL,  offsetof(struct target, key),    4, 16,    "what proves it"},
    {"T_ANY",    SETTING_TEXT,   "",    offsetof(struct target, any),    0, 0,     "whatever"},
    {"T_PORT",   SETTING_INT,    "80",  offsetof(struct target, port),   1, 65535, "where it listens"},
    {"T_SHIFT",  SETTING_INT,    "-5",  offsetof(struct target, shift), -9, 9,     "how far"},
    {"T_WIDE",   SETTING_INT,    "0",   offsetof(struct target, wide),  INT64_MIN, INT64_MAX, "any"},
    {"T_SECURE", SETTING_BOOL,   "on",  offsetof(struct target, secure), 0, 0,     "whether by TLS"},
};

static const struct { const char *variable, *value, *problem; } wrong_rows[] = {
    {"T_NAME",   "",                     "T_NAME: must have at least 1 bytes, not 0\n"},
    {"T_NAME",   "ninechars",            "T_NAME: must have at most 8 bytes, not 9\n"},
    {"T_NAME",   "a\nb",                 "T_NAME: must be UTF-8 without control characters\n"},
    {"T_NAME",   "\xFF",                 "T_NAME: must be UTF-8 without control characters\n"},
    {"T_KEY",    "abc",                  "T_KEY: must have at least 4 bytes, not 3\n"},
    {"T_KEY",    "secret\n",             "T_KEY: must be UTF-8 without control characters\n"},
    {"T_PORT",   "",                     "T_PORT: must be a whole number from 1 to 65535, not \"\"\n"},
    {"T_PORT",   "0",                    "T_PORT: must be a whole number from 1 to 65535, not 0\n"},
    {"T_PORT",   "65536",                "T_PORT: must be a whole number from 1 to 65535, not 65536\n"},
    {"T_PORT",   "-1",                   "T_PORT: must be a whole number from 1 to 65535, not -1\n"},
    {"T_PORT",   "-",                    "T_PORT: must be a whole number from 1 to 65535, not -\n"},
    {"T_PORT",   "+80",                  "T_PORT: must be a whole number from 1 to 65535, not +80\n"},
    {"T_PORT",   " 80",                  "T_PORT: must be a whole number from 1 to 65535, not \" 80\"\n"},
    {"T_PORT",   "80 ",                  "T_PORT: must be a whole number from 1 to 65535, not \"80 \"\n"},
    {"T_PORT",   "8o",                   "T_PORT: must be a whole number from 1 to 65535, not 8o\n"},
    {"T_PORT",   "80.0",                 "T_PORT: must be a whole number from 1 to 65535, not 80.0\n"},
    {"T_PORT",   "0x50",                 "T_PORT: must be a whole number from 1 to 65535, not 0x50\n"},
    {"T_PORT",   "18446744073709551696", "T_PORT: must be a whole number from 1 to 65535, not 18446744073709551696\n"},
    {"T_PORT",   "1\n2",                 "T_PORT: must be a whole number from 1 to 65535, not \"1\\n2\"\n"},
    {"T_SHIFT",  "-10",                  "T_SHIFT: must be a whole number from -9 to 9, not -10\n"},
    {"T_WIDE",   "9223372036854775808",  "T_WIDE: must be a whole number from -9223372036854775808 to 9223372036854775807, not 9223372036854775808\n"},
    {"T_SECURE", "yes",                  "T_SECURE: must be true, on, 1, false, off or 0, not yes\n"},
    {"T_SECURE", "TRUE",                 "T_SECURE: must be true, on, 1, false, off or 0, not TRUE\n"},
    {"T_SECURE", "",                     "T_SECURE: must be true, on, 1, false, off or 0, not \"\"\n"},
};
/* clang-format on */

/* Load the table; the text is what is wrong, to be freed. */
static char *load(struct target *target)
{
    struct writer problems = {0};

    settings_load(table, ARRAY_LENGTH(table), target, &problems);
    return writer_take(&problems);
}

Test(settings, what_is_not_set_takes_its_default)
{
    struct target target = {0};
    cleanup(freep) char *problems = NULL;

    setenv("T_KEY", "abcd", 1);
    problems = load(&target);
    cr_assert_str_eq(problems, "");
    cr_assert_str_eq(target.name, "ann");
    cr_assert_str_eq(target.key, "abcd");
    cr_assert_str_eq(target.any, "");
    cr_assert_eq(target.port, 80);
    cr_assert_eq(target.shift, -5);
    cr_assert(target.secure);
    settings_release(table, ARRAY_LENGTH(table), &target);
    cr_assert_null(target.name);
}

Test(settings, what_is_set_wins_and_is_copied)
{
    struct target target = {0};
    cleanup(freep) char *problems = NULL;

    setenv("T_NAME", "é", 1);
    setenv("T_KEY", "0123456789abcdef", 1);
    setenv("T_ANY", "as long as you like, there is no bound on this one", 1);
    setenv("T_PORT", "65535", 1);
    setenv("T_SHIFT", "9", 1);
    setenv("T_SECURE", "off", 1);
    problems = load(&target);
    cr_assert_str_eq(problems, "");
    setenv("T_NAME", "other", 1);
    cr_assert_str_eq(target.name, "é");
    cr_assert_eq(target.port, 65535);
    cr_assert_eq(target.shift, 9);
    cr_assert_not(target.secure);
    settings_release(table, ARRAY_LENGTH(table), &target);
}

Test(settings, each_wrong_value_is_one_line)
{
    for (size_t i = 0; i < ARRAY_LENGTH(wrong_rows); i++) {
        struct target target = {0};
        cleanup(freep) char *problems = NULL;

        setenv("T_KEY", "abcd", 1);
        setenv(wrong_rows[i].variable, wrong_rows[i].value, 1);
        problems = load(&target);
        cr_expect_str_eq(problems, wrong_rows[i].problem);
        unsetenv(wrong_rows[i].variable);
        settings_release(table, ARRAY_LENGTH(table), &target);
    }
}

Test(settings, everything_wrong_is_named_at_once_and_no_secret_with_it)
{
    struct target target = {0};
    cleanup(freep) char *problems = NULL;

    setenv("T_KEY", "hidden-but-much-too-long", 1);
    setenv("T_PORT", "http", 1);
    setenv("T_SECURE", "maybe", 1);
    problems = load(&target);
    cr_assert_not_null(strstr(problems, "T_KEY: "));
    cr_assert_not_null(strstr(problems, "T_PORT: "));
    cr_assert_not_null(strstr(problems, "T_SECURE: "));
    cr_assert_null(strstr(problems, "hidden"));

    /* Nobody need check for NULL, also not while telling what is wrong. */
    cr_assert_str_eq(target.key, "");
    cr_assert_eq(target.port, 0);
    cr_assert_not(target.secure);
    settings_release(table, ARRAY_LENGTH(table), &target);
}

Test(settings, what_must_be_set_is_missed)
{
    struct target target = {0};
    cleanup(freep) char *problems = NULL;

    unsetenv("T_KEY");
    problems = load(&target);
    cr_assert_str_eq(problems, "T_KEY: must be set (what proves it)\n");
    settings_release(table, ARRAY_LENGTH(table), &target);
}

Test(settings, all_words_for_a_bool_are_read)
{
    static const char *const words[] = {"true", "on", "1", "false", "off", "0"};

    setenv("T_KEY", "abcd", 1);
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        struct target target = {0};
        cleanup(freep) char *problems = NULL;

        setenv("T_SECURE", words[i], 1);
        problems = load(&target);
        cr_expect_str_eq(problems, "");
        cr_expect_eq(target.secure, i < 3, "%s", words[i]);
        settings_release(table, ARRAY_LENGTH(table), &target);
    }
}

Test(settings, help_has_a_line_for_each)
{
    cleanup(writer_release) struct writer out = {0};
    static const struct setting secret = {"T_PASSWORD", SETTING_SECRET, "hidden", 0, 0, 0, "hush"};

    settings_help(table, ARRAY_LENGTH(table), &out);
    settings_help(&secret, 1, &out);
    cr_assert_not_null(strstr(out.data, "T_NAME"));
    cr_assert_not_null(strstr(out.data, "where it listens (default: 80)\n"));
    cr_assert_not_null(strstr(out.data, "what proves it (must be set)\n"));
    cr_assert_not_null(strstr(out.data, "whatever (default: none)\n"));
    cr_assert_null(strstr(out.data, "hidden"));
}

Test(settings, they_describe_themselves_as_json)
{
    cleanup(writer_release) struct writer out = {0};
    cleanup(json_decrefp) json_t *described = NULL;
    const json_t *rows;

    write_object_begin(&out, NULL);
    settings_describe(table, ARRAY_LENGTH(table), "settings", &out);
    write_object_end(&out);
    described = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(described);
    rows = json_object_get(described, "settings");
    cr_assert_eq(json_array_size(rows), ARRAY_LENGTH(table));
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 3), "name")), "T_PORT");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 3), "type")), "int");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 3), "default")), "80");
    cr_assert(json_is_null(json_object_get(json_array_get(rows, 1), "default")));
}
