/*
 * audit: is any promise broken?
 *
 * What is under way looks broken for a moment, so the auditor looks again, once a second, until
 * everything has settled or its time is up, and reports what it still finds then.
 */

#include "ticketctl/audit.h"
#include "ticketctl/ticketctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int audit_look(struct tool *tool, struct world *world, struct rows *ret_findings)
{
    int r;

    world_init(world);
    r = audit_read(tool, world);
    if (r == 0)
        *ret_findings = audit_check(world);
    return r;
}

void audit_write_findings(const struct rows *findings, size_t most, struct writer *out)
{
    write_array_begin(out, "findings");
    for (size_t i = 0; i < findings->count && i < most; i++) {
        const struct finding *finding = rows_at(findings, i);

        write_object_begin(out, NULL);
        write_text(out, "promise", finding->promise);
        write_text(out, "text", finding->text);
        write_object_end(out);
    }
    write_array_end(out);
}

static void print_json(const struct world *world, const struct rows *findings)
{
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    write_object_begin(&out, NULL);
    write_int(&out, "tickets", (int64_t)world->tickets.count);
    write_int(&out, "orders", (int64_t)world->orders.count);
    write_int(&out, "payments", (int64_t)world->payments.count);
    write_int(&out, "events", (int64_t)world->events.count);
    write_int(&out, "intents", (int64_t)world->intents.count);
    write_bool(&out, "stripe", world->with_stripe);
    audit_write_findings(findings, findings->count, &out);
    write_object_end(&out);
    puts(writer_text(&out));
}

static void print_text(const struct world *world, const struct rows *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = rows_at(findings, i);

        fprintf(stdout, "%s broken: %s\n", finding->promise, finding->text);
    }
    fprintf(stdout,
            "%zu tickets, %zu orders, %zu payments, %zu events, %zu intents%s: %zu broken\n",
            world->tickets.count, world->orders.count, world->payments.count, world->events.count,
            world->intents.count, world->with_stripe ? "" : " (STRIPE_KEY not set: ledger unread)",
            findings->count);
}

/* One look. Returns the exit code; with `last` it is printed. */
static int look(struct tool *tool, bool last)
{
    struct world world;
    struct rows findings = {0};
    int code;

    if (audit_look(tool, &world, &findings) < 0) {
        world_release(&world);
        if (last)
            fputs("ticketctl: the audit could not read everything\n", stderr);
        return EXIT_UNABLE;
    }
    code = findings.count == 0 ? EXIT_FINE : EXIT_FOUND;
    if (code == EXIT_FINE || last) {
        if (tool->json)
            print_json(&world, &findings);
        else
            print_text(&world, &findings);
    }
    rows_release(&findings);
    world_release(&world);
    return code;
}

int command_audit(struct tool *tool, int argc, char **argv)
{
    long wait_s = AUDIT_SETTLE_MS / 1000;
    int64_t until_ms;
    char *end = NULL;

    if (argc == 3 && strcmp(argv[1], "--wait") == 0)
        wait_s = strtol(argv[2], &end, 10);
    if ((argc != 1 && end == NULL) || (end != NULL && *end != '\0') || wait_s < 0) {
        fputs("usage: ticketctl audit [--wait SECONDS]\n", stderr);
        return EXIT_UNABLE;
    }
    until_ms = instant_monotonic() + wait_s * 1000;
    for (;;) {
        struct timespec second = {.tv_sec = 1};
        bool last = instant_monotonic() >= until_ms;
        int code = look(tool, last);

        if (code == EXIT_FINE || last)
            return code;
        nanosleep(&second, NULL);
    }
}
