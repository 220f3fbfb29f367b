/*
 * Memory: the allocators that abort.
 *
 * Half a reply is worse than a restart: everything is stored before it is answered, so a process
 * that dies for want of memory loses nothing, while one that goes on with a NULL would take a path
 * that no test ever took. A size of 0 gives one byte, so that a result is never NULL.
 */

#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Says why and aborts. Nothing here may allocate, so not even the log is asked. */
static void __attribute__((noreturn, cold)) out_of_memory(void)
{
    static const char text[] = "out of memory\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)written;
    abort();
}

void *xmalloc(size_t size)
{
    void *pointer = malloc(size == 0 ? 1 : size);

    if (pointer == NULL)
        out_of_memory();
    return pointer;
}

void *xcalloc(size_t count, size_t size)
{
    void *pointer = count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);

    if (pointer == NULL)
        out_of_memory();
    return pointer;
}

void *xrealloc(void *pointer, size_t size)
{
    void *moved = realloc(pointer, size == 0 ? 1 : size);

    if (moved == NULL)
        out_of_memory();
    return moved;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, SIZE_MAX);
}

char *xstrndup(const char *text, size_t length)
{
    size_t copied = strnlen(text, length);
    char *copy = xmalloc(copied + 1);

    memcpy(copy, text, copied);
    copy[copied] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        out_of_memory();
    return text;
}

void freep(void *pointer_to_pointer)
{
    void *pointer;

    /* A copy of the bytes: what it points to is a char *, a struct x *, … but never a void *. */
    memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
    free(pointer);
}
