/*
 * One point: a flow on a system that is otherwise at rest, one harm at one write of one part, then
 * quiet, the auditors, and what the person sees.
 *
 * The write is counted from where the part stands still, so that what a flow's preparation leaves
 * behind (acknowledgements, outboxes being emptied) is not counted as the flow's. What runs by
 * itself now and then (a sweep of the outbox twice a second, a heartbeat) is counted, so the same
 * number may name a neighbouring write in another run; that each is met once is what matters.
 *
 * The broker gives what a killed process had in hand to the next one after 30 s. To be quiet sooner
 * it is told to wait a second only; nothing else is made other than in a story.
 */
#include "tests/prove/sweep/sweep.h"

#include "common/instant.h"
#include "common/memory.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STILL_BEFORE_MS  50  /* no write for so long: the preparation is over */
#define STILL_AFTER_MS   150 /* the flow is */
#define STILL_WITHIN_MS  1500
#define OVERDUE_MS       35000
#define SHIPPED_EACH     20 /* the auditor that we ship takes its time: at first, and then at each */
#define AGREE_MS         30000
#define AGREE_PLANTED_MS 2000

static const char *const harms[HARM_COUNT] = {"kill", "epipe", "reset", "enospc"};

struct bench {
    struct knife *knife;
    enum plant plant;
    pid_t held[PART_COUNT];
    bool short_lock;
    int runs;
};

void point_text(const struct point *point, char *ret_text)
{
    snprintf(ret_text, POINT_TEXT_BYTES, "%s/%s/%d/%s", flows[point->flow].name,
             part_name(point->part), point->nth, harms[point->harm]);
}

int point_parse(const char *text, struct point *ret_point)
{
    char flow[16], part[16], harm[16];

    *ret_point = (struct point){.flow = -1, .harm = HARM_COUNT};
    if (sscanf(text, "%15[^/]/%15[^/]/%d/%15s", flow, part, &ret_point->nth, harm) != 4)
        return -1;
    for (int i = 0; i < FLOW_COUNT; i++)
        if (strcmp(flows[i].name, flow) == 0)
            ret_point->flow = i;
    for (int i = 0; i < HARM_COUNT; i++)
        if (strcmp(harms[i], harm) == 0)
            ret_point->harm = (enum harm)i;
    ret_point->part = part_of(part);
    return ret_point->flow < 0 || ret_point->part < 0 || ret_point->harm == HARM_COUNT ||
                   ret_point->nth < 1
               ? -1
               : 0;
}

static int stripe_port(void)
{
    static const char name[] = "STRIPE_API_BASE=http://127.0.0.1:";

    for (const char *const *setting = system_environment(); *setting; setting++)
        if (strncmp(*setting, name, sizeof(name) - 1) == 0)
            return (int)strtol(*setting + sizeof(name) - 1, NULL, 10);
    return 0;
}

/* LOCK_SECONDS is not among the system's settings, so it is inherited from here. */
static void set_lock(struct bench *bench, bool short_lock)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", short_lock ? LOCK_SHORT_S : LOCK_LONG_S);
    setenv("LOCK_SECONDS", text, 1);
    bench->short_lock = short_lock;
}

struct bench *bench_new(struct knife *knife, enum plant plant)
{
    struct bench *bench = xcalloc(1, sizeof(*bench));

    bench->knife = knife;
    bench->plant = plant;
    set_lock(bench, false);
    /* With a line in the log for each request, so that there is something to write into a file. */
    given_system(&(struct system_options){.own_mongo = true,
                                          .env = {"RESOLVE_SECONDS=1", "LOG_LEVEL=debug"}});
    for (int part = 0; part < PART_COUNT; part++)
        knife->ports[part] = part_port(part);
    knife->stripe_port = stripe_port();
    return bench;
}

struct bench *bench_free(struct bench *bench)
{
    const char *found = find_disagreement(AGREE_MS);

    cr_assert_null(found, "%s", found);
    free(bench);
    return NULL;
}

static int all_calls(const struct bench *bench)
{
    return knife_calls(bench->knife, HARM_KILL);
}

/* Wait until it is struck, or writes nothing for `still_ms`; no longer than STILL_WITHIN_MS, as a
 * store is never still. */
