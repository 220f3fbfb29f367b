/*
 * A request's headers and target, as they came.
 *
 * libmicrohttpd 0.9.75 lets pass what a proxy in front may read otherwise, which is how requests
 * are smuggled: Content-Length beside Transfer-Encoding, two Content-Lengths, two Hosts, a NUL in
 * the middle of a header (the rest of the line is lost), %00 in a path, broken percent escapes. All
 * of that is refused here, in our own error shape. So the target is decoded here as well, from a
 * copy taken before libmicrohttpd has touched it. Everything is copied: the exchange outlives its
 * connection's memory when a request takes longer than its time.
 */
#include "common/http_internal.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define GAP_MAX 65536 /* further apart, two texts do not lie in one header block */

/* What libmicrohttpd takes for each header and cookie. */
#define RECORD_BYTES 64

_Static_assert(offsetof(struct http_exchange, request) == 0, "a request is found in its exchange");

static const struct http_exchange *exchange_of(const struct http_request *request)
{
    return (const struct http_exchange *)(const void *)request;
}

/* First pass over the headers: how much there is to copy, and what is wrong with it. */
struct header_scan {
    size_t count, bytes;
    unsigned int hosts, lengths, encodings;
    bool chunked;
    bool malformed;
    const char *end; /* of what was seen so far, in libmicrohttpd's buffer */
};

/* libmicrohttpd ends each text in place with NULs and blanks. If anything else lies between the end
 * of one and the start of the next, a NUL (or a folded line) of the client has cut a text short. */
static bool gap_is_blank(const char *from, const char *to)
{
    uintptr_t start = (uintptr_t)from, end = (uintptr_t)to;

    if (from == NULL || to == NULL || end <= start || end - start > GAP_MAX)
        return true;
    for (size_t i = 0; i < end - start; i++)
        if (strchr(" \t\r\n", from[i]) == NULL) /* also finds the NUL itself */
            return false;
    return true;
}

static bool is_token(const char *text, size_t length)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!alphanumeric && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return length > 0;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static enum MHD_Result scan_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length)
{
    struct header_scan *scan = context;

    (void)kind;
    if (value == NULL)
        value_length = 0;
    scan->count++;
    scan->bytes += name_length + value_length + 2;
    if (!is_token(name, name_length) || !gap_is_blank(scan->end, name))
        scan->malformed = true;
    for (size_t i = 0; i < value_length; i++)
        if (is_control(value[i]) && value[i] != '\t')
            scan->malformed = true;
    scan->end = value != NULL ? value + value_length : name + name_length;

    if (strcasecmp(name, "Host") == 0)
        scan->hosts++;
    if (strcasecmp(name, "Content-Length") == 0)
        scan->lengths++;
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        scan->encodings++;
        scan->chunked = value != NULL && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* Second pass: the copy. */
struct header_copy {
    struct http_exchange *exchange;
    char *next;
};

static const char *copy_text(struct header_copy *copy, const char *text, size_t length)
{
    char *start = copy->next;

    if (length > 0)
        memcpy(start, text, length);
    start[length] = '\0';
    copy->next += length + 1;
    return start;
}

static enum MHD_Result copy_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length)
{
    struct header_copy *copy = context;
    struct http_pair *pair = &copy->exchange->headers[copy->exchange->header_count++];

    (void)kind;
    pair->name = copy_text(copy, name, name_length);
    while (value_length > 0 && strchr(" \t", value[value_length - 1]) != NULL)
        value_length--;
    pair->value = copy_text(copy, value, value == NULL ? 0 : value_length);
    return MHD_YES;
}

