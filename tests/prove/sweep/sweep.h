#ifndef TESTS_PROVE_SWEEP_SWEEP_H
#define TESTS_PROVE_SWEEP_SWEEP_H

/*
 * What the files of the sweep share (main.c says what it is): the knife, the flows that it cuts,
 * and the points where it does.
 */

#include "tests/support/audit.h"

#include <stdatomic.h>

/* ---- who is cut: services first, then stores (part.c) ---- */

#define SERVICE_COUNT 5
#define PART_COUNT    8

const char *part_name(int part); /* "auth" … "redis" */
int part_of(const char *name);   /* -1: no such part */
pid_t part_pid(int part);

/* Where it listens. */
int part_port(int part);

/* Make it whole again after a cut, also where it has ended; returns when it is ready. */
void part_renew(int part);

/* ---- the knife (knife.c) ---- */

enum harm { HARM_KILL, HARM_EPIPE, HARM_RESET, HARM_ENOSPC, HARM_COUNT };

/* What leaves a process: by a socket, or into a file. */
enum way { WAY_SOCKET, WAY_FILE, WAY_COUNT };

/* In memory that two processes share: the one that runs the flows sets it, the tracer strikes. */
struct knife {
    /* set by the holder */
    _Atomic pid_t watched; /* whose calls count; 0: nobody's */
    _Atomic int harm, nth; /* which harm at which of them; nth 0: none */
    int ports[PART_COUNT]; /* where the parts listen, to tell who would have been spoken to */
    int stripe_port;

    /* set by the tracer */
    atomic_int calls[WAY_COUNT]; /* counted since `watched` was set */
    atomic_bool struck;
    char where[64]; /* "sendmsg to mongod" */

    int channel; /* the holder's end; a process to be traced goes in, whether it is comes back */
};

/* Fork: the child returns with the knife and goes on; its parent, this process, becomes the tracer
 * and exits with the child's exit code. So what the child starts are the tracer's descendants,
 * which a kernel lets it trace. */
struct knife *knife_draw(void);

/* Trace this process until it ends. Returns when all its threads are traced. */
void knife_hold(struct knife *knife, pid_t pid);

/* From now on count the calls of `pid`, and do `harm` in place of the nth (0: of none). */
void knife_set(struct knife *knife, pid_t pid, enum harm harm, int nth);

/* Nobody is cut any more, once it returns. */
void knife_rest(struct knife *knife);

/* How many calls were counted that this harm can meet. */
int knife_calls(const struct knife *knife, enum harm harm);

/* ---- what is cut: flows (flows.c) ---- */

/* One run of a flow. */
struct scene {
    int number; /* of its people and texts; each run has its own */
    const struct knife *knife;
    char title[32];
    const char *ticket, *order;  /* ids */
    const struct answer *answer; /* NULL: the flow asks nothing */
};

struct flow {
    const char *name;
    bool short_lock; /* orders expire after LOCK_SHORT_S */
    int success;     /* the status that says that it was done; 0: it asks nothing */
    void (*prepare)(struct scene *scene);
    void (*act)(struct scene *scene);
    /* When all is quiet: does what is there agree with what was answered? Fails like a test. */
    void (*judge)(struct scene *scene);
};

#define LOCK_SHORT_S 1
#define LOCK_LONG_S  900
#define FLOW_COUNT   9

extern const struct flow flows[FLOW_COUNT];

/* Was it answered with success? Fails on an answer that no crash explains. */
bool was_done(const struct scene *scene, int success);

/* ---- where: points (point.c) ---- */

/* "pay/payments/17/kill": in place of the 17th write of payments since the flow pay began. */
struct point {
    int flow, part, nth;
    enum harm harm;
};

#define POINT_TEXT_BYTES 48

void point_text(const struct point *point, char *ret_text);
int point_parse(const char *text, struct point *ret_point); /* -1: it is none */

struct result {
    bool struck;    /* else the flow was over before the nth write */
    char where[64]; /* "sendmsg to mongod" */
    int status;     /* of the flow's answer; 0: none */
    bool done;      /* it was answered with success, and that has come true */
};

/* Defects that can be planted, to see that the sweep finds what it is for. */
enum plant {
    PLANT_NOTHING,
    PLANT_LIE,   /* success is answered, whatever came of it */
    PLANT_RUMOUR /* an event is said whose change was never made */
};

/* A system for points, started; the flows begin by it. */
struct bench;
struct bench *bench_new(struct knife *knife, enum plant plant);

/* With a last audit. */
struct bench *bench_free(struct bench *bench);

/* How many calls of each way a flow makes in a part: ret_calls[way]. */
void bench_count(struct bench *bench, int flow, int part, int *ret_calls);

/* Run a flow with this harm, mend, wait until all is quiet, and judge. What is wrong fails like a
 * test; *ret_phase tells then how far it came. */
enum phase { PHASE_PREPARE, PHASE_ACT, PHASE_MEND, PHASE_AUDIT, PHASE_JUDGE };
void bench_run(struct bench *bench, const struct point *point, enum phase *ret_phase,
               struct result *ret_result);

/* ---- all of them (crew.c) ---- */

struct plan {
    unsigned seed;
    int64_t seconds;         /* 0: all points */
    int systems;             /* that share them */
    const char *flow, *part; /* only these, or NULL */
    const struct point *only;
    bool list; /* print the points, run none */
    enum plant plant;
};

#define SYSTEMS_MAX 4

/* What came of it. In memory that all processes of a run share. */
struct tally {
    atomic_int done, struck, answered; /* points; those that were met; answers of success */
    atomic_int of_pay, failed, failed_pay, failed_answers;
};

const struct tally *crew_run(const struct plan *plan);

#endif
