/*
 * Wire: see wire.h. A reply is read until its Content-Length, or its last chunk, is there; a
 * connection that the server has closed is opened again once, but where each request may be sent
 * once only.
 */

#include "tests/bench/wire.h"

#include "common/memory.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES 8192

struct wire *wire_new(int port)
{
    struct wire *wire = xcalloc(1, sizeof(*wire));

    wire->port = port;
    wire->socket = -1;
    return wire;
}

struct wire *wire_free(struct wire *wire)
{
    if (wire != NULL && wire->socket >= 0)
        close(wire->socket);
    free(wire);
    return NULL;
}

static bool wire_connect(struct wire *wire)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)wire->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval timeout = {.tv_sec = 15};
    int on = 1;

    wire->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(wire->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(wire->socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(wire->socket, (struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    close(wire->socket);
    wire->socket = -1;
    return false;
}

/* What a reply still lacks is told by its head. */
struct expected {
    size_t length;
    bool chunked;
};

/* Where the body begins once the head is there, and how it ends. */
static bool head_is_whole(struct wire *wire, struct expected *ret_body)
{
    char *end = strstr(wire->buffer, "\r\n\r\n");
    char *length = strcasestr(wire->buffer, "\r\nContent-Length:");
    char *chunked = strcasestr(wire->buffer, "\r\nTransfer-Encoding: chunked\r\n");

    if (end == NULL)
        return false;
    wire->body = end + 4;
    ret_body->length = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    ret_body->chunked = chunked != NULL && chunked < end;
    return true;
}

/* The server ends the connection with this reply, as it may after many. */
static bool says_close(const struct wire *wire)
{
    const char *close = strcasestr(wire->buffer, "\r\nConnection: close\r\n");

    return close != NULL && close < wire->body;
}

static bool body_is_whole(const struct wire *wire, size_t have, struct expected body)
{
    static const char last_chunk[] = "\r\n0\r\n\r\n";
    size_t end = sizeof(last_chunk) - 1;

    if (body.chunked)
        return have >= end && memcmp(wire->buffer + have - end, last_chunk, end) == 0;
    return have >= (size_t)(wire->body - wire->buffer) + body.length;
}

static bool read_reply(struct wire *wire)
{
    struct expected body = {0};
    size_t have = 0;

    wire->body = NULL;
    for (;;) {
        ssize_t n = recv(wire->socket, wire->buffer + have, sizeof(wire->buffer) - 1 - have, 0);

        if (n <= 0)
            return false;
        have += (size_t)n;
        wire->buffer[have] = '\0';
        if ((wire->body != NULL || head_is_whole(wire, &body)) && body_is_whole(wire, have, body))
            break;
    }
    wire->status = (int)strtol(wire->buffer + 9, NULL, 10);
    if (says_close(wire)) {
        close(wire->socket);
        wire->socket = -1;
    }
    return true;
}

bool wire_ask(struct wire *wire, const char *method, const char *path, const char *headers,
              const char *body)
{
    char request[REQUEST_BYTES];
    int length;

    if (body == NULL)
        length = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: bench\r\n%s\r\n",
                          method, path, headers);
    else
        length = snprintf(request, sizeof(request),
                          "%s %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n%s\r\n%s",
                          method, path, strlen(body), headers, body);
    for (int attempt = 0; attempt < (wire->once ? 1 : 2); attempt++) {
        if (wire->socket < 0 && !wire_connect(wire))
            return false;
        if (send(wire->socket, request, (size_t)length, MSG_NOSIGNAL) == length && read_reply(wire))
            return true;
        close(wire->socket);
        wire->socket = -1;
    }
    return false;
}

void wire_member(const struct wire *wire, const char *name, char *value, size_t size)
{
    char key[64];
    const char *at;

    snprintf(key, sizeof(key), "\"%s\":\"", name);
    at = wire->body != NULL ? strstr(wire->body, key) : NULL;
    value[0] = '\0';
    if (at != NULL)
        snprintf(value, size, "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
}
