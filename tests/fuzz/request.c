/*
 * A request's head, as libmicrohttpd hands it over: "METHOD TARGET\n", then "Name: value" lines.
 *
 * libmicrohttpd itself is not here: what it would be asked for is answered from the input, so that
 * reading (http_request.c) meets headers that no library would let pass.
 */
#include "common/http_internal.h"
#include "tests/fuzz/fuzz.h"

#define HEADERS_MAX 64

static struct {
    const char *names[HEADERS_MAX], *values[HEADERS_MAX];
    size_t count, bytes;
} head;

int MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                MHD_KeyValueIteratorN iterator, void *context)
{
    (void)connection;
    for (size_t i = 0; i < head.count && iterator != NULL; i++)
        iterator(context, kind, head.names[i], strlen(head.names[i]), head.values[i],
                 head.values[i] == NULL ? 0 : strlen(head.values[i]));
    return (int)head.count;
}

int MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                              MHD_KeyValueIterator iterator, void *context)
{
    (void)connection;
    (void)kind;
    (void)iterator;
    (void)context;
    return (int)head.count;
}

const char *MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                        const char *name)
{
    (void)connection;
    (void)kind;
    for (size_t i = 0; i < head.count; i++)
        if (strcmp(head.names[i], name) == 0)
            return head.values[i];
    return NULL;
}

const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType what, ...)
{
    static union MHD_ConnectionInfo info;
    static struct sockaddr_in peer = {.sin_family = AF_INET};

    (void)connection;
    memset(&info, 0, sizeof(info));
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (what == MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
        info.header_size = head.bytes;
    else
        info.client_addr = (struct sockaddr *)&peer;
    return &info;
}

/* Cut the lines into names and values, in place. */
static void read_head(char *lines, size_t bytes)
{
    head.count = 0;
    head.bytes = bytes;
    while (lines != NULL && head.count < HEADERS_MAX) {
        char *value = strsep(&lines, "\n");

        head.names[head.count] = strsep(&value, ":");
        head.values[head.count++] = value;
    }
}

static void check(struct http_exchange *exchange, int status)
{
    const struct http_request *request = &exchange->request;

    require(status == 0 || status == 400 || status == 501);
    require(request->path != NULL && exchange->id[0] != '\0');
    if (status != 0)
        return;
    require(request->path[0] == '/' || strcmp(request->path, "*") == 0);
    require(text_is_utf8(request->path, strlen(request->path)));
    for (size_t i = 0; i < exchange->query_count; i++)
        require(text_is_utf8(exchange->query[i].value, strlen(exchange->query[i].value)));
    require(strpbrk(exchange->id, "\r\n\"") == NULL);
    (void)http_query(request, "limit");
    (void)!http_if_match(request, 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(freep) char *text = xmalloc(size + 1); /* with its NULs, behind which things hide */
    struct http_server server = {.id_prefix = 1};
    struct http_exchange *exchange = xcalloc(1, sizeof(*exchange));
    char *rest = text, *target, *method;
    int status;

    memcpy(text, data, size);
    text[size] = '\0';
    target = strsep(&rest, "\n");
    method = strsep(&target, " ");
    exchange->server = &server;
    exchange->target = xstrdup(target == NULL ? "" : target);
    atomic_init(&exchange->holders, 1);
    http_reply_init(&exchange->reply);
    read_head(rest, size);
    if (http_request_fits(exchange) == 0) {
        status = http_request_read(exchange, method, "HTTP/1.1");
        check(exchange, status);
    }
    http_exchange_drop(exchange);
    return 0;
}