static int read_headers(struct http_exchange *exchange, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct header_scan scan = {.end = version + strlen(version)};
    struct header_copy copy = {.exchange = exchange};
    bool http_1_0 = strcmp(version, "HTTP/1.0") == 0;

    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, scan_header, &scan);
    exchange->headers = xmalloc(scan.count * sizeof(*exchange->headers) + scan.bytes + 1);
    copy.next = (char *)(exchange->headers + scan.count);
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, copy_header, &copy);

    if (scan.malformed || !gap_is_blank(exchange->target_end, version))
        return 400;
    if (size != NULL && !gap_is_blank(scan.end, method + size->header_size))
        return 400;
    if (scan.hosts > 1 || (scan.hosts == 0 && !http_1_0))
        return 400;
    if (scan.lengths + scan.encodings > 1 || (scan.encodings > 0 && http_1_0))
        return 400;
    return scan.encodings > 0 && !scan.chunked ? 501 : 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode percent escapes in place. False: a broken escape, a NUL, or not UTF-8. */
static bool decode(char *text, bool is_query, bool *ret_slash)
{
    char *out = text;

    for (const char *in = text; *in != '\0'; in++) {
        int high, low;

        if (*in != '%') {
            *out++ = (char)(is_query && *in == '+' ? ' ' : *in);
            continue;
        }
        high = hex_digit(in[1]);
        low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *out = (char)(high * 16 + low);
        if (*out == '/')
            *ret_slash = true;
        out++;
        in += 2;
    }
    *out = '\0';
    return text_is_utf8(text, (size_t)(out - text));
}

static bool read_query(struct http_exchange *exchange, char *query)
{
    bool slash;

    for (char *next = query; next != NULL && *next != '\0';) {
        char *name = strsep(&next, "&");
        char *value = name;
        struct http_pair *pair;

        if (*name == '\0')
            continue;
        if (exchange->query_count == HTTP_QUERY_MAX)
            return false;
        strsep(&value, "=");
        pair = &exchange->query[exchange->query_count++];
        pair->name = name;
        pair->value = value == NULL ? "" : value;
        if (!decode(name, true, &slash) || (value != NULL && !decode(value, true, &slash)))
            return false;
    }
    return true;
}

static int read_target(struct http_exchange *exchange)
{
    char *path = exchange->target;
    char *query;

    for (const char *c = path; *c != '\0'; c++)
        if (is_control(*c) || *c == ' ')
            return 400;
    if (strncasecmp(path, "http://", 7) == 0) { /* the absolute form, which a server must take */
        path = strchr(path + 7, '/');
        if (path == NULL)
            return 400;
    }
    query = path;
    strsep(&query, "?");
    if (!decode(path, false, &exchange->encoded_slash) || (query && !read_query(exchange, query)))
        return 400;
    for (const char *c = path; *c != '\0'; c++)
        if (is_control(*c))
            return 400;
    exchange->request.path = path;
    return path[0] == '/' || strcmp(path, "*") == 0 ? 0 : 400;
}

bool http_peer_is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        uint32_t ip = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);

        return ip >> 24 == 127 || ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 ||
               ip >> 22 == 0x191; /* 100.64.0.0/10, where some clouds have their pods */
    }
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *ip =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(ip)) {
            struct sockaddr_in mapped = {.sin_family = AF_INET};

            memcpy(&mapped.sin_addr, &ip->s6_addr[12], 4);
            return http_peer_is_private((const struct sockaddr *)&mapped);
        }
        return IN6_IS_ADDR_LOOPBACK(ip) || (ip->s6_addr[0] & 0xfe) == 0xfc;
    }
    return false;
}

/* X-Real-IP is believed only from the edge's side: who connects from outside may write anything. */
static void read_client(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info == NULL ? NULL : info->client_addr;
    const char *named = http_header(&exchange->request, "X-Real-IP");
    unsigned char parsed[sizeof(struct in6_addr)];

    if (peer == NULL)
        return;
    if (named != NULL && http_peer_is_private(peer) &&
        (inet_pton(AF_INET, named, parsed) == 1 || inet_pton(AF_INET6, named, parsed) == 1)) {
        text_copy(exchange->client, sizeof(exchange->client), named);
        return;
    }
    if (peer->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
                  exchange->client, sizeof(exchange->client));
    if (peer->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
                  exchange->client, sizeof(exchange->client));
}

