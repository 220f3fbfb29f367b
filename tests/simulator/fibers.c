/*
 * Fibers: every thread of every process, one at a time, in an order drawn from the seed.
 *
 * The services call pthread_create, pthread_cond_timedwait, clock_gettime, nanosleep, sigwait,
 * getrandom; the linker has sent those calls here (redirects.syms, instead.c). A fiber runs until
 * it calls the world (step) or waits; then chance says who goes on. So an episode is a function of
 * its seed: nothing here asks a real clock, a real thread or a real source of chance.
 *
 * Time passes a little with each step, and jumps to the next thing to happen when nobody can go on;
 * an hour of waiting costs nothing.
 */

#include "tests/simulator/simulator.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FIBERS_MAX  1024
#define GUARD_BYTES 4096
#define STACK_BYTES (256u << 10)
#define LATER_MAX   8192
#define STEP_US     60 /* what a step takes, on average */
#define TOLD        40
#define TOLD_BYTES  200

struct fiber {
    ucontext_t context;
    char *stack;
    struct process *process;
    char name[16];
    unsigned int life; /* how many threads it has been */
    bool hushed;       /* what it does now is routine */
    void *(*main)(void *);
    void *argument;
    enum { FIBER_FREE, FIBER_READY, FIBER_WAITS } state;
    const void *place; /* what it waits at */
    int64_t until_us;
    bool timed_out;
};

struct call {
    int64_t at_us;
    uint64_t number; /* of two at the same time the first made is first */
    struct process *process;
    unsigned int life;
    void (*call)(void *argument);
    void *argument;
};

static struct {
    struct fiber all[FIBERS_MAX];
    size_t count;
    struct fiber *running;
    ucontext_t scheduler;
    struct call later[LATER_MAX]; /* a heap, the earliest first */
    size_t later_count;
    uint64_t calls_made;
    uint64_t chance;
    char told[TOLD + 1][TOLD_BYTES]; /* a ring, and the line at hand */
    size_t told_count;
} fibers;

/* ---- chance ---- */

/* splitmix64 */
static uint64_t chance_next(void)
{
    uint64_t z = fibers.chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t chance_below(uint64_t bound)
{
    return bound == 0 ? 0 : chance_next() % bound;
}

bool chance_one_in(int64_t n)
{
    return n > 0 && chance_below((uint64_t)n) == 0;
}

int64_t chance_between(int64_t a, int64_t b)
{
    return a + (int64_t)chance_below((uint64_t)(b - a) + 1);
}

void fibers_open(uint64_t seed)
{
    fibers.chance = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
}

/* ---- words ---- */

static void tell(const char *format, va_list arguments)
{
    char *line = fibers.told[fibers.told_count % (TOLD + 1)];
    const struct fiber *fiber = fibers.running;
    struct process *process = fiber == NULL ? NULL : fiber->process;
    int length = snprintf(line, TOLD_BYTES, "%8lld %10.3f s  %-12s %-12s ", (long long)world.steps,
                          (double)world.now_us / 1e6, process == NULL ? "" : process->name,
                          fiber == NULL ? "" : fiber->name);

    if (length < TOLD_BYTES)
        vsnprintf(line + length, TOLD_BYTES - (size_t)length, format, arguments);
    if (fiber == NULL || !fiber->hushed)
        fibers.told_count++;
    if (world.options.trace)
        puts(line);
}

void note(const char *format, ...)
{
    va_list arguments;

    if (!world.options.trace && !world.options.tell)
        return;
    va_start(arguments, format);
    tell(format, arguments);
    va_end(arguments);
}

void steps_print(void)
{
    size_t first = fibers.told_count > TOLD ? fibers.told_count - TOLD : 0;

    for (size_t i = first; i < fibers.told_count; i++)
        printf("  %s\n", fibers.told[i % (TOLD + 1)]);
}

/* ---- fibers ---- */

static void enter(void)
{
    struct fiber *fiber = fibers.running;

    fiber->main(fiber->argument);
    fiber->state = FIBER_FREE;
    fiber_wake(fiber);
    swapcontext(&fiber->context, &fibers.scheduler);
    abort();
}

/* Make it begin at `enter`. */
static void rewind_fiber(struct fiber *fiber)
{
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, enter, 0);
}

struct fiber *fiber_start(struct process *process, const char *name, void *(*main)(void *),
                          void *argument)
{
    struct fiber *fiber = NULL;

    for (size_t i = 0; i < fibers.count && fiber == NULL; i++)
        if (fibers.all[i].state == FIBER_FREE && &fibers.all[i] != fibers.running)
            fiber = &fibers.all[i];
    if (fiber == NULL) {
        assert(fibers.count < FIBERS_MAX);
        fiber = &fibers.all[fibers.count++];
        fiber->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert(fiber->stack != MAP_FAILED);
        /* Below it may be another one's: who runs over ends here. */
        if (mprotect(fiber->stack, GUARD_BYTES, PROT_NONE) != 0)
            abort();
    }
    rewind_fiber(fiber);
    fiber->process = process;
    snprintf(fiber->name, sizeof(fiber->name), "%s-%zu", name, (size_t)(fiber - fibers.all));
    fiber->life++;
    fiber->main = main;
    fiber->argument = argument;
    fiber->state = FIBER_READY;
    fiber->place = NULL;
    fiber->hushed = false;
    return fiber;
}

struct process *fiber_process(void)
{
    return fibers.running == NULL ? NULL : fibers.running->process;
}

static void leave(void)
{
    struct fiber *fiber = fibers.running;

    assert(fiber != NULL);
    swapcontext(&fiber->context, &fibers.scheduler);
}

