#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

/*
 * Memory: allocation that cannot fail, scope cleanup, and handing ownership out.
 *
 * An allocation that fails aborts: whatever a peer can size has a limit elsewhere, so running
 * out of memory is a defect or a dying machine, and neither is served by half a reply.
 * All functions may be called from any thread.
 */

#include <stddef.h>

/* Run `function(&variable)` when the variable leaves its scope. (jansson's json_auto_t uses the
 * same word and does not compile beside it: write cleanup(json_decrefp).) */
#define cleanup(function) __attribute__((__cleanup__(function)))

/* The caller must look at the result. */
#define must_check __attribute__((warn_unused_result))

/* The length of an array (not of a pointer). */
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Hand `pointer` out: yields its value and leaves NULL behind, so that its cleanup frees nothing.
 */
#define take(pointer)                           \
    (__extension__({                            \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    }))

/* As malloc, calloc, realloc, strdup, strndup; abort instead of returning NULL. Caller frees. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *pointer, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));

/* A new string, formatted as by printf. Caller frees. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* For cleanup(): frees the pointer that `pointer_to_pointer` points to. */
void freep(void *pointer_to_pointer);

#endif
