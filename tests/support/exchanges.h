#ifndef TESTS_SUPPORT_EXCHANGES_H
#define TESTS_SUPPORT_EXCHANGES_H

/*
 * Exchanges: what the services under test answered and said, noted for a comparison with the
 * OpenAPI and AsyncAPI documents (tests/check-exchanges, which tests/run calls at its end).
 *
 * Nothing is noted unless TEST_EXCHANGES names a file. Any thread, any process of the run.
 */

#include "common/event.h"
#include "tests/support/one_service.h"

void note_exchange(const struct question *question, const struct answer *answer);
void note_event(const struct event *event);

#endif