static void await_still(const struct bench *bench, int still_ms)
{
    int64_t now_ms = instant_monotonic(), until_ms = now_ms + STILL_WITHIN_MS, since_ms = now_ms;
    int calls = all_calls(bench);

    while (!atomic_load(&bench->knife->struck) && now_ms < until_ms &&
           now_ms - since_ms < still_ms) {
        poll(NULL, 0, 2);
        now_ms = instant_monotonic();
        if (all_calls(bench) != calls) {
            calls = all_calls(bench);
            since_ms = now_ms;
        }
    }
}

static void begin(struct bench *bench, const struct flow *flow, struct scene *scene)
{
    if (flow->short_lock != bench->short_lock) {
        set_lock(bench, flow->short_lock);
        part_renew(part_of("orders"));
    }
    *scene = (struct scene){.number = ++bench->runs, .knife = bench->knife};
    flow->prepare(scene);
    await_all_handled_soon(); /* what the orders that were may have had in hand, too */
}

static void watch(struct bench *bench, int part, enum harm harm, int nth)
{
    pid_t pid = part_pid(part);

    if (bench->held[part] != pid)
        knife_hold(bench->knife, pid);
    bench->held[part] = pid;
    knife_set(bench->knife, pid, harm, 0);
    await_still(bench, STILL_BEFORE_MS);
    knife_set(bench->knife, pid, harm, nth);
}

void bench_count(struct bench *bench, int flow, int part, int *ret_calls)
{
    struct scene scene;

    begin(bench, &flows[flow], &scene);
    watch(bench, part, HARM_KILL, 0);
    flows[flow].act(&scene);
    await_still(bench, STILL_AFTER_MS);
    knife_rest(bench->knife);
    for (int way = 0; way < WAY_COUNT; way++)
        ret_calls[way] = atomic_load(&bench->knife->calls[way]);
}

/* A service that was refused a write goes on; a store may end, and starts again in any case. */
static void mend(struct bench *bench, const struct point *point)
{
    if (atomic_load(&bench->knife->struck) &&
        (point->harm == HARM_KILL || point->part >= SERVICE_COUNT))
        part_renew(point->part);
    cr_assert_null(service_that_died(), "a service ended by itself");
    for (int part = 0; part < SERVICE_COUNT; part++)
        await_launched(part_name(part), 0); /* who has lost a connection may be at it still */
}

/* As a service would that publishes before it commits, or answers so. */
static void plant(const struct bench *bench, const struct flow *flow, struct scene *scene)
{
    static struct answer success = {.body = "", .headers = ""};
    struct event event;

    if (bench->plant == PLANT_LIE) {
        success.status = flow->success;
        scene->answer = &success;
    } else if (bench->plant == PLANT_RUMOUR) {
        event_init(&event, EVENT_USER_CREATED, "abcabcabcabcabcabcabcabc", 0);
        snprintf(event.user.email, sizeof(event.user.email), "nobody@example.com");
        deliver(&event);
    }
}

void bench_run(struct bench *bench, const struct point *point, enum phase *ret_phase,
               struct result *ret_result)
{
    const struct flow *flow = &flows[point->flow];
    const char *(*find)(int64_t timeout_ms), *found;
    struct scene scene;

    *ret_result = (struct result){.status = 0};
    *ret_phase = PHASE_PREPARE;
    begin(bench, flow, &scene);
    watch(bench, point->part, point->harm, point->nth);

    *ret_phase = PHASE_ACT;
    flow->act(&scene);
    await_still(bench, STILL_AFTER_MS);
    knife_rest(bench->knife);
    ret_result->struck = atomic_load(&bench->knife->struck);
    if (ret_result->struck)
        memcpy(ret_result->where, bench->knife->where, sizeof(ret_result->where));

    *ret_phase = PHASE_MEND;
    mend(bench, point);
    plant(bench, flow, &scene);
    await_all_handled_soon();
    await_nobody_overdue(OVERDUE_MS);

    *ret_phase = PHASE_AUDIT;
    find = bench->runs % SHIPPED_EACH == 1 ? find_disagreement : find_disagreement_here;
    found = find(bench->plant == PLANT_NOTHING ? AGREE_MS : AGREE_PLANTED_MS);
    cr_assert_null(found, "%s", found);

    *ret_phase = PHASE_JUDGE;
    flow->judge(&scene);
    ret_result->status = scene.answer ? scene.answer->status : 0;
    ret_result->done = scene.answer && scene.answer->status == flow->success;
}
