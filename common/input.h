#ifndef COMMON_INPUT_H
#define COMMON_INPUT_H

/*
 * Input: the members of a request's body and its query, each by its rule.
 *
 * Every function checks one field; where it breaks its rule, it adds the contract's error to the
 * reply and leaves the output untouched. A handler reads all its fields and then returns INVALID
 * once if reply_has_errors(reply), so that a client hears all that is wrong at once. A member of
 * the wrong JSON type breaks the rule; nothing is turned into text or number.
 */

#include "common/http.h"

/* A text of `least`..`most` code points after trimming, without control characters. Errors:
 * `short_text` where it is missing, mistyped or too short, `long_text` where it is too long (may be
 * the same), "<Name> must not contain control characters". Copies into ret_text of `size` bytes. */
struct input_text {
    const char *field;
    size_t least, most;
    const char *too_short, *too_long;
    const char *has_control; /* NULL: control characters are allowed (passwords) */
    bool keep_blanks;        /* do not trim (passwords) */
};
void input_text(const struct http_request *request, struct http_reply *reply,
                const struct input_text *rule, char *ret_text, size_t size);

/* An optional text: absent or null gives "". */
void input_text_optional(const struct http_request *request, struct http_reply *reply,
                         const struct input_text *rule, char *ret_text, size_t size);

/* A price: a number, or a string of digits, > 0, at most two decimals, at most 1,000,000, at least
 * `least_cents` (0: no least). `required` false: absent or null leaves -1. */
void input_price(const struct http_request *request, struct http_reply *reply, const char *field,
                 int64_t least_cents, bool required, int64_t *ret_cents);

/* An id of 24 hex digits; `missing` where it is absent, null or "" ("TicketId must be provided");
 * else "Id must be 24 hexadecimal digits" with that field. */
void input_id(const struct http_request *request, struct http_reply *reply, const char *field,
              const char *missing, char ret_id[ID_BYTES]);

/* An email address (one "@", a dotted domain, no blanks, at most 254 bytes), trimmed. Error:
 * "Email must be valid". */
void input_email(const struct http_request *request, struct http_reply *reply,
                 char ret_email[EMAIL_BYTES]);

/* Is `text` such an address, as it is? For those that come from elsewhere than a request. */
bool input_is_email(const char *text);

/* Paging of a list: `limit` 1..100 and `after`, an opaque cursor. */
struct input_page {
    bool paged;        /* limit or after was given: answer {"results":…,"next":…} */
    int64_t limit;     /* 1..100; 100 by default */
    const char *after; /* the cursor as it came, or NULL; borrowed */
};
void input_page(const struct http_request *request, struct http_reply *reply,
                struct input_page *ret_page);

#endif
