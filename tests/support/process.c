/*
 * Processes that a test starts, and what it has in memory (/dev/shm).
 *
 * A test may end by a failed assertion, a crash, a sanitizer's report or its runner's SIGKILL, so
 * it cannot be trusted to tidy up. A janitor does: a small shell process that reads from a pipe
 * whose other end only the test holds. It is told of each process group that was started, and when
 * the pipe closes, for whatever reason, it kills those groups and removes the test's folder (having
 * copied the logs to the folder TEST_LOGS, if that is set). Each process leads a group of its own,
 * so that nginx's workers go with their master.
 *
 * Ports are taken from below the kernel's ephemeral range, where no outgoing connection can take
 * them in between, and are claimed among all test processes by holding an abstract socket each.
 */
#include "tests/support/process.h"

#include "common/instant.h"
#include "common/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_FIRST 10000
#define PORT_LAST  29999

static const char janitor_script[] =
    "pids=' '\n"
    "while read -r line; do\n"
    "    case $line in\n"
    "    +*) pids=\"$pids-${line#+} \" ;;\n"
    "    -*) pids=\"${pids%%\" $line \"*} ${pids#*\" $line \"}\" ;;\n"
    "    esac\n"
    "done\n"
    "for pid in $pids; do kill -s KILL -- $pid; done\n"
    "[ -z \"$TEST_LOGS\" ] || cp \"$1\"/*.log \"$TEST_LOGS\"\n"
    "rm -rf \"$1\"\n";

static int janitor_pipe = -1; /* the write end; -1 before the first process or folder */
static char folder[64];

/* exec in the child of a fork; only what is safe after a fork of a threaded process. */
__attribute__((noreturn)) static void become(const char *program, const char *const *argv,
                                             char *const *env, int input, int output)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(input, STDIN_FILENO);
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
    }
    close_range(3, ~0U, 0); /* Criterion's own pipes are inherited otherwise, and kept open */
    execvpe(program, (char *const *)(uintptr_t)argv, env);
    _exit(127);
}

static void hire_janitor(void)
{
    const char *argv[] = {"sh", "-c", janitor_script, "sh", folder, NULL};
    int ends[2], nothing;
    pid_t pid;

    if (janitor_pipe >= 0)
        return;

    snprintf(folder, sizeof(folder), "/dev/shm/ticketing-tests-%d", (int)getpid());
    nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || pipe2(ends, O_CLOEXEC) < 0 || (mkdir(folder, 0700) < 0 && errno != EEXIST))
        cr_assert_fail("cannot make %s: %s", folder, strerror(errno));

    pid = fork();
    if (pid == 0) {
        setsid(); /* out of reach of a ^C that ends the test */
        become("/bin/sh", argv, environ, ends[0], nothing);
    }
    cr_assert_geq(pid, 0, "cannot fork: %s", strerror(errno));
    close(ends[0]);
    close(nothing);
    janitor_pipe = ends[1];
}

static void tell_janitor(char sign, pid_t pid)
{
    char line[16];
    int length = snprintf(line, sizeof(line), "%c%d\n", sign, (int)pid);

    if (write(janitor_pipe, line, (size_t)length) != length)
        cr_assert_fail("the janitor is gone");
}

const char *test_folder(void)
{
    hire_janitor();
    return folder;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void remove_folder(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        cr_assert_fail("cannot remove %s: %s", path, strerror(errno));
}

/* environ with `env` put before and over it. Caller frees the array; its texts are borrowed. */
static const char **merge_environment(const char *const *env)
{
    const char **merged;
    size_t own = 0, all = 0, count = 0;

    while (env && env[own])
        own++;
    while (environ[all])
        all++;
    merged = xcalloc(own + all + 1, sizeof(*merged));
    for (size_t i = 0; i < own; i++)
        merged[count++] = env[i];
    for (size_t i = 0; i < all; i++) {
        size_t name = strcspn(environ[i], "=") + 1, j = 0;

        while (j < own && strncmp(env[j], environ[i], name) != 0)
            j++;
        if (j == own)
            merged[count++] = environ[i];
    }
    return merged;
}

pid_t spawn(const char *const *argv, const char *const *env, const char *log)
{
    const char **merged;
    int nothing, output = -1;
    pid_t pid;

    hire_janitor();
    merged = merge_environment(env);
    nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (log) {
        output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        cr_assert_geq(output, 0, "cannot open %s: %s", log, strerror(errno));
    }

    pid = fork();
    if (pid == 0) { /* before any assertion: one takes locks that another thread may have held */
        setpgid(0, 0);
        become(argv[0], argv, (char *const *)(uintptr_t)merged, nothing, output);
    }
    cr_assert_geq(pid, 0, "cannot fork: %s", strerror(errno));
    setpgid(pid, pid); /* on both sides: whoever comes first, the group is there after */
    tell_janitor('+', pid);
    close(nothing);
    if (output >= 0)
        close(output);
    free(merged);
    return pid;
}

int end_process(pid_t pid, int signal_number, int64_t timeout_ms)
{
    int64_t deadline = instant_monotonic() + timeout_ms;
    int status = 0;

    if (signal_number == SIGKILL)
        kill(-pid, SIGKILL); /* and its children */
    else
        kill(pid, signal_number);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (instant_monotonic() > deadline) {
            kill(-pid, SIGKILL);
            cr_assert_fail("process %d did not end within %d ms of signal %d", (int)pid,
                           (int)timeout_ms, signal_number);
        }
        poll(NULL, 0, 2);
    }
    kill(-pid, SIGKILL);
    tell_janitor('-', pid);
    return status;
}

