#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

/*
 * Wire: the cheapest HTTP/1.1 client that will do, so that the client's own CPU does not drown what
 * is measured: one kept connection on loopback, one request at a time, replies with Content-Length
 * or in chunks, which are only looked at for their end.
 */

#include <stdbool.h>
#include <stddef.h>

#define WIRE_REPLY_BYTES (256u << 10)

struct wire {
    int port;
    int socket; /* -1: not connected */
    bool once;  /* a request whose connection failed is not sent again: it may have been done */
    int status;
    char *body; /* of the last reply, terminated; inside `buffer` */
    char buffer[WIRE_REPLY_BYTES];
};

struct wire *wire_new(int port);
struct wire *wire_free(struct wire *wire);

/* Ask. `headers`: further ones, each ended by CRLF, or "". `body` NULL: none. False if the
 * connection failed; wire->status and wire->body otherwise. */
bool wire_ask(struct wire *wire, const char *method, const char *path, const char *headers,
              const char *body);

/* The text member `name` of the last reply's JSON into `value`; "" if there is none. */
void wire_member(const struct wire *wire, const char *name, char *value, size_t size);

#endif
