/*
 * Input: each rule, its exact words, and what must not slip through.
 */
#include "common/http_internal.h"
#include "common/input.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request with this body, and what was answered. */
static struct http_exchange exchange;

static void body(const char *json)
{
    json_decref(exchange.json);
    http_reply_release(&exchange.reply);
    http_reply_init(&exchange.reply);
    exchange.json = json_loads(json, JSON_DECODE_INT_AS_REAL, NULL);
    cr_assert(json_is_object(exchange.json), "the test's own JSON is bad: %s", json);
    exchange.request.body = exchange.json;
}

static void finish(void)
{
    json_decref(exchange.json);
    http_reply_release(&exchange.reply);
}

TestSuite(input, .fini = finish);

/* The errors so far are exactly `expected`: "field: message; …". */
static void expect_errors(const char *expected)
{
    cleanup(writer_release) struct writer out = {0};
    char got[1024] = "";
    const json_t *entry;
    json_t *json;
    size_t i;

    writer_init(&out);
    http_reply_errors(&exchange.reply, 400, NULL, &out);
    json = json_loads(writer_text(&out), 0, NULL);
    json_array_foreach(json_object_get(json, "errors"), i, entry)
    {
        size_t length = strlen(got);

        snprintf(got + length, sizeof(got) - length, "%s%s: %s", i > 0 ? "; " : "",
                 json_string_value(json_object_get(entry, "field")),
                 json_string_value(json_object_get(entry, "message")));
    }
    json_decref(json);
    cr_assert_str_eq(got, expected);
}

static const struct input_text title = {"title",
                                        1,
                                        5,
                                        "Title is required",
                                        "Title is longer than 200 characters",
                                        "Title must not contain control characters",
                                        false};
static const struct input_text password = {"password",         8,    12,  "Password must be",
                                           "Password must be", NULL, true};

static void expect_title(const char *json, const char *text, const char *errors)
{
    char got[32] = "untouched";

    body(json);
    input_text(&exchange.request, &exchange.reply, &title, got, sizeof(got));
    expect_errors(errors);
    cr_assert_str_eq(got, text);
}

Test(input, a_text_is_trimmed_and_measured_in_code_points)
{
    expect_title("{\"title\":\" \\t caf\xc3\xa9 \"}", "caf\xc3\xa9", "");
    expect_title("{\"title\":\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"}",
                 "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "");
    expect_title("{\"title\":\"123456\"}", "untouched",
                 "title: Title is longer than 200 characters");
}

Test(input, what_is_no_text_counts_as_missing)
{
    static const char *const values[] = {"{}",
                                         "{\"title\":null}",
                                         "{\"title\":\"\"}",
                                         "{\"title\":\"  \"}",
                                         "{\"title\":1}",
                                         "{\"title\":true}",
                                         "{\"title\":[\"x\"]}",
                                         "{\"title\":{\"$gt\":\"\"}}",
                                         "{\"Title\":\"x\"}"};

    for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
        expect_title(values[i], "untouched", "title: Title is required");
}

Test(input, control_characters_are_refused)
{
    static const char *const values[] = {"{\"title\":\"a\\u0001b\"}", "{\"title\":\"a\\nb\"}",
                                         "{\"title\":\"a\\u007fb\"}", "{\"title\":\"a\\u0085b\"}",
                                         "{\"title\":\"a\\u2028b\"}"};

    for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
        expect_title(values[i], "untouched", "title: Title must not contain control characters");
    expect_title("{\"title\":\"a\\u0001bcdefgh\"}", "untouched",
                 "title: Title is longer than 200 characters; "
                 "title: Title must not contain control characters");
}

Test(input, a_password_keeps_its_blanks_and_controls)
{
    char got[64] = "untouched";

    body("{\"password\":\" 12345\\t \"}");
    input_text(&exchange.request, &exchange.reply, &password, got, sizeof(got));
    expect_errors("");
    cr_assert_str_eq(got, " 12345\t ");
    body("{\"password\":\"1234567\"}");
    input_text(&exchange.request, &exchange.reply, &password, got, sizeof(got));
    expect_errors("password: Password must be");
}

Test(input, a_text_larger_than_its_buffer_is_too_long)
{
    char small[4] = "old";

    body("{\"title\":\"12345\"}");
    input_text(&exchange.request, &exchange.reply, &title, small, sizeof(small));
    expect_errors("title: Title is longer than 200 characters");
    cr_assert_str_eq(small, "old");
}

