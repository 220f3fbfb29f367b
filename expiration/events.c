/*
 * What expiration says. It has no aggregate and so no outbox: the job in Redis stays until the
 * broker has the event (timer.c).
 */

#include "expiration/app.h"

const enum event_type expiration_says[EXPIRATION_SAYS_COUNT] = {EVENT_EXPIRATION_COMPLETE};

void event_expiration_complete(const struct delay_job *job, struct event *ret_event)
{
    event_init(ret_event, EVENT_EXPIRATION_COMPLETE, job->id, /* version= */ 0);
    ret_event->expiration.due_at_ms = job->due_at_ms;
    event_set_id(ret_event);
}
