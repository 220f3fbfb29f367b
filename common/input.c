/*
 * Input: the rules for fields, in one place, with the contract's words.
 *
 * A value is checked by its JSON type first: an operator object ({"$gt":""}), a number or a boolean
 * where a text is due breaks the field's rule like a missing one, and never reaches a query.
 */
#include "common/input.h"

#include "common/money.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LIMIT_MAX  100
#define EMAIL_LOCAL_MAX 64 /* RFC 5321 */

static const json_t *member(const struct http_request *request, const char *field)
{
    return json_object_get(request->body, field);
}

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

static void check_text(const char *text, struct http_reply *reply, const struct input_text *rule,
                       char *ret_text, size_t size)
{
    size_t length = strlen(text);
    const char *start = rule->keep_blanks ? text : text_trim(text, &length);
    cleanup(freep) char *trimmed = xstrndup(start, length);
    size_t count = text_count(trimmed);
    bool control = rule->has_control != NULL && text_has_control(trimmed);
    bool too_long = count > rule->most || length >= size;

    if (count < rule->least) {
        reply_error(reply, INVALID, rule->field, rule->too_short);
        return;
    }
    if (too_long)
        reply_error(reply, INVALID, rule->field, rule->too_long);
    if (control)
        reply_error(reply, INVALID, rule->field, rule->has_control);
    if (!too_long && !control)
        text_copy(ret_text, size, trimmed);
}

void input_text(const struct http_request *request, struct http_reply *reply,
                const struct input_text *rule, char *ret_text, size_t size)
{
    const json_t *value = member(request, rule->field);

    if (json_is_string(value))
        check_text(json_string_value(value), reply, rule, ret_text, size);
    else
        reply_error(reply, INVALID, rule->field, rule->too_short);
}

void input_text_optional(const struct http_request *request, struct http_reply *reply,
                         const struct input_text *rule, char *ret_text, size_t size)
{
    if (is_absent(member(request, rule->field)))
        ret_text[0] = '\0';
    else
        input_text(request, reply, rule, ret_text, size);
}

static const char *price_error(enum money_result result)
{
    switch (result) {
    case MONEY_OK: return NULL;
    case MONEY_NOT_A_NUMBER: break;
    case MONEY_TOO_FINE: return "Price must have at most two decimals";
    case MONEY_TOO_MUCH: return "Price must be at most 1000000";
    }
    return "Price must be greater than 0";
}

void input_price(const struct http_request *request, struct http_reply *reply, const char *field,
                 int64_t least_cents, bool required, int64_t *ret_cents)
{
    const json_t *value = member(request, field);
    enum money_result result = MONEY_NOT_A_NUMBER;
    int64_t cents = 0;
    char text[64];

    if (!required && is_absent(value)) {
        *ret_cents = -1;
        return;
    }
    if (json_is_number(value))
        result = money_from_number(json_number_value(value), &cents);
    else if (json_is_string(value))
        result = money_from_text(json_string_value(value), &cents);
    if (result != MONEY_OK) {
        reply_error(reply, INVALID, field, price_error(result));
        return;
    }
    if (cents < least_cents) {
        snprintf(text, sizeof(text), "Price must be at least %lld.%02lld",
                 (long long)(least_cents / 100), (long long)(least_cents % 100));
        reply_error(reply, INVALID, field, text);
        return;
    }
    *ret_cents = cents;
}

void input_id(const struct http_request *request, struct http_reply *reply, const char *field,
              const char *missing, char ret_id[ID_BYTES])
{
    const json_t *value = member(request, field);
    const char *text = json_string_value(value);

    if (is_absent(value) || (text != NULL && text[0] == '\0'))
        reply_error(reply, INVALID, field, missing);
    else if (text == NULL || !text_is_id(text, ret_id))
        reply_error(reply, INVALID, field, "Id must be 24 hexadecimal digits");
}

/* Labels of letters, digits, hyphens (and, of other alphabets, anything), with dots in between. */
static bool is_domain(const char *text)
{
    size_t labels = 0;

    for (const char *label = text;; label++) {
        const char *start = label;

        for (; *label != '\0' && *label != '.'; label++) {
            unsigned char c = (unsigned char)*label;
            bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || c == '-' || c >= 0x80;

            if (!plain)
                return false;
        }
        if (label == start || *start == '-' || label[-1] == '-')
            return false;
        labels++;
        if (*label == '\0')
            return labels > 1;
    }
}

bool input_is_email(const char *text)
{
    const char *at = strchr(text, '@');

    if (at == NULL || at == text || at - text > EMAIL_LOCAL_MAX || text_has_control(text) ||
        strlen(text) >= EMAIL_BYTES)
        return false;
    for (const char *c = text; c < at; c++)
        if (strchr(" \"(),:;<>[\\]", *c) != NULL)
            return false;
    if (*text == '.' || at[-1] == '.' || strstr(text, "..") != NULL)
        return false;
    return is_domain(at + 1);
}

void input_email(const struct http_request *request, struct http_reply *reply,
                 char ret_email[EMAIL_BYTES])
{
    const char *text = json_string_value(member(request, "email"));
    size_t length;
    const char *start = text == NULL ? NULL : text_trim(text, &length);
    char email[EMAIL_BYTES];

    if (start == NULL || length >= sizeof(email)) {
        reply_error(reply, INVALID, "email", "Email must be valid");
        return;
    }
    snprintf(email, sizeof(email), "%.*s", (int)length, start);
    if (!input_is_email(email)) {
        reply_error(reply, INVALID, "email", "Email must be valid");
        return;
    }
    text_copy(ret_email, EMAIL_BYTES, email);
}

void input_page(const struct http_request *request, struct http_reply *reply,
                struct input_page *ret_page)
{
    const char *limit = http_query(request, "limit");
    const char *after = http_query(request, "after");
    int64_t number = PAGE_LIMIT_MAX;

    if (limit != NULL) {
        size_t digits = strspn(limit, "0123456789");

        number = digits > 0 && digits <= 3 && limit[digits] == '\0' ? strtoll(limit, NULL, 10) : 0;
    }
    if (number < 1 || number > PAGE_LIMIT_MAX) {
        reply_error(reply, INVALID, "limit", "Limit must be between 1 and 100");
        return;
    }
    *ret_page = (struct input_page){
        .paged = limit != NULL || after != NULL, .limit = number, .after = after};
}