Test(input, an_optional_text_may_be_absent_or_null_but_not_wrong)
{
    char got[32] = "untouched";

    body("{}");
    input_text_optional(&exchange.request, &exchange.reply, &title, got, sizeof(got));
    cr_assert_str_eq(got, "");
    body("{\"title\":null}");
    input_text_optional(&exchange.request, &exchange.reply, &title, got, sizeof(got));
    expect_errors("");
    body("{\"title\":5}");
    input_text_optional(&exchange.request, &exchange.reply, &title, got, sizeof(got));
    expect_errors("title: Title is required");
}

#define NOT_ABOVE "price: Price must be greater than 0"
#define TOO_FINE  "price: Price must have at most two decimals"
#define TOO_MUCH  "price: Price must be at most 1000000"

Test(input, prices)
{
    static const struct {
        const char *value;
        int64_t cents; /* -7: untouched */
        const char *errors;
    } rows[] = {
        {"20", 2000, ""},
        {"20.5", 2050, ""},
        {"\"20.50\"", 2050, ""},
        {"0.5", 50, ""},
        {"1000000", 100000000, ""},
        {"\"1000000.00\"", 100000000, ""},
        {"0.49", -7, "price: Price must be at least 0.50"},
        {"\"0.01\"", -7, "price: Price must be at least 0.50"},
        {"0", -7, NOT_ABOVE},
        {"-1", -7, NOT_ABOVE},
        {"-0.0", -7, NOT_ABOVE},
        {"null", -7, NOT_ABOVE},
        {"true", -7, NOT_ABOVE},
        {"\"\"", -7, NOT_ABOVE},
        {"\"abc\"", -7, NOT_ABOVE},
        {"\"1e3\"", -7, NOT_ABOVE},
        {"\"-5\"", -7, NOT_ABOVE},
        {"[20]", -7, NOT_ABOVE},
        {"{\"$gt\":0}", -7, NOT_ABOVE},
        {"20.001", -7, TOO_FINE},
        {"\"20.001\"", -7, TOO_FINE},
        {"1000000.01", -7, TOO_MUCH},
        {"99999999999999999999", -7, TOO_MUCH},
        {"1e300", -7, TOO_MUCH},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *json = xasprintf("{\"price\":%s}", rows[i].value);
        int64_t cents = -7;

        body(json);
        input_price(&exchange.request, &exchange.reply, "price", 50, /* required */ true, &cents);
        expect_errors(rows[i].errors);
        cr_assert_eq(cents, rows[i].cents, "%s: %lld", json, (long long)cents);
        free(json);
    }
}

Test(input, an_absent_price_is_an_error_only_where_one_is_due)
{
    int64_t cents = 5;

    body("{}");
    input_price(&exchange.request, &exchange.reply, "price", 0, /* required */ false, &cents);
    cr_assert_eq(cents, -1);
    body("{\"price\":null}");
    cents = 5;
    input_price(&exchange.request, &exchange.reply, "price", 0, /* required */ false, &cents);
    cr_assert_eq(cents, -1);
    expect_errors("");
    input_price(&exchange.request, &exchange.reply, "price", 0, /* required */ true, &cents);
    expect_errors(NOT_ABOVE);
    body("{\"price\":\"\"}");
    input_price(&exchange.request, &exchange.reply, "price", 0, /* required */ false, &cents);
    expect_errors(NOT_ABOVE);
    body("{\"price\":0.01}");
    input_price(&exchange.request, &exchange.reply, "price", 0, /* required */ false, &cents);
    cr_assert_eq(cents, 1);
}

