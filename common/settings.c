/*
 * Settings: the environment through tables.
 *
 * Reading is strict, because a setting that was misread is found out by a customer: a whole number
 * is digits and nothing else, a boolean one of six words, and what does not fit is named, all of
 * it at once, before anything has started. Secrets are never printed, not even wrong ones.
 *
 * Called from main before there are threads; getenv is safe then.
 */

#include "common/settings.h"

#include "common/log.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 80 /* of a wrong value, in its problem's line */

static const char *const type_names[] = {
    [SETTING_TEXT] = "text",
    [SETTING_SECRET] = "secret",
    [SETTING_INT] = "int",
    [SETTING_BOOL] = "bool",
};

static void *place_of(const struct setting *setting, void *target)
{
    return (char *)target + setting->offset;
}

static bool is_text(const struct setting *setting)
{
    return setting->type == SETTING_TEXT || setting->type == SETTING_SECRET;
}

static void load_text(const struct setting *setting, const char *value, const char **ret_text,
                      struct writer *problems)
{
    int64_t length = (int64_t)strlen(value);

    if (length < setting->least)
        write_format(problems, "%s: must have at least %" PRId64 " bytes, not %" PRId64 "\n",
                     setting->name, setting->least, length);
    else if (setting->most > 0 && length > setting->most)
        write_format(problems, "%s: must have at most %" PRId64 " bytes, not %" PRId64 "\n",
                     setting->name, setting->most, length);
    else if (!text_is_utf8(value, strlen(value)) || text_has_control(value))
        write_format(problems, "%s: must be UTF-8 without control characters\n", setting->name);
    else
        *ret_text = xstrdup(value);
}

static void load_int(const struct setting *setting, const char *value, int64_t *ret_number,
                     struct writer *problems)
{
    const char *digits = *value == '-' ? value + 1 : value;
    char shown[SHOWN_BYTES];
    long long number;

    errno = 0;
    number = strtoll(value, NULL, 10);
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits) || errno != 0 ||
        number < setting->least || number > setting->most)
        write_format(
            problems, "%s: must be a whole number from %" PRId64 " to %" PRId64 ", not %s\n",
            setting->name, setting->least, setting->most, log_quote(value, shown, sizeof(shown)));
    else
        *ret_number = number;
}

static void load_bool(const struct setting *setting, const char *value, bool *ret_bool,
                      struct writer *problems)
{
    static const struct {
        const char *word;
        bool meaning;
    } words[] = {
        {"true", true}, {"on", true}, {"1", true}, {"false", false}, {"off", false}, {"0", false},
    };
    char shown[SHOWN_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (strcmp(value, words[i].word) == 0) {
            *ret_bool = words[i].meaning;
            return;
        }
    write_format(problems, "%s: must be true, on, 1, false, off or 0, not %s\n", setting->name,
                 log_quote(value, shown, sizeof(shown)));
}

void settings_load(const struct setting *settings, size_t count, void *target,
                   struct writer *problems)
{
    for (size_t i = 0; i < count; i++) {
        const struct setting *setting = &settings[i];
        void *place = place_of(setting, target);
        const char *value = getenv(setting->name);
        const char *text = NULL;
        int64_t number = 0;
        bool truth = false;

        if (value == NULL)
            value = setting->fallback;
        if (value == NULL)
            write_format(problems, "%s: must be set (%s)\n", setting->name, setting->meaning);
        else if (is_text(setting))
            load_text(setting, value, &text, problems);
        else if (setting->type == SETTING_INT)
            load_int(setting, value, &number, problems);
        else
            load_bool(setting, value, &truth, problems);

        if (is_text(setting))
            *(const char **)place = text == NULL ? xstrdup("") : text;
        else if (setting->type == SETTING_INT)
            *(int64_t *)place = number;
        else
            *(bool *)place = truth;
    }
}

void settings_release(const struct setting *settings, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++)
        if (is_text(&settings[i])) {
            char **text = place_of(&settings[i], target);

            free(*text);
            *text = NULL;
        }
}

/* The default as it may be shown; NULL where there is none. */
static const char *shown_fallback(const struct setting *setting)
{
    if (setting->type == SETTING_SECRET && setting->fallback != NULL && *setting->fallback != '\0')
        return "(secret)";
    return setting->fallback;
}

void settings_help(const struct setting *settings, size_t count, struct writer *out)
{
    for (size_t i = 0; i < count; i++) {
        const char *fallback = shown_fallback(&settings[i]);

        write_format(out, "  %-22s %-6s  %s (", settings[i].name, type_names[settings[i].type],
                     settings[i].meaning);
        if (fallback == NULL)
            write_format(out, "must be set)\n");
        else
            write_format(out, "default: %s)\n", *fallback == '\0' ? "none" : fallback);
    }
}

void settings_describe(const struct setting *settings, size_t count, const char *key,
                       struct writer *out)
{
    write_array_begin(out, key);
    for (size_t i = 0; i < count; i++) {
        const char *fallback = shown_fallback(&settings[i]);

        write_object_begin(out, NULL);
        write_text(out, "name", settings[i].name);
        write_text(out, "type", type_names[settings[i].type]);
        if (fallback == NULL)
            write_null(out, "default");
        else
            write_text(out, "default", fallback);
        write_text(out, "meaning", settings[i].meaning);
        write_object_end(out);
    }
    write_array_end(out);
}
