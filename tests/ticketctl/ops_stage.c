/*
 * The stage for `ticketctl serve`: the program itself, on this test's stores and databases.
 */

#include "tests/ticketctl/ops_stage.h"

#include "common/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENV_MAX 16

static struct one_service current;
static struct store *stores[OWNER_COUNT];

static void close_stores(void)
{
    for (size_t i = 0; i < ARRAY_LENGTH(stores); i++)
        if (stores[i] != NULL) {
            store_thread_done(stores[i]);
            stores[i] = store_free(stores[i]);
        }
}

struct one_service given_ops(const char *const *env)
{
    char prefix[96], redis[128];
    const char *all[ENV_MAX + 1] = {NULL};
    size_t count = 0;

    for (; env != NULL && env[count] != NULL && count < ENV_MAX - 3; count++)
        all[count] = env[count];
    snprintf(prefix, sizeof(prefix), "DATABASE_PREFIX=%s", given_database());
    snprintf(redis, sizeof(redis), "REDIS_URL=%s", given_redis());
    all[count++] = prefix;
    all[count++] = redis;
    all[count++] = "AUDIT_SECONDS=0";
    current = given_one_service("ticketctl serve", all);
    sign_as(OPS_ADMIN, ROLE_ADMIN);
    return current;
}

struct one_service given_watched(const char *name)
{
    char database[96], redis[128];
    const char *env[] = {database, redis, "INSTANCE=7", NULL};
    struct one_service service;

    snprintf(redis, sizeof(redis), "REDIS_URL=%s", given_redis());
    snprintf(database, sizeof(database), "MONGO_DATABASE=%s%s", given_database(), name);
    service = given_one_service(name, env);
    turn_to(&current);
    return service;
}

struct store *store_of(const char *service)
{
    char database[96];
    struct store_config config = {
        .uri = given_mongo(), .database = database, .app_name = "test", .clients_max = 1};
    size_t owner = 0;

    while (strcmp(event_owner_info((enum event_owner)owner)->service, service) != 0)
        owner++;
    if (stores[owner] == NULL) {
        snprintf(database, sizeof(database), "%s%s", given_database(), service);
        atexit(close_stores);
        cr_assert_eq(store_open(&config, &stores[owner]), 0);
    }
    return stores[owner];
}

void insert_into(const char *service, const char *collection, const char *json)
{
    bson_error_t error;
    bson_t *document = bson_new_from_json((const uint8_t *)json, -1, &error);

    cr_assert_not_null(document, "%s: %s", json, error.message);
    cr_assert_eq(store_insert(store_of(service), collection, document, NULL), 0);
    bson_destroy(document);
}

const struct answer *overview(void)
{
    int64_t before_ms = instant_monotonic();
    const struct answer *answer = ask("GET", "/api/ops/overview", NULL);

    expect_status(answer, 200);
    cr_expect_lt(instant_monotonic() - before_ms, OPS_PROMPT_MS, "it took too long: %s",
                 answer->body);
    return answer;
}

const char *away(const struct answer *answer, const char *part)
{
    const char *reason =
        json_string_value(json_object_get(json_object_get(answer->json, "away"), part));

    cr_expect_eq(reason != NULL, json_is_null(json_object_get(answer->json, part)),
                 "a part is null if and only if there is a reason: %s in %s", part, answer->body);
    return reason;
}

const json_t *row_of(const struct answer *answer, const char *part, const char *name,
                     const char *value)
{
    const json_t *rows = json_object_get(answer->json, part), *row;
    size_t i;

    json_array_foreach(rows, i, row) if (strcmp(text_in(row, name), value) == 0) return row;
    return NULL;
}

const char *text_in(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text != NULL ? text : "";
}

double number_in(const json_t *row, const char *name)
{
    const json_t *number = json_object_get(row, name);

    return json_is_number(number) ? json_number_value(number) : -1;
}