Test(input, ids)
{
    static const struct {
        const char *value, *id, *errors;
    } rows[] = {
        {"\"5F1E0c2a9d3b4e6f7a8b9c0d\"", "5f1e0c2a9d3b4e6f7a8b9c0d", ""},
        {"null", "-", "ticketId: TicketId must be provided"},
        {"\"\"", "-", "ticketId: TicketId must be provided"},
        {"\"x\"", "-", "ticketId: Id must be 24 hexadecimal digits"},
        {"\"5f1e0c2a9d3b4e6f7a8b9c0g\"", "-", "ticketId: Id must be 24 hexadecimal digits"},
        {"\"5f1e0c2a9d3b4e6f7a8b9c0d0\"", "-", "ticketId: Id must be 24 hexadecimal digits"},
        {"\" 5f1e0c2a9d3b4e6f7a8b9c0d\"", "-", "ticketId: Id must be 24 hexadecimal digits"},
        {"1", "-", "ticketId: Id must be 24 hexadecimal digits"},
        {"{\"$ne\":null}", "-", "ticketId: Id must be 24 hexadecimal digits"},
        {"[]", "-", "ticketId: Id must be 24 hexadecimal digits"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *json = xasprintf("{\"ticketId\":%s}", rows[i].value);
        char id[ID_BYTES] = "-";

        body(json);
        input_id(&exchange.request, &exchange.reply, "ticketId", "TicketId must be provided", id);
        expect_errors(rows[i].errors);
        cr_assert_str_eq(id, rows[i].id);
        free(json);
    }
}

Test(input, emails)
{
    static const char *const good[] = {"a@b.cc",
                                       "ann.lee+x@mail.example.com",
                                       "o'neil@example.org",
                                       "j\xc3\xbcrgen@m\xc3\xbcnchen.de",
                                       "x@1.2",
                                       "A_B-c@EXAMPLE.COM"};
    static const char *const bad[] = {
        "",
        "a",
        "@",
        "a@",
        "@b.cc",
        "a@b",
        "a@b.",
        "a@.b",
        "a@b..cc",
        "a b@c.dd",
        "a@b c.dd",
        "a@@b.cc",
        "a@b@c.dd",
        ".a@b.cc",
        "a.@b.cc",
        "a..b@c.dd",
        "a@-b.cc",
        "a@b-.cc",
        "<a@b.cc>",
        "a,b@c.dd",
        "a@b_c.dd",
        "a\\u0001@b.cc",
        "a@b.c\\nc",
        "a@[1.2.3.4]",
        "\\\"a\\\"@b.cc",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        char *json = xasprintf("{\"email\":\" %s \"}", good[i]);
        char email[EMAIL_BYTES] = "-";

        body(json);
        input_email(&exchange.request, &exchange.reply, email);
        cr_assert_str_eq(email, good[i]);
        free(json);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        char *json = xasprintf("{\"email\":\"%s\"}", bad[i]);
        char email[EMAIL_BYTES] = "-";

        body(json);
        input_email(&exchange.request, &exchange.reply, email);
        expect_errors("email: Email must be valid");
        cr_assert_str_eq(email, "-");
        free(json);
    }
}

Test(input, an_email_has_at_most_254_bytes)
{
    for (int size = 254; size < 256; size++) {
        char *json = xasprintf("{\"email\":\"a@%0*d.cc\"}", size - 5, 0);
        char email[EMAIL_BYTES] = "-";

        body(json);
        input_email(&exchange.request, &exchange.reply, email);
        expect_errors(size == 254 ? "" : "email: Email must be valid");
        free(json);
    }
    body("{\"email\":{\"$gt\":\"\"}}");
    input_email(&exchange.request, &exchange.reply, (char[EMAIL_BYTES]){""});
    expect_errors("email: Email must be valid");
}

static struct input_page page_of(const char *limit, const char *after)
{
    struct input_page page = {.limit = -1};

    body("{}");
    exchange.query_count = 0;
    if (limit != NULL)
        exchange.query[exchange.query_count++] = (struct http_pair){"limit", limit};
    if (after != NULL)
        exchange.query[exchange.query_count++] = (struct http_pair){"after", after};
    input_page(&exchange.request, &exchange.reply, &page);
    return page;
}

Test(input, pages)
{
    static const char *const bad[] = {"0",
                                      "101",
                                      "1000",
                                      "-1",
                                      "+5",
                                      "",
                                      "x",
                                      "5x",
                                      " 5",
                                      "1e1",
                                      "5.",
                                      "0x5",
                                      "99999999999999999999"};
    struct input_page page = page_of(NULL, NULL);

    cr_assert(!page.paged && page.limit == 100 && page.after == NULL);
    page = page_of("1", NULL);
    cr_assert(page.paged && page.limit == 1 && page.after == NULL);
    page = page_of("100", "abc");
    cr_assert(page.paged && page.limit == 100);
    cr_assert_str_eq(page.after, "abc");
    page = page_of(NULL, "");
    cr_assert(page.paged && page.limit == 100);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        page = page_of(bad[i], NULL);
        expect_errors("limit: Limit must be between 1 and 100");
        cr_assert_eq(page.limit, -1);
    }
}
