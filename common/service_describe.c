/*
 * What a service is, told from its tables: --describe as JSON, --help for people. The documents are
 * compared with it (make check-docs), so that they follow from the code.
 */

#include "common/service_private.h"

#include "common/bans.h"
#include "common/copy.h"

static const char *access_name(enum http_access access)
{
    static const char *const names[] = {
        [PUBLIC] = "public", [SIGNED_IN] = "signed in", [ADMIN] = "admin"};

    return names[access];
}

static void describe_routes(const struct http_route *routes, size_t count, struct writer *out)
{
    static const struct {
        int flag;
        const char *name;
    } flags[] = {
        {HTTP_INLINE, "inline"},     {HTTP_IDEMPOTENT, "idempotent"},
        {HTTP_BODY, "body"},         {HTTP_RAW_BODY, "raw body"},
        {HTTP_INTERNAL, "internal"}, {HTTP_MAYBE_BODY, "maybe body"},
        {HTTP_STREAM, "stream"},
    };

    for (size_t i = 0; i < count; i++) {
        write_object_begin(out, NULL);
        write_text(out, "method", routes[i].method);
        write_text(out, "path", routes[i].path);
        write_text(out, "access", access_name(routes[i].access));
        write_array_begin(out, "flags");
        for (size_t j = 0; j < ARRAY_LENGTH(flags); j++)
            if (routes[i].flags & flags[j].flag)
                write_text(out, NULL, flags[j].name);
        write_array_end(out);
        write_object_end(out);
    }
}

static void describe_events(const struct service *service, struct writer *out)
{
    write_array_begin(out, "hears");
    for (size_t i = 0; i < service->listener_count; i++) {
        const struct event_listener *listener = &service->listeners[i];

        write_object_begin(out, NULL);
        write_text(out, "event", event_info(listener->event)->subject);
        write_text(out, "durable", listener->durable);
        if (listener->copy != NULL)
            write_text(out, "copy", listener->copy->collection);
        write_object_end(out);
    }
    write_array_end(out);
    write_array_begin(out,
                      "watches"); /* without a durable; by who has sessions (service_start.c) */
    for (size_t i = 0; i < BANS_WATCHED_COUNT && service->route_count > 0; i++)
        write_text(out, NULL, event_info(bans_watched[i])->subject);
    write_array_end(out);
    if (service->feed != NULL)
        write_text(out, "streams", service->feed->name);
    write_array_begin(out, "says");
    for (size_t i = 0; i < service->says_count; i++)
        write_text(out, NULL, event_info(service->says[i])->subject);
    write_array_end(out);
}

static void describe_stores(const struct service *service, struct writer *out)
{
    write_array_begin(out, "indexes");
    for (size_t i = 0; i < service->index_count; i++) {
        write_object_begin(out, NULL);
        write_text(out, "collection", service->indexes[i].collection);
        write_text(out, "name", service->indexes[i].name);
        write_object_end(out);
    }
    write_array_end(out);
    write_array_begin(out, "aggregates");
    for (size_t i = 0; i < service->aggregate_count; i++)
        write_text(out, NULL, service->aggregates[i].collection);
    write_array_end(out);
    write_array_begin(out, "jobs");
    for (size_t i = 0; i < service->job_count; i++) {
        write_object_begin(out, NULL);
        write_text(out, "name", service->jobs[i].name);
        write_int(out, "periodMs", service->jobs[i].period_ms);
        write_text(out, "meaning", service->jobs[i].meaning);
        write_object_end(out);
    }
    write_array_end(out);
}

void service_describe(const struct service *service, struct writer *out)
{
    struct service_settings shared;

    service_settings_fill(service, &shared);
    write_object_begin(out, NULL);
    write_text(out, "name", service->name);
    write_text(out, "motto", service->motto);
    write_int(out, "port", service->port);
    settings_describe(service->settings, service->setting_count, "settings", out);
    settings_describe(shared.rows, shared.count, "sharedSettings", out);
    write_array_begin(out, "routes");
    describe_routes(service->routes, service->route_count, out);
    describe_routes(service_health_routes, SERVICE_HEALTH_ROUTES, out);
    write_array_end(out);
    describe_events(service, out);
    describe_stores(service, out);
    write_object_end(out);
}

void service_help(const struct service *service, struct writer *out)
{
    struct service_settings shared;

    service_settings_fill(service, &shared);
    write_format(out, "%s: %s\n\n", service->name, service->motto);
    write_format(out, "usage: %s [--describe | --help | --version]\n\n", service->name);
    write_format(out,
                 "Without an argument it runs, until SIGTERM or SIGINT. Its settings come from "
                 "the environment:\n");
    settings_help(service->settings, service->setting_count, out);
    settings_help(shared.rows, shared.count, out);
}
