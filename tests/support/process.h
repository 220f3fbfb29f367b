#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

/*
 * What the other files of tests/support need of process.c; tests use support.h. Everything is
 * called from the test's main thread.
 */

#include "tests/support/support.h"

/* This test's folder in memory, removed when it ends. */
const char *test_folder(void);

void remove_folder(const char *path);

/* End a process that spawn started, and what it started; fails the test after `timeout_ms`.
 * Returns its wait status. */
int end_process(pid_t pid, int signal_number, int64_t timeout_ms);

/* Has it ended by itself? Then it is reaped and *ret_status is its wait status. */
bool process_has_ended(pid_t pid, int *ret_status);

/* Does somebody accept connections on the loopback `port`? */
bool port_answers(int port);

/* Drop the databases whose name begins with `prefix` (borrowed for ever) when this test ends. */
void drop_at_end(const char *prefix);

/* Does a service say there that it is ready? False too where it does not answer. */
bool port_is_ready(int port);

/* Show a log on standard error, where the test's report goes. */
void print_file(const char *path);

/* Our own program, built beside this one: build/<flavour>/bin/<name>, seen from
 * build/<flavour>/suites/<suite>, which is this program; or TEST_BIN/<name>, where that is set. */
void find_built(const char *name, char *ret_path, size_t size);

/* A program: what the environment variable names, else .local/bin/<name>, else from PATH. */
const char *find_program(const char *variable, const char *name);

#endif