void hush(bool hushed)
{
    fibers.running->hushed = hushed;
}

void step(const char *format, ...)
{
    va_list arguments;

    if (world.options.trace || world.options.tell) {
        va_start(arguments, format);
        tell(format, arguments);
        va_end(arguments);
    }
    fibers.running->state = FIBER_READY;
    leave();
}

bool fiber_wait(const void *place, int64_t until_us)
{
    struct fiber *fiber = fibers.running;

    fiber->state = FIBER_WAITS;
    fiber->place = place;
    fiber->until_us = until_us;
    fiber->timed_out = false;
    leave();
    fiber->place = NULL;
    return !fiber->timed_out;
}

void fiber_wake(const void *place)
{
    for (size_t i = 0; i < fibers.count; i++)
        if (fibers.all[i].state == FIBER_WAITS && fibers.all[i].place == place)
            fibers.all[i].state = FIBER_READY;
}

void fiber_wake_one(const void *place)
{
    struct fiber *chosen = NULL;
    uint64_t seen = 0;

    for (size_t i = 0; i < fibers.count; i++)
        if (fibers.all[i].state == FIBER_WAITS && fibers.all[i].place == place &&
            chance_below(++seen) == 0)
            chosen = &fibers.all[i];
    if (chosen != NULL)
        chosen->state = FIBER_READY;
}

uint64_t fiber_number(const struct fiber *fiber)
{
    return (uint64_t)fiber->life * FIBERS_MAX + (uint64_t)(fiber - fibers.all);
}

void fiber_join(uint64_t number)
{
    const struct fiber *fiber = &fibers.all[number % FIBERS_MAX];

    while (fiber->life == number / FIBERS_MAX && fiber->state != FIBER_FREE)
        fiber_wait(fiber, INT64_MAX);
}

void fiber_sleep(int64_t us)
{
    fiber_wait(NULL, world.now_us + us);
}

void fibers_drop(const struct process *process)
{
    for (size_t i = 0; i < fibers.count; i++)
        if (fibers.all[i].process == process)
            fibers.all[i].state = FIBER_FREE;
}

/* ---- later ---- */

static bool is_before(const struct call *a, const struct call *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->number < b->number);
}

void later(int64_t us, struct process *process, void (*call)(void *argument), void *argument)
{
    struct call made = {.at_us = world.now_us + us,
                        .number = fibers.calls_made++,
                        .process = process,
                        .life = process == NULL ? 0 : process->life,
                        .call = call,
                        .argument = argument};
    size_t at = fibers.later_count++;

    assert(at < LATER_MAX);
    for (; at > 0 && is_before(&made, &fibers.later[(at - 1) / 2]); at = (at - 1) / 2)
        fibers.later[at] = fibers.later[(at - 1) / 2];
    fibers.later[at] = made;
}

static struct call take_call(void)
{
    struct call first = fibers.later[0], last = fibers.later[--fibers.later_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < fibers.later_count &&
            is_before(&fibers.later[child + 1], &fibers.later[child]))
            child++;
        if (child >= fibers.later_count || !is_before(&fibers.later[child], &last))
            break;
        fibers.later[at] = fibers.later[child];
        at = child;
    }
    fibers.later[at] = last;
    return first;
}

/* ---- who goes on ---- */

static bool is_paused(const struct fiber *fiber)
{
    return fiber->process != NULL && fiber->process->paused_until_us > world.now_us;
}

/* A fiber that can go on, by chance; NULL: none can before *ret_next_us. */
static struct fiber *choose(int64_t *ret_next_us)
{
    struct fiber *chosen = NULL;
    uint64_t seen = 0;

    *ret_next_us = fibers.later_count > 0 ? fibers.later[0].at_us : INT64_MAX;
    for (size_t i = 0; i < fibers.count; i++) {
        struct fiber *fiber = &fibers.all[i];
        int64_t at_us = 0;

        if (fiber->state == FIBER_FREE)
            continue;
        if (fiber->state == FIBER_WAITS)
            at_us = fiber->until_us;
        if (is_paused(fiber) && fiber->process->paused_until_us > at_us)
            at_us = fiber->process->paused_until_us;
        if (at_us > world.now_us) {
            if (at_us < *ret_next_us)
                *ret_next_us = at_us;
        } else if (chance_below(++seen) == 0) {
            chosen = fiber;
        }
    }
    return chosen;
}

bool fibers_step(void)
{
    struct fiber *fiber;
    int64_t next_us;

    world.steps++;
    if (fibers.later_count > 0 && fibers.later[0].at_us <= world.now_us) {
        struct call call = take_call();

        if (call.process == NULL || (call.process->alive && call.process->life == call.life))
            call.call(call.argument);
        return true;
    }
    fiber = choose(&next_us);
    if (fiber == NULL) {
        if (next_us == INT64_MAX)
            return false;
        world.steps--; /* time passing is no step */
        world.now_us = next_us;
        return true;
    }
    world.now_us += (int64_t)chance_below(2 * STEP_US);
    if (fiber->process != NULL && world_fault(world.faults.kill)) {
        process_kill(fiber->process);
        return true;
    }
    if (fiber->state == FIBER_WAITS)
        fiber->timed_out = true;
    fiber->state = FIBER_READY;
    fibers.running = fiber;
    swapcontext(&fibers.scheduler, &fiber->context);
    fibers.running = NULL;
    return true;
}

int64_t true_now_ms(void)
{
    return EPOCH_MS + world.now_us / MS_US;
}
