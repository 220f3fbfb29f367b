/*
 * The README keeps its word: its "Buy a ticket with curl" is run as it stands there, by bash in an
 * empty folder, with the edge of this test's system as URL.
 */
#include "tests/support/process.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SHELL_MS 60000

/* The first sh block below that heading. */
#define EXTRACT                                          \
    "sed -n '/^## Buy a ticket with curl$/,/^## /{"      \
    "/^```sh$/,/^```$/{/^```/!p}}' README.md >$0/buy.sh" \
    " && cd $0 && exec bash buy.sh"

Test(readme, buying_a_ticket_with_curl_works_as_written)
{
    char url[64], log[128], printed[8192] = "";
    const char *argv[] = {"bash", "-c", EXTRACT, test_folder(), NULL};
    const char *env[] = {url, NULL};
    FILE *file;
    int status;

    given_system(NULL);
    snprintf(url, sizeof(url), "URL=http://127.0.0.1:%d", system_edge_port());
    snprintf(log, sizeof(log), "%s/buy.log", test_folder());
    status = end_process(spawn(argv, env, log), /* signal= */ 0, SHELL_MS);
    file = fopen(log, "re");
    cr_assert_not_null(file);
    printed[fread(printed, 1, sizeof(printed) - 1, file)] = '\0';
    fclose(file);

    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", printed);
    cr_assert_not_null(strstr(printed, " is sold\n"), "%s", printed);
    cr_assert_not_null(strstr(printed, "\"status\": \"complete\""), "%s", printed);
    expect_all_is_well();
}
