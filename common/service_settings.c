/*
 * The settings that all services share.
 *
 * A service without routes has no sessions and is not asked for their key. Where a default depends
 * on the service (its port, its database) the table is filled in for it.
 */

#include "common/service_private.h"

#include "common/log.h"

#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenTelemetry's names, so that what sets them for others sets them here. */
#define OTLP_ENDPOINT "OTEL_EXPORTER_OTLP_ENDPOINT"
#define SAMPLER_ARG   "OTEL_TRACES_SAMPLER_ARG"

#define PLACE(field) offsetof(struct core_settings, field)

/* clang-format off */
/*   variable                type            default                                      where it goes                 least most   meaning */
static const struct setting shared[] = {
    {"MONGO_URI",            SETTING_SECRET, "mongodb://127.0.0.1:27017/?replicaSet=rs0", PLACE(mongo_uri),             1, 4096,     "MongoDB, a replica set"},
    {"MONGO_DATABASE",       SETTING_TEXT,   "",                                          PLACE(mongo_database),        1, 63,       "the service's own database"},
    {"NATS_URL",             SETTING_TEXT,   "nats://127.0.0.1:4222",                     PLACE(nats_url),              1, 4096,     "NATS with JetStream; several with commas"},
    {"ADDRESS",              SETTING_TEXT,   "127.0.0.1",                                 PLACE(address),               1, 64,       "address to listen on; 0.0.0.0 or :: for all"},
    {"PORT",                 SETTING_INT,    "",                                          PLACE(port),                  0, 65535,    "port to listen on; 0 for any free one"},
    {"HTTP_WORKERS",         SETTING_INT,    "32",                                        PLACE(http_workers),          1, 512,      "threads that run requests"},
    {"HTTP_LOOPS",           SETTING_INT,    "1",                                         PLACE(http_loops),            1, 16,       "threads that read and write connections"},
    {"LISTENER_WORKERS",     SETTING_INT,    "8",                                         PLACE(listener_workers),      1, 128,      "threads that handle events"},
    {"STREAM_REPLICAS",      SETTING_INT,    "1",                                         PLACE(stream_replicas),       1, 5,        "least number of NATS servers that keep each stream"},
    {"LOG_LEVEL",            SETTING_TEXT,   "info",                                      PLACE(log_level),             1, 16,       "least level that is logged: debug, info, warning or error"},
    {"INSTANCE",             SETTING_TEXT,   "",                                          PLACE(instance),              0, 32,       "told apart in the log where several run"},
    {OTLP_ENDPOINT,          SETTING_TEXT,   "",                                          PLACE(otlp_endpoint),         0, 1024,     "collector that is told of traces, by OTLP over HTTP"},
    {SAMPLER_ARG,            SETTING_TEXT,   "1",                                         PLACE(trace_ratio),           1, 16,       "part of the new traces that is told, from 0 to 1"},
};

static const struct setting sessions[] = {
    {"JWT_KEY",              SETTING_SECRET, NULL,                                        PLACE(jwt_key),               1, 1024,     "key that signs sessions, the same in all services"},
    {"JWT_KEY_OTHER",        SETTING_SECRET, "",                                          PLACE(jwt_key_other),         0, 1024,     "another key that is believed, while keys are changed"},
    {"SESSION_COOKIE",       SETTING_TEXT,   "session",                                   PLACE(session_cookie),        1, 64,       "name of the session's cookie"},
    {"JWT_SECONDS",          SETTING_INT,    "900",                                       PLACE(jwt_seconds),           2, 518400,   "how long a session lives; at most 6 days"},
    {"COOKIE_SECURE",        SETTING_BOOL,   "true",                                      PLACE(cookie_secure),         0, 0,        "cookies over https only"},
    {"ALLOW_WEAK_JWT_KEY",   SETTING_BOOL,   "false",                                     PLACE(allow_weak_jwt_key),    0, 0,        "take a key below 32 bytes (tests of the course)"},
    {"ALLOW_UNEXPIRING_JWT", SETTING_BOOL,   "false",                                     PLACE(allow_unexpiring_jwt),  0, 0,        "take tokens without exp, iss and role (tests of the course)"},
};
/* clang-format on */

_Static_assert(ARRAY_LENGTH(shared) + ARRAY_LENGTH(sessions) <= SERVICE_SETTINGS_MAX,
               "the table has room for all");

/* Who has no database and hears nothing needs no settings for that. */
static bool is_for_onlookers(const struct setting *setting)
{
    return setting->offset != PLACE(mongo_database) && setting->offset != PLACE(listener_workers) &&
           setting->offset != PLACE(stream_replicas);
}

