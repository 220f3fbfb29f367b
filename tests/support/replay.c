/*
 * Everything again: each event of each stream is published once more (or thrice), in a random
 * order, as a message that no duplicate window knows. Whoever moves forward by version is not
 * impressed.
 */
#include "tests/support/audit.h"

#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct heap_of_events {
    struct event *events;
    size_t count, capacity;
};

static int keep_event(void *context, const struct event *event, uint64_t sequence)
{
    struct heap_of_events *heap = context;

    (void)sequence;
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : 64;
        heap->events = xrealloc(heap->events, heap->capacity * sizeof(*heap->events));
    }
    heap->events[heap->count++] = *event;
    return 0;
}

static void shuffle(struct heap_of_events *heap, unsigned seed)
{
    for (size_t i = heap->count; i > 1; i--) {
        size_t j = (size_t)rand_r(&seed) % i;
        struct event event = heap->events[i - 1];

        heap->events[i - 1] = heap->events[j];
        heap->events[j] = event;
    }
}

void deliver_everything_again(int times)
{
    struct heap_of_events heap = {0};
    unsigned seed = (unsigned)getpid();

    audit_allows_repeats();
    for (int owner = 0; owner < OWNER_COUNT; owner++) {
        struct bus_range range = {.owner = (enum event_owner)owner};

        cr_assert_eq(bus_replay(given_bus("test"), &range, keep_event, &heap), 0);
    }
    fprintf(stderr, "%zu events, again %d times, seed %u\n", heap.count, times, seed);
    for (int i = 0; i < times; i++) {
        shuffle(&heap, seed + (unsigned)i);
        for (size_t k = 0; k < heap.count; k++)
            deliver(&heap.events[k]);
    }
    free(heap.events);
    await_all_handled();
}
