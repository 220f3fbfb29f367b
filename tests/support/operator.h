#ifndef TESTS_SUPPORT_OPERATOR_H
#define TESTS_SUPPORT_OPERATOR_H

/*
 * The operator: runs ticketctl against the story's system, as a person would.
 */

#include "tests/support/story.h"

/* Run `ticketctl <arguments…>` (up to the first NULL); its exit code. What it printed, on both
 * streams, is ticketctl_said() until the next run. */
#define ticketctl(...) ticketctl_run((const char *const[]){__VA_ARGS__, NULL})
int ticketctl_run(const char *const *arguments);
const char *ticketctl_said(void);

#endif
