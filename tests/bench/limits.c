/*
 * Limits: the same work without us. mongo-c-driver alone at the same concurrency, libsodium alone,
 * and an nginx whose one location returns a text.
 */

#include "tests/bench/bench.h"

#include "common/log.h"

#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH "bench"

bool raw_begin(struct load_worker *worker)
{
    worker->state = *(struct bench *const *)worker->plan;
    return true;
}

void raw_end(struct load_worker *worker)
{
    struct bench *bench = worker->state;

    store_thread_done(bench->tickets);
    store_thread_done(bench->scratch);
}

bool raw_find(struct load_worker *worker)
{
    struct bench *bench = worker->state;
    bson_t filter = BSON_INITIALIZER, *document = NULL;
    int r;

    store_append_id(&filter, "_id", bench->ticket_id);
    r = store_find(bench->tickets, "tickets", &filter, NULL, &document);
    bson_destroy(&filter);
    bson_destroy(document);
    return r == 0;
}

static int count_document(void *context, const bson_t *document)
{
    (void)document;
    ++*(int *)context;
    return 0;
}

/* As tickets/search.c asks for the first page. */
bool raw_list(struct load_worker *worker)
{
    struct bench *bench = worker->state;
    bson_t filter = BSON_INITIALIZER, *options;
    int count = 0, r;

    BSON_APPEND_UTF8(&filter, "status", "available");
    options = BCON_NEW("sort", "{", "createdAt", BCON_INT32(-1), "_id", BCON_INT32(-1), "}",
                       "limit", BCON_INT64(21), "projection", "{", "version", BCON_INT32(1),
                       "title", BCON_INT32(1), "priceCents", BCON_INT32(1), "userId", BCON_INT32(1),
                       "status", BCON_INT32(1), "createdAt", BCON_INT32(1), "}");
    r = store_each(bench->tickets, "tickets", &filter, options, count_document, &count);
    bson_destroy(&filter);
    bson_destroy(options);
    return r == 0 && count > 0;
}

bool raw_insert(struct load_worker *worker)
{
    struct bench *bench = worker->state;
    bson_t document = BSON_INITIALIZER;
    char id[ID_BYTES];
    int r;

    store_new_id(id);
    store_append_id(&document, "_id", id);
    BSON_APPEND_INT64(&document, "version", 0);
    BSON_APPEND_UTF8(&document, "status", "created");
    BSON_APPEND_UTF8(&document, "event",
                     "{\"id\":\"0123456789abcdef01234567\",\"version\":0,\"status\":\"created\","
                     "\"userId\":\"0123456789abcdef01234567\",\"ticket\":{\"price\":20}}");
    r = store_insert(bench->scratch, SCRATCH, &document, NULL);
    bson_destroy(&document);
    return r == 0;
}

bool raw_hash(struct load_worker *worker)
{
    unsigned char hash[32], salt[crypto_pwhash_SALTBYTES] = {0};

    (void)worker;
    return crypto_pwhash(hash, sizeof(hash), "battery staple", 14, salt, 2, 19u << 20,
                         crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool return_begin(struct load_worker *worker)
{
    struct bench *bench = *(struct bench *const *)worker->plan;

    worker->state = wire_new(bench->return_port);
    return true;
}

bool return_work(struct load_worker *worker)
{
    struct wire *wire = worker->state;

    return wire_ask(wire, "GET", "/", "", NULL) && wire->status == 200;
}

void return_end(struct load_worker *worker)
{
    wire_free(worker->state);
}

int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;

    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

pid_t return_start(struct bench *bench)
{
    char path[64], text[1024];
    char *argv[] = {(char[]){"nginx"}, (char[]){"-c"}, path, NULL};
    struct timespec moment = {.tv_nsec = 20000000};
    FILE *file;
    pid_t pid;

    bench->return_port = free_port();
    snprintf(path, sizeof(path), "/tmp/ticketing-bench-%d.conf", getpid());
    snprintf(text, sizeof(text),
             "daemon off; master_process off; pid /tmp/ticketing-bench-%d.pid; error_log stderr "
             "crit;\nevents { worker_connections 512; }\nhttp { access_log off; keepalive_requests "
             "1000000000;\nclient_body_temp_path /tmp; proxy_temp_path /tmp; fastcgi_temp_path "
             "/tmp; uwsgi_temp_path /tmp; scgi_temp_path /tmp;\nserver { listen 127.0.0.1:%d; "
             "default_type application/json; location / { return 200 '{\"currentUser\":null}'; } } "
             "}\n",
             getpid(), bench->return_port);
    file = fopen(path, "w");
    if (file == NULL)
        return 0;
    fputs(text, file);
    fclose(file);
    pid = fork(); /* before any thread or Mongo client is made */
    if (pid == 0) {
        execvp(argv[0], argv);
        execv("/usr/sbin/nginx", argv);
        _exit(127);
    }
    for (int i = 0; i < 100 && listener_of(bench->return_port) == 0; i++)
        nanosleep(&moment, NULL);
    unlink(path);
    return pid;
}

void return_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}
