/*
 * The knife: kills a process, or fails one of its calls, at the nth write that leaves it.
 *
 * It does what `strace -e inject=…:signal=SIGKILL:when=N` does, and is not strace because that
 * counts for each thread and each call by itself: of a service with twenty threads no write could
 * be named by a number. Here all threads' calls are counted together, as they begin; and only what
 * leaves the process counts (sockets and files: a thread that wakes another one tells nobody
 * outside), so that a kill at each number is a kill between any two things the world has seen.
 *
 *   kill     SIGKILL in place of the call
 *   epipe    the connection is shut down before the call, which then fails by itself (EPIPE, and
 *            SIGPIPE for who has not asked to be spared)
 *   reset    the same, but the call fails with ECONNRESET
 *   enospc   the call, into a file, fails with ENOSPC
 *
 * The tracer is a process of its own, between ptrace's stops and a channel on which it is told whom
 * to trace; SIGCHLD, as a descriptor, says that there are stops. What it strikes and what it has
 * counted is in shared memory. It never lets go of a process: those that were traced are ended.
 */
#include "tests/prove/sweep/sweep.h"

#include "common/memory.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 512
#define NOBODY      0

struct tracer {
    struct knife *knife;
    pid_t holder;
    pid_t failing; /* the thread whose call is being failed, until it returns; 0: none */
    int error;     /* with this */
};

static const struct {
    long number;
    const char *name;
} writes[] = {
    {SYS_write, "write"},       {SYS_writev, "writev"}, {SYS_pwrite64, "pwrite"},
    {SYS_pwritev, "pwritev"},   {SYS_sendto, "sendto"}, {SYS_sendmsg, "sendmsg"},
    {SYS_sendmmsg, "sendmmsg"}, {SYS_fsync, "fsync"},   {SYS_fdatasync, "fdatasync"},
};

static enum way way_of_harm(enum harm harm)
{
    return harm == HARM_ENOSPC ? WAY_FILE : WAY_SOCKET;
}

int knife_calls(const struct knife *knife, enum harm harm)
{
    if (harm == HARM_KILL)
        return atomic_load(&knife->calls[WAY_SOCKET]) + atomic_load(&knife->calls[WAY_FILE]);
    return atomic_load(&knife->calls[way_of_harm(harm)]);
}

/* ---- at a system call ---- */

/* Our own copy of its descriptor; -1 where it is gone. */
static int borrow_descriptor(pid_t pid, int fd)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int copy = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);

    if (process >= 0)
        close(process);
    return copy;
}

static int port_of(int (*end)(int, struct sockaddr *, socklen_t *), int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);

    return end(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin_port) : 0;
}

/* Who is at the other end of `pid`'s descriptor. */
static const char *name_peer(const struct knife *knife, pid_t pid, int fd)
{
    int copy = borrow_descriptor(pid, fd), local = port_of(getsockname, copy),
        remote = port_of(getpeername, copy);

    close(copy);
    for (int part = 0; part < PART_COUNT; part++) {
        if (local == knife->ports[part])
            return "a client";
        if (remote == knife->ports[part])
            return part_name(part);
    }
    return remote == knife->stripe_port ? "Stripe" : "somebody";
}

static void cut_connection(pid_t pid, int fd)
{
    int copy = borrow_descriptor(pid, fd);

    shutdown(copy, SHUT_RDWR);
    close(copy);
}

/* Sockets and files; false for what stays inside. */
static bool leaves_process(pid_t pid, int fd, enum way *ret_way)
{
    char path[64], target[256];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    length = readlink(path, target, sizeof(target) - 1);
    target[length < 0 ? 0 : length] = '\0';
    *ret_way = strncmp(target, "socket:", 7) == 0 ? WAY_SOCKET : WAY_FILE;
    return *ret_way == WAY_SOCKET || (target[0] == '/' && strncmp(target, "/dev/null", 9) != 0);
}

