#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

/*
 * The web client of a story's system, where system_options.client asks for it. Verbs fail the test
 * with a reason.
 */

#include "tests/support/story.h"

/* Where it is or will be. */
int client_port(void);

/* Start it, and wait until it accepts connections; end it, gracefully by SIGTERM. */
void start_client(void);
void end_client(int signal_number);

#endif
