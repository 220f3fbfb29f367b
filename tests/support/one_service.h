#ifndef TESTS_SUPPORT_ONE_SERVICE_H
#define TESTS_SUPPORT_ONE_SERVICE_H

/*
 * One service alone: its real binary on fresh stores, talked to over HTTP, with its events put
 * into its streams and read from them. No other service runs: the test says what they would say.
 *
 * Verbs fail the test with a reason instead of returning errors. Answers live until the test ends.
 * ask and ask_for may be called from several threads; the rest belongs to the test's own.
 */

#include "common/session.h"
#include "tests/support/support.h"

#include <jansson.h>

#define ONE_SERVICE_JWT_KEY "a key of these tests, 32 bytes long"

struct one_service {
    pid_t pid;
    int port;
};

/* Start build/<flavour>/bin/<name> (or "<name> <argument>") on given_mongo, given_database,
 * given_nats with further environment `env` (as of spawn, or NULL), and wait until it is ready.
 * Questions go to it from now on. Called again, it starts another instance on the same stores. */
struct one_service given_one_service(const char *name, const char *const *env);

/* As given_one_service for a service that refuses to start: waits for its end and returns its exit
 * code; what it logged goes to *ret_log (caller frees). */
int given_one_service_that_ends(const char *name, const char *const *env, char **ret_log);

/* Ask `service` from now on. */
void turn_to(const struct one_service *service);

/* Stop it with SIGTERM; fails unless it exits with 0. */
void end_one_service(const struct one_service *service);

/* Questions carry a session of this user from now on; NULL: of nobody. The email is
 * "<user_id>@example.com". */
void sign_as(const char *user_id, enum session_role role);

struct answer {
    int status;
    const char *body;    /* "" for none */
    const char *headers; /* as they came, a line each */
    const json_t *json;  /* the body, or NULL where it is not JSON */
};

struct question {
    const char *method, *path;
    const char *body;       /* NULL: none; with one, Content-Type is application/json */
    const char *headers[6]; /* "Name: value"; up to the first NULL */
    int port;               /* 0: of the service that was turned to */
};

const struct answer *ask_for(const struct question *question);
const struct answer *ask(const char *method, const char *path, const char *body);

/* What ask_for sends: for streams.c. Caller frees the list with curl_slist_free_all. */
struct curl_slist *question_headers(const struct question *question);
void question_url(const struct question *question, char *ret_url, size_t size);

/* A header's value, NULL if absent. For repeated ones `nth` counts from 0. */
const char *answer_header(const struct answer *answer, const char *name, int nth);

/* A text member of the body ("title", or "currentUser.email"); NULL if it is absent or no text. */
const char *answer_text(const struct answer *answer, const char *member);

/* A number member of the body; -1 if it is absent or no number. */
double answer_number(const struct answer *answer, const char *member);

/* The status; prints the body where it differs. */
void expect_status(const struct answer *answer, int status);

/* The status, and that `message` is among the errors, for `field` (NULL: for none). */
void expect_refusal(const struct answer *answer, int status, const char *field,
                    const char *message);

/* Put `event` into its stream, as its owner would, and wait until the broker has it. Each call is a
 * message of its own, so calling it twice delivers twice. */
void deliver(const struct event *event);

/* Wait until the stream holds such an event of `version` and give it. */
struct event await_event(enum event_type type, const char *aggregate_id, int64_t version);

/* Messages of any type about this aggregate in `type`'s stream. */
int count_events(enum event_type type, const char *aggregate_id);

/* Wait for a document that matches (extended JSON); caller destroys. */
bson_t *await_document(const char *collection, const char *filter);

/* How many match now. */
int64_t count_documents(const char *collection, const char *filter);

/* Leave the Idempotency-Keys, of which there must be some, as a process does that is killed between
 * the commit and the end: 30 s later; and as a 503 does: free. */
void kill_before_the_end(void);
void free_the_keys(void);

#endif
