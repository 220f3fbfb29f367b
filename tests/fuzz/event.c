/*
 * An event: its subject, and behind a newline its body. What is decoded is said again by encoding
 * it: the same event, byte for byte the second time.
 */
#include "common/event.h"
#include "common/fail.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    cleanup(freep) char *subject = NULL;
    cleanup(writer_release) struct writer once = {0}, twice = {0};
    const char *reason = NULL;
    struct event event, again;
    int r;

    if (end == NULL)
        return 0;
    subject = xstrndup((const char *)data, (size_t)(end - data));
    r = event_decode(subject, (const char *)end + 1, size - (size_t)(end + 1 - data), &event,
                     &reason);
    require(r == 0 || (r == INVALID && reason != NULL));
    if (r != 0)
        return 0;
    writer_init(&once);
    writer_init(&twice);
    event_encode(&event, &once);
    require(event_decode(subject, writer_text(&once), once.length, &again, &reason) == 0);
    event_encode(&again, &twice);
    require(strcmp(writer_text(&once), writer_text(&twice)) == 0);
    require(event.version >= 0 && again.version == event.version);
    return 0;
}