bool process_has_ended(pid_t pid, int *ret_status)
{
    if (waitpid(pid, ret_status, WNOHANG) != pid)
        return false;
    tell_janitor('-', pid);
    return true;
}

/* Claim `port` among the test processes: the name goes with the process that holds it. */
static bool claim_port(int port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length, fd;

    length =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "ticketing-port-%d", port);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0)
        return true; /* held, on purpose, until the process ends */
    close(fd);
    return false;
}

static bool port_is_free(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd, r, on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
               sizeof(on)); /* as servers do: TIME_WAIT is free */
    r = bind(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return r == 0;
}

int free_port(void)
{
    static int next;
    int range = PORT_LAST - PORT_FIRST + 1;

    if (next == 0)
        next = (int)(((int64_t)getpid() * 7919) % range); /* processes start far apart */
    for (int i = 0; i < range; i++) {
        int port = PORT_FIRST + next;

        next = (next + 1) % range;
        if (port_is_free(port) && claim_port(port))
            return port;
    }
    cr_assert_fail("no free port");
    return -1;
}

/* A connection to a loopback port; -1 where nobody listens. */
static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

bool port_answers(int port)
{
    int fd = connect_to(port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool port_is_ready(int port)
{
    static const char request[] = "GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    char reply[16] = "";
    int fd = connect_to(port);
    bool ready;

    if (fd < 0)
        return false;
    ready = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
            recv(fd, reply, sizeof(reply) - 1, MSG_WAITALL) > 0 &&
            strncmp(reply, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return ready;
}

void print_file(const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");

    while (file && fgets(line, sizeof(line), file))
        fputs(line, stderr);
    if (file)
        fclose(file);
}

const char *find_program(const char *variable, const char *name)
{
    const char *chosen = getenv(variable);
    static char paths[8][64]; /* those found so far; a store may be started many times */
    size_t i = 0;

    if (chosen && *chosen)
        return chosen;
    while (i < ARRAY_LENGTH(paths) && paths[i][0] && strcmp(strrchr(paths[i], '/') + 1, name) != 0)
        i++;
    cr_assert_lt(i, ARRAY_LENGTH(paths));
    snprintf(paths[i], sizeof(paths[i]), ".local/bin/%s", name);
    return access(paths[i], X_OK) == 0 ? paths[i] : name;
}

void eventually(bool (*condition)(void *context), void *context, int64_t timeout_ms,
                const char *what)
{
    int64_t deadline = instant_monotonic() + timeout_ms;
    int pause_ms = 1;

    while (!condition(context)) {
        if (instant_monotonic() > deadline)
            cr_assert_fail("not within %d ms: %s", (int)timeout_ms, what);
        poll(NULL, 0, pause_ms);
        pause_ms = pause_ms < 16 ? pause_ms * 2 : 20;
    }
}

void find_built(const char *name, char *ret_path, size_t size)
{
    const char *chosen = getenv("TEST_BIN");
    char self[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    cr_assert_gt(length, 0, "cannot find this program");
    self[length] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(self, '/') = '\0';
    if (chosen && *chosen)
        snprintf(ret_path, size, "%s/%s", chosen, name);
    else
        snprintf(ret_path, size, "%s/bin/%s", self, name);
    cr_assert_eq(access(ret_path, X_OK), 0, "%s is not built", ret_path);
}
