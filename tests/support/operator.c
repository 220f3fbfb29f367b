/*
 * The operator: ticketctl with the environment of the story's services.
 */

#include "tests/support/operator.h"

#include "tests/support/audit.h"
#include "tests/support/process.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define RUN_MS        90000
#define ARGUMENTS_MAX 8
#define ENV_MAX       48

static char said[65536];

/* The databases are "<prefix>auth", "<prefix>tickets" …. */
static void append_prefix(const char **env, size_t count)
{
    static char prefix[128];
    const char *database = service_database("auth");

    snprintf(prefix, sizeof(prefix), "DATABASE_PREFIX=%.*s",
             (int)(strlen(database) - strlen("auth")), database);
    env[count] = prefix;
    env[count + 1] = NULL;
}

const char *ticketctl_said(void)
{
    return said;
}

int ticketctl_run(const char *const *arguments)
{
    const char *const *services_env = system_environment();
    const char *argv[ARGUMENTS_MAX + 2] = {NULL}, *env[ENV_MAX] = {NULL};
    char path[640], log[256];
    size_t count = 0;
    FILE *file;
    int status;

    find_built("ticketctl", path, sizeof(path));
    argv[0] = path;
    for (size_t i = 0; arguments[i] != NULL && i < ARGUMENTS_MAX; i++)
        argv[i + 1] = arguments[i];
    for (; services_env[count] != NULL && count < ENV_MAX - 2; count++)
        env[count] = services_env[count];
    append_prefix(env, count);

    snprintf(log, sizeof(log), "%s/ticketctl.log", test_folder());
    remove(log);
    status = end_process(spawn(argv, env, log), /* signal_number= */ 0, RUN_MS);
    file = fopen(log, "re");
    cr_assert(file != NULL);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    fclose(file);
    cr_assert(WIFEXITED(status), "ticketctl ended with %d: %s", status, said);
    return WEXITSTATUS(status);
}