void service_settings_fill(const struct service *service, struct service_settings *ret_settings)
{
    struct service_settings *settings = ret_settings;

    settings->count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(shared); i++)
        if (!service->onlooker || is_for_onlookers(&shared[i]))
            settings->rows[settings->count++] = shared[i];
    if (service->route_count > 0) {
        memcpy(settings->rows + settings->count, sessions, sizeof(sessions));
        settings->count += ARRAY_LENGTH(sessions);
    }
    snprintf(settings->port, sizeof(settings->port), "%d", (int)service->port);
    for (size_t i = 0; i < settings->count; i++) {
        if (settings->rows[i].offset == PLACE(mongo_database))
            settings->rows[i].fallback = service->name;
        if (settings->rows[i].offset == PLACE(port))
            settings->rows[i].fallback = settings->port;
    }
}

/* Also "", which the table has refused. */
static bool has_scheme(const char *url, const char *scheme, const char *other)
{
    return url[0] == '\0' || strncmp(url, scheme, strlen(scheme)) == 0 ||
           strncmp(url, other, strlen(other)) == 0;
}

static bool is_address(const char *text)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;

    if (getaddrinfo(text, NULL, &hints, &found) != 0)
        return false;
    freeaddrinfo(found);
    return true;
}

/* A cookie's name (RFC 6265) that is not the refresh token's. */
static bool is_cookie_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f ||
            strchr("()<>@,;:\\\"/[]?={}", *c) != NULL)
            return strcmp(text, "express:sess") == 0; /* the course's, whose colon all let pass */
    return strcmp(text, "refresh") != 0;
}

bool service_read_ratio(const char *text, double *ret_ratio)
{
    char *end;
    double ratio = strtod(text, &end);

    if (*text < '0' || *text > '9' || text[strspn(text, "0123456789.")] != '\0' || *end != '\0' ||
        ratio > 1)
        return false;
    *ret_ratio = ratio;
    return true;
}

static void check_traces(const struct core_settings *settings, struct writer *problems)
{
    double ratio;

    if (!has_scheme(settings->otlp_endpoint, "http://", "https://"))
        write_format(problems, OTLP_ENDPOINT ": must begin with http:// or https://\n");
    if (settings->trace_ratio[0] != '\0' && !service_read_ratio(settings->trace_ratio, &ratio))
        write_format(problems, SAMPLER_ARG ": must be a number from 0 to 1\n");
}

static void check_key(const struct core_settings *settings, const char *name, const char *key,
                      struct writer *problems)
{
    if (key[0] != '\0' && !settings->allow_weak_jwt_key && strlen(key) < SESSION_KEY_MIN_BYTES)
        write_format(problems, "%s: must have at least %d bytes\n", name, SESSION_KEY_MIN_BYTES);
}

static void check_sessions(const struct core_settings *settings, struct writer *problems)
{
    check_key(settings, "JWT_KEY", settings->jwt_key, problems);
    check_key(settings, "JWT_KEY_OTHER", settings->jwt_key_other, problems);
    if (settings->jwt_key[0] != '\0' && strcmp(settings->jwt_key, settings->jwt_key_other) == 0)
        write_format(problems, "JWT_KEY_OTHER: must be another than JWT_KEY\n");
    if (!is_cookie_name(settings->session_cookie))
        write_format(problems, "SESSION_COOKIE: must be a cookie's name, and not refresh\n");
}

void service_settings_check(const struct service *service, const struct core_settings *settings,
                            struct writer *problems)
{
    if (!has_scheme(settings->mongo_uri, "mongodb://", "mongodb+srv://"))
        write_format(problems, "MONGO_URI: must begin with mongodb:// or mongodb+srv://\n");
    if (!service->onlooker &&
        settings->mongo_database[strcspn(settings->mongo_database, "/\\. \"$*<>:|?")] != '\0')
        write_format(problems, "MONGO_DATABASE: must have none of / \\ . \" $ * < > : | ?\n");
    if (!has_scheme(settings->nats_url, "nats://", "tls://"))
        write_format(problems, "NATS_URL: must begin with nats:// or tls://\n");
    if (settings->address[0] != '\0' && !is_address(settings->address))
        write_format(problems, "ADDRESS: must be an IP address\n");
    if (log_level_parse(settings->log_level) < 0)
        write_format(problems, "LOG_LEVEL: must be debug, info, warning or error\n");
    check_traces(settings, problems);
    if (service->route_count > 0)
        check_sessions(settings, problems);
}