/* Skip the call that begins, or let the one that returns have failed. */
static void set_registers(pid_t thread, bool skip_call, int error)
{
#if defined(__x86_64__)
    struct user_regs_struct registers;

    if (ptrace(PTRACE_GETREGS, thread, NULL, &registers) < 0)
        return; /* it was killed meanwhile */
    if (skip_call)
        registers.orig_rax = (unsigned long long)-1;
    else
        registers.rax = (unsigned long long)-error;
    ptrace(PTRACE_SETREGS, thread, NULL, &registers);
#else /* "reset" is another "epipe" there, "enospc" is nothing */
    (void)thread;
    (void)skip_call;
    (void)error;
#endif
}

static void strike(struct tracer *tracer, pid_t thread, pid_t pid, int fd)
{
    struct knife *knife = tracer->knife;
    enum harm harm = (enum harm)atomic_load(&knife->harm);

    if (harm == HARM_KILL)
        kill(pid, SIGKILL);
    if (harm == HARM_EPIPE || harm == HARM_RESET)
        cut_connection(pid, fd);
    if (harm == HARM_RESET || harm == HARM_ENOSPC) {
        tracer->failing = thread;
        tracer->error = harm == HARM_RESET ? ECONNRESET : ENOSPC;
        set_registers(thread, true, /* error= */ 0);
    }
    atomic_store(&knife->struck, true);
}

static void on_write(struct tracer *tracer, pid_t thread, const char *call, int fd)
{
    struct knife *knife = tracer->knife;
    pid_t pid = getpgid(thread); /* each of the parts leads a group of its own */
    enum way way;

    if (pid != atomic_load(&knife->watched) || atomic_load(&knife->struck) ||
        !leaves_process(pid, fd, &way))
        return;
    atomic_fetch_add(&knife->calls[way], 1);
    if (atomic_load(&knife->nth) == 0 ||
        knife_calls(knife, (enum harm)atomic_load(&knife->harm)) != atomic_load(&knife->nth) ||
        (atomic_load(&knife->harm) != HARM_KILL &&
         way != way_of_harm((enum harm)atomic_load(&knife->harm))))
        return;
    if (way == WAY_FILE)
        snprintf(knife->where, sizeof(knife->where), "%s into a file", call);
    else
        snprintf(knife->where, sizeof(knife->where), "%s to %s", call, name_peer(knife, pid, fd));
    strike(tracer, thread, pid, fd);
}

static void on_system_call(struct tracer *tracer, pid_t thread)
{
    struct __ptrace_syscall_info info = {0};

    if (atomic_load(&tracer->knife->watched) == 0 && tracer->failing == 0)
        return;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) < 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && thread == tracer->failing) {
        set_registers(thread, false, tracer->error);
        tracer->failing = 0;
    }
    for (size_t i = 0; info.op == PTRACE_SYSCALL_INFO_ENTRY && i < ARRAY_LENGTH(writes); i++)
        if ((long)info.entry.nr == writes[i].number)
            on_write(tracer, thread, writes[i].name, (int)info.entry.args[0]);
}

/* ---- the tracer ---- */

/* Let a stopped thread go on, as its stop asks for. */
static void go_on(struct tracer *tracer, pid_t thread, int status)
{
    int signal_number = WSTOPSIG(status), event = status >> 16;

    if (signal_number == (SIGTRAP | 0x80)) {
        on_system_call(tracer, thread);
        signal_number = 0;
    } else if (event == PTRACE_EVENT_STOP && signal_number != SIGTRAP) {
        ptrace(PTRACE_LISTEN, thread, NULL, NULL); /* SIGSTOP: until SIGCONT */
        return;
    } else if (event != 0) {
        signal_number = 0;
    }
    ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(intptr_t)signal_number);
}