/* The edge's request id where it is harmless in logs and headers, else one of our own. */
static void read_id(struct http_exchange *exchange)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct http_server *server = exchange->server;
    const char *given = http_header(&exchange->request, "X-Request-Id");

    if (given != NULL && given[0] != '\0' && given[strspn(given, allowed)] == '\0' &&
        text_copy(exchange->id, sizeof(exchange->id), given))
        return;
    snprintf(exchange->id, sizeof(exchange->id), "%016llx%08x",
             (unsigned long long)server->id_prefix, atomic_fetch_add(&server->id_counter, 1));
}

/* How long a target may become in the reply's Link or Location, which says its query again: that
 * has escapes where a careless client wrote none. */
static size_t escaped_length(const char *target)
{
    static const char kept[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%&=";
    size_t length = 0;

    for (const char *c = target; *c != '\0'; c++)
        length += strchr(kept, *c) != NULL ? 1 : 3;
    return length;
}

/* libmicrohttpd keeps a connection's whole request and the head of its reply in one piece of
 * memory: the bytes of the head, a record for each header and cookie, the Cookie header again, and
 * then the reply. Where that would not fit, it closes the connection without a word. */
int http_request_fits(const struct http_exchange *exchange)
{
    const enum MHD_ValueKind all[] = {MHD_HEADER_KIND, MHD_COOKIE_KIND};
    const char *cookie =
        MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Cookie");
    const union MHD_ConnectionInfo *head =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t target = escaped_length(exchange->target);
    size_t needed = HTTP_REPLY_HEAD_BYTES + target;

    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        needed += RECORD_BYTES *
                  (size_t)MHD_get_connection_values(exchange->connection, all[i], NULL, NULL);
    needed += (cookie == NULL ? 0 : strlen(cookie)) + (head == NULL ? 0 : head->header_size);
    if (needed <= HTTP_CONNECTION_BYTES)
        return 0;
    return target > HTTP_CONNECTION_BYTES / 4 ? 414 : 431;
}

int http_request_read(struct http_exchange *exchange, const char *method, const char *version)
{
    int headers, target;

    exchange->request.path = "";
    exchange->request.body_bytes = "";
    exchange->request.client = exchange->client;
    exchange->request.id = exchange->id;
    headers = read_headers(exchange, method, version);
    read_id(exchange);
    read_client(exchange);
    target = read_target(exchange);
    return headers != 0 ? headers : target;
}

const char *http_header_next(const struct http_exchange *exchange, const char *name,
                             size_t *position)
{
    for (size_t i = *position; i < exchange->header_count; i++) {
        if (strcasecmp(exchange->headers[i].name, name) != 0)
            continue;
        *position = i + 1;
        return exchange->headers[i].value;
    }
    return NULL;
}

const char *http_header(const struct http_request *request, const char *name)
{
    size_t position = 0;

    return http_header_next(exchange_of(request), name, &position);
}

const char *http_query(const struct http_request *request, const char *name)
{
    const struct http_exchange *exchange = exchange_of(request);

    for (size_t i = 0; i < exchange->query_count; i++)
        if (strcmp(exchange->query[i].name, name) == 0)
            return exchange->query[i].value;
    return NULL;
}

int http_if_match(const struct http_request *request, int64_t version)
{
    char etag[24];
    size_t position = 0;
    const char *value;
    bool asked = false;

    snprintf(etag, sizeof(etag), "\"%lld\"", (long long)version);
    while ((value = http_header_next(exchange_of(request), "If-Match", &position)) != NULL) {
        asked = true;
        /* strong comparison: a weak tag never allows a change */
        if (http_etag_in_list(value, etag, /* weakly */ false))
            return DONE;
    }
    return asked ? MISMATCH : DONE;
}