static size_t seize_new(pid_t pid, pid_t *threads, size_t count)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
    char path[32];
    struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    folder = opendir(path);
    while (folder && (entry = readdir(folder)) && count < THREADS_MAX) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        if (thread > 0 && ptrace(PTRACE_SEIZE, thread, NULL, (void *)options) == 0)
            threads[count++] = thread;
    }
    if (folder)
        closedir(folder);
    return count;
}

/* Threads that are begun meanwhile by one that is traced are so by themselves. False where it
 * cannot be traced. */
static bool seize(struct tracer *tracer, pid_t pid)
{
    pid_t threads[THREADS_MAX];
    size_t count = 0, before;

    do {
        before = count;
        count = seize_new(pid, threads, count);
    } while (count > before);
    for (size_t i = 0; i < count; i++)
        ptrace(PTRACE_INTERRUPT, threads[i], NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        int status; /* of its first stop, whichever that is: one may take the other's place */

        if (waitpid(threads[i], &status, __WALL) == threads[i] && WIFSTOPPED(status))
            go_on(tracer, threads[i], status);
    }
    return count > 0;
}

static void look_at_stops(struct tracer *tracer)
{
    pid_t thread;
    int status;

    while ((thread = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        if (WIFSTOPPED(status))
            go_on(tracer, thread, status);
        else if (thread == tracer->holder)
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
    }
}

__attribute__((noreturn)) static void trace(struct tracer *tracer, int channel, int stops)
{
    struct pollfd ready[] = {{.fd = stops, .events = POLLIN}, {.fd = channel, .events = POLLIN}};
    struct signalfd_siginfo told;
    bool done;
    pid_t pid;

    for (;;) {
        look_at_stops(tracer);
        poll(ready, ARRAY_LENGTH(ready), -1);
        while (read(stops, &told, sizeof(told)) > 0)
            continue;
        if (ready[1].revents == 0)
            continue;
        if (recv(channel, &pid, sizeof(pid), 0) == sizeof(pid)) {
            done = pid == NOBODY || seize(tracer, pid);
            send(channel, &done, sizeof(done), MSG_NOSIGNAL);
        } else { /* the holder is ending, which its status will tell */
            ready[1].fd = -1;
        }
    }
}

struct knife *knife_draw(void)
{
    struct knife *knife =
        mmap(NULL, sizeof(*knife), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct tracer tracer = {.knife = knife};
    pid_t self = getpid();
    sigset_t children;
    int channel[2];

    cr_assert(knife != MAP_FAILED &&
              socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0);
    knife->channel = channel[0];
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    tracer.holder = fork();
    cr_assert_geq(tracer.holder, 0, "cannot fork: %s", strerror(errno));
    if (tracer.holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self)
            _exit(EXIT_FAILURE);
        close(channel[1]);
        return knife;
    }
    close(channel[0]);
    sigprocmask(SIG_BLOCK, &children, NULL);
    trace(&tracer, channel[1], signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC));
}

/* ---- its holder ---- */

void knife_hold(struct knife *knife, pid_t pid)
{
    bool done;

    cr_assert(send(knife->channel, &pid, sizeof(pid), MSG_NOSIGNAL) == sizeof(pid) &&
                  recv(knife->channel, &done, sizeof(done), 0) == sizeof(done),
              "the tracer is gone");
    cr_assert(done, "process %d cannot be traced: does this machine allow ptrace?", (int)pid);
}

void knife_set(struct knife *knife, pid_t pid, enum harm harm, int nth)
{
    knife_rest(knife);
    atomic_store(&knife->struck, false);
    for (int way = 0; way < WAY_COUNT; way++)
        atomic_store(&knife->calls[way], 0);
    atomic_store(&knife->harm, (int)harm);
    atomic_store(&knife->nth, nth);
    atomic_store(&knife->watched, pid);
}

void knife_rest(struct knife *knife)
{
    atomic_store(&knife->watched, 0);
    knife_hold(knife, NOBODY); /* once it answers, it has ended what it was at */
}
