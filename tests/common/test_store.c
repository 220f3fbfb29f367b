/*
 * The store against a real mongod: outcomes, failures and their deadlines, indexes, fields.
 */

#include "common/instant.h"
#include "common/store.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A document {_id: new, email: …}; destroy it. */
static bson_t *person(const char *email)
{
    bson_t *document = bson_new();
    char id[25];

    store_new_id(id);
    store_append_id(document, "_id", id);
    BSON_APPEND_UTF8(document, "email", email);
    return document;
}

static const struct store_index email_index = {"people", "people_email", "{\"email\": 1}",
                                               "{\"unique\": true}"};

static void given_indexes(struct store *store, const struct store_index *indexes, size_t count,
                          struct writer *problems)
{
    cr_assert_eq(store_prepare(store, indexes, count, problems), 0);
}

static int insert_person(struct store *store, const char *email, char *ret_index)
{
    cleanup(bson_freep) bson_t *document = person(email);

    return store_insert(store, "people", document, ret_index);
}

static int64_t count_people(struct store *store, const char *filter)
{
    cleanup(bson_freep) bson_t *query =
        bson_new_from_json((const uint8_t *)filter, -1, /* error= */ NULL);
    int64_t count = -1;

    cr_assert_eq(store_count(store, "people", query, 100, &count), 0);
    return count;
}

static struct store *store_on(const char *uri, int64_t clients_max)
{
    struct store_config config = {
        .uri = uri, .database = given_database(), .app_name = "test", .clients_max = clients_max};
    struct store *store;

    cr_assert_eq(store_open(&config, &store), 0);
    return store;
}

Test(store, what_was_inserted_is_found)
{
    cleanup(bson_freep) bson_t *document = person("ann@example.com");
    cleanup(bson_freep) bson_t *found = NULL;
    struct store *store = given_store();

    cr_assert_eq(store_insert(store, "people", document, NULL), 0);
    cr_assert_eq(store_find(store, "people", document, NULL, &found), 0);
    cr_expect(bson_equal(found, document));
}

Test(store, what_is_not_there_is_not_found)
{
    cleanup(bson_freep) bson_t *document = person("ann@example.com");
    bson_t *found = NULL;

    cr_expect_eq(store_find(given_store(), "people", document, NULL, &found), NOT_FOUND);
    cr_expect_null(found);
}

Test(store, a_conflict_names_its_index)
{
    struct store *store = given_store();
    char index[STORE_INDEX_BYTES] = "";

    given_indexes(store, &email_index, 1, NULL);
    cr_assert_eq(insert_person(store, "ann@example.com", index), 0);
    cr_expect_eq(insert_person(store, "ann@example.com", index), CONFLICT);
    cr_expect_str_eq(index, "people_email");
    cr_expect_eq(count_people(store, "{}"), 1);
}

Test(store, a_conflict_of_the_id_names_the_id_index)
{
    cleanup(bson_freep) bson_t *document = person("ann@example.com");
    struct store *store = given_store();
    char index[STORE_INDEX_BYTES] = "";

    cr_assert_eq(store_insert(store, "people", document, index), 0);
    cr_expect_eq(store_insert(store, "people", document, index), CONFLICT);
    cr_expect_str_eq(index, "_id_");
}

/* People may put anything into a value, also the words around an index's name. */
Test(store, a_conflicting_value_cannot_forge_the_index_name)
{
    struct store *store = given_store();
    char index[STORE_INDEX_BYTES] = "";

    given_indexes(store, &email_index, 1, NULL);
    cr_assert_eq(insert_person(store, "index: other dup key: x", index), 0);
    cr_expect_eq(insert_person(store, "index: other dup key: x", index), CONFLICT);
    cr_expect_str_eq(index, "people_email");
}

Test(store, modify_returns_what_it_is_then_or_what_it_was)
{
    cleanup(bson_freep) bson_t *ann = person("ann@example.com");
    cleanup(bson_freep) bson_t *rename = BCON_NEW("$set", "{", "email", BCON_UTF8("new"), "}");
    cleanup(bson_freep) bson_t *back = BCON_NEW("$set", "{", "email", BCON_UTF8("old"), "}");
    cleanup(bson_freep) bson_t *after = NULL, *before = NULL;
    struct store *store = given_store();
    bson_t all = BSON_INITIALIZER;

    cr_assert_eq(store_insert(store, "people", ann, NULL), 0);
    cr_assert_eq(store_modify(store, "people", ann, rename, NULL, STORE_AFTER, NULL, &after), 0);
    cr_expect_str_eq(store_read_text(after, "email", ""), "new");
    cr_assert_eq(store_modify(store, "people", &all, back, NULL, STORE_BEFORE, NULL, &before), 0);
    cr_expect_str_eq(store_read_text(before, "email", ""), "new");
    cr_expect_eq(count_people(store, "{\"email\": \"old\"}"), 1);
}

Test(store, modify_without_a_match_changes_nothing)
{
    cleanup(bson_freep) bson_t *nobody = person("nobody@example.com");
    cleanup(bson_freep) bson_t *rename = BCON_NEW("$set", "{", "email", BCON_UTF8("new"), "}");
    struct store *store = given_store();
    bson_t *found = NULL;

    cr_expect_eq(store_modify(store, "people", nobody, rename, NULL, STORE_AFTER, NULL, &found),
                 NOT_FOUND);
    cr_expect_null(found);
    cr_expect_eq(count_people(store, "{}"), 0);

    cr_expect_eq(store_modify(store, "people", nobody, rename, NULL, STORE_UPSERT | STORE_BEFORE,
                              NULL, &found),
                 0, "an upsert makes it, and there was nothing before");
    cr_expect_null(found);
    cr_expect_eq(count_people(store, "{}"), 1);
}

Test(store, modify_into_a_unique_index_is_a_conflict)
{
    cleanup(bson_freep) bson_t *bob = person("bob@example.com");
    cleanup(bson_freep) bson_t *rename =
        BCON_NEW("$set", "{", "email", BCON_UTF8("ann@example.com"), "}");
    struct store *store = given_store();
    char index[STORE_INDEX_BYTES] = "";

    given_indexes(store, &email_index, 1, NULL);
    cr_assert_eq(insert_person(store, "ann@example.com", NULL), 0);
    cr_assert_eq(store_insert(store, "people", bob, NULL), 0);
    cr_expect_eq(store_modify(store, "people", bob, rename, NULL, STORE_AFTER, index, NULL),
                 CONFLICT);
    cr_expect_str_eq(index, "people_email");
    cr_expect_eq(store_update(store, "people", bob, rename, false, NULL), CONFLICT);
    cr_expect_eq(count_people(store, "{\"email\": \"bob@example.com\"}"), 1);
}

Test(store, update_and_remove_say_how_many_they_met)
{
    cleanup(bson_freep) bson_t *mark = BCON_NEW("$set", "{", "marked", BCON_BOOL(true), "}");
    struct store *store = given_store();
    bson_t all = BSON_INITIALIZER;
    int64_t count = -1;

    cr_expect_eq(store_update(store, "people", &all, mark, false, &count), 0);
    cr_expect_eq(count, 0, "no match is not an error");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(insert_person(store, "same", NULL), 0);
    cr_expect_eq(store_update(store, "people", &all, mark, false, &count), 0);
    cr_expect_eq(count, 1);
    cr_expect_eq(store_update(store, "people", &all, mark, true, &count), 0);
    cr_expect_eq(count, 3);
    cr_expect_eq(store_remove(store, "people", mark, &count), -EIO, "an update is no filter");
    cr_expect_eq(store_remove(store, "people", &all, &count), 0);
    cr_expect_eq(count, 3);
}

Test(store, count_stops_where_it_is_told)
{
    struct store *store = given_store();
    bson_t all = BSON_INITIALIZER;
    int64_t count = -1;

    for (int i = 0; i < 3; i++)
        cr_assert_eq(insert_person(store, "same", NULL), 0);
    cr_expect_eq(store_count(store, "people", &all, 2, &count), 0);
    cr_expect_eq(count, 2);
}

static int stop_at_second(void *context, const bson_t *document)
{
    int *seen = context;

    cr_expect_str_eq(store_read_text(document, "email", ""), *seen == 0 ? "a" : "b");
    *seen += 1;
    return *seen == 2 ? REFUSED : 0;
}

Test(store, each_goes_in_order_and_stops_when_told)
{
    cleanup(bson_freep) bson_t *sorted = BCON_NEW("sort", "{", "email", BCON_INT32(1), "}");
    struct store *store = given_store();
    bson_t all = BSON_INITIALIZER;
    int seen = 0;

    cr_assert_eq(insert_person(store, "b", NULL), 0);
    cr_assert_eq(insert_person(store, "a", NULL), 0);
    cr_assert_eq(insert_person(store, "c", NULL), 0);
    cr_expect_eq(store_each(store, "people", &all, sorted, stop_at_second, &seen), REFUSED);
    cr_expect_eq(seen, 2);
}

static int count_one(void *context, const bson_t *document)
{
    (void)document;
    ++*(int *)context;
    return 0;
}

/* The server counts what a query takes in all; 2 s are enough for a request, and not for a tool. */
Test(store, reading_all_may_take_longer_than_a_request)
{
    cleanup(bson_freep) bson_t *slow =
        BCON_NEW("$where", BCON_UTF8("this.email % 100 == 0 && sleep(300) || true"));
    struct store *store = given_store();
    int seen = 0;

    for (int i = 0; i < 1000; i++) {
        char email[16];

        snprintf(email, sizeof(email), "%d", i);
        cr_assert_eq(insert_person(store, email, NULL), 0);
    }
    cr_assert_eq(store_each(store, "people", slow, NULL, count_one, &seen), -EAGAIN);
    seen = 0;
    cr_assert_eq(store_each_of_all(store, "people", slow, count_one, &seen), 0);
    cr_assert_eq(seen, 1000);
}

Test(store, what_the_server_refuses_is_eio)
{
    cleanup(bson_freep) bson_t *nonsense = BCON_NEW("$nonsense", BCON_INT32(1));
    bson_t *found;

    cr_expect_eq(store_find(given_store(), "people", nonsense, NULL, &found), -EIO);
}

Test(store, one_bulk_gives_each_change_its_own_result)
{
    cleanup(bson_freep) bson_t *ann = person("ann@example.com"), *bob = person("bob@example.com");
    cleanup(bson_freep) bson_t *nobody = BCON_NEW("email", BCON_UTF8("nobody"));
    cleanup(bson_freep) bson_t *mark = BCON_NEW("$set", "{", "marked", BCON_BOOL(true), "}");
    cleanup(bson_freep) bson_t *clash =
        BCON_NEW("$set", "{", "email", BCON_UTF8("ann@example.com"), "}");
    struct store *store = given_store();
    struct store_change changes[] = {
        {.filter = ann, .update = mark, .result = -1},
        {.filter = bob, .update = clash, .result = -1},
        {.filter = nobody, .update = mark, .result = -1},
        {.filter = bob, .update = mark, .upsert = true, .result = -1},
    };
    int64_t matched = -1;

    given_indexes(store, &email_index, 1, NULL);
    cr_assert_eq(store_insert(store, "people", ann, NULL), 0);
    cr_assert_eq(store_insert(store, "people", bob, NULL), 0);
    cr_assert_eq(store_change_all(store, "people", changes, ARRAY_LENGTH(changes), &matched), 0);
    cr_expect_eq(matched, 2, "neither the conflict nor nobody");
    cr_expect_eq(changes[0].result, 0);
    cr_expect_eq(changes[1].result, CONFLICT);
    cr_expect_eq(changes[2].result, 0);
    cr_expect_eq(changes[3].result, 0, "unordered: what follows a conflict is done");
    cr_expect_eq(count_people(store, "{\"marked\": true}"), 2);
    cr_expect_eq(store_change_all(store, "people", changes, 0, NULL), 0, "nothing to do");
}

Test(store, an_index_is_made_once_and_kept)
{
    cleanup(writer_release) struct writer problems = {0};
    struct store *store = given_store();

    writer_init(&problems);
    given_indexes(store, &email_index, 1, &problems);
    given_indexes(store, &email_index, 1, &problems);
    cr_expect_str_eq(writer_text(&problems), "");
}

Test(store, an_index_that_differs_is_one_line)
{
    struct store_index other = email_index;
    cleanup(writer_release) struct writer problems = {0};
    struct store *store = given_store();

    writer_init(&problems);
    given_indexes(store, &email_index, 1, &problems);
    other.options = "{\"sparse\": true}";
    given_indexes(store, &other, 1, &problems);
    other.keys = "{\"email\": 1, \"name\": 1}";
    given_indexes(store, &other, 1, &problems);
    cr_expect_eq(strncmp(writer_text(&problems), "index people_email of people differs: ", 38), 0,
                 "%s", writer_text(&problems));
    cr_expect_not_null(strstr(writer_text(&problems), "\nindex people_email of people differs: "));
}

Test(store, data_that_break_an_index_are_a_problem_not_a_crash)
{
    cleanup(writer_release) struct writer problems = {0};
    struct store *store = given_store();

    writer_init(&problems);
    cr_assert_eq(insert_person(store, "same", NULL), 0);
    cr_assert_eq(insert_person(store, "same", NULL), 0);
    given_indexes(store, &email_index, 1, &problems);
    cr_expect_not_null(strstr(writer_text(&problems), "people_email of people differs"));
}

Test(store, a_uri_that_cannot_be_read_is_refused)
{
    struct store_config config = {
        .uri = "http://nonsense", .database = "x", .app_name = "test", .clients_max = 1};
    struct store *store = NULL;

    cr_expect_eq(store_open(&config, &store), -EINVAL);
    cr_expect_null(store);
}

Test(store, a_store_that_is_away_is_eagain_in_time)
{
    char uri[80];
    struct store *store;
    bson_t all = BSON_INITIALIZER, *found;
    int64_t begun_ms;

    snprintf(uri, sizeof(uri), "mongodb://127.0.0.1:%d/?replicaSet=rs0", free_port());
    store = store_on(uri, 1);
    begun_ms = instant_monotonic();
    cr_expect_eq(store_ping(store, 100), -EAGAIN);
    cr_expect_lt(instant_monotonic() - begun_ms, 1000, "a ping waits no longer than it is told");

    begun_ms = instant_monotonic();
    cr_expect_eq(store_find(store, "people", &all, NULL, &found), -EAGAIN);
    cr_expect_eq(insert_person(store, "ann@example.com", NULL), -EAGAIN);
    cr_expect_leq(instant_monotonic() - begun_ms, 2 * (STORE_SELECT_TIMEOUT_MS + 500));
    store_free(store);
}

Test(store, a_server_that_hangs_is_eagain_within_the_call_timeout)
{
    struct store *store = store_on(given_own_mongo(), 2);
    bson_t all = BSON_INITIALIZER;
    struct store_change change;
    int64_t begun_ms, count;

    cr_assert_eq(store_ping(store, 10000), 0);
    cr_assert_eq(insert_person(store, "ann@example.com", NULL), 0);
    pause_store(GIVEN_MONGO, true);

    begun_ms = instant_monotonic();
    cr_expect_eq(insert_person(store, "bob@example.com", NULL), -EAGAIN);
    cr_expect_leq(instant_monotonic() - begun_ms, STORE_CALL_TIMEOUT_MS + 500);

    begun_ms = instant_monotonic();
    cr_expect_eq(store_count(store, "people", &all, 10, &count), -EAGAIN);
    cr_expect_leq(instant_monotonic() - begun_ms, STORE_CALL_TIMEOUT_MS + 500);

    change = (struct store_change){.filter = &all, .update = &all, .upsert = false, .result = 0};
    BSON_APPEND_INT32(&all, "x", 1);
    cr_expect_eq(store_change_all(store, "people", &change, 1, NULL), -EIO, "not an update at all");
    cr_expect_eq(change.result, -EIO);

    pause_store(GIVEN_MONGO, false);
    cr_expect_eq(store_ping(store, 10000), 0);
    store_free(store);
}

Test(store, a_killed_server_is_found_again)
{
    struct store *store = store_on(given_own_mongo(), 2);
    int64_t begun_ms;

    cr_assert_eq(store_ping(store, 10000), 0);
    cr_assert_eq(insert_person(store, "ann@example.com", NULL), 0);
    kill_store(GIVEN_MONGO);
    begun_ms = instant_monotonic();
    cr_expect_eq(insert_person(store, "bob@example.com", NULL), -EAGAIN);
    cr_expect_leq(instant_monotonic() - begun_ms, STORE_CALL_TIMEOUT_MS);

    revive_store(GIVEN_MONGO, /* wiped= */ false);
    cr_expect_eq(store_ping(store, 20000), 0);
    cr_expect_eq(count_people(store, "{\"email\": \"ann@example.com\"}"), 1,
                 "an acknowledged write outlives a kill");
    store_free(store);
}

struct keeping {
    struct store *store;
    const bson_t *person;
    int result; /* of the insert */
};

/* Find the person, as it is or `lasting`; not waiting until the primary gives up. */
static int look_for(const struct keeping *keeping, bool lasting)
{
    cleanup(bson_freep) bson_t *options = BCON_NEW("maxTimeMS", BCON_INT64(1000));
    cleanup(bson_freep) bson_t *found = NULL;

    if (lasting)
        store_append_lasting(options);
    return store_find(keeping->store, "people", keeping->person, options, &found);
}

static void *keep(void *context)
{
    struct keeping *keeping = context;

    keeping->result = store_insert(keeping->store, "people", keeping->person, NULL);
    store_thread_done(keeping->store);
    return NULL;
}

static bool is_shown(void *context)
{
    return look_for(context, /* lasting= */ false) == 0;
}

/* Also: the followers are there. */
static bool lasts(void *context)
{
    struct keeping *keeping = context;
    int r = store_insert(keeping->store, "people", keeping->person, NULL);

    return (r == 0 || r == CONFLICT) && look_for(keeping, /* lasting= */ true) == 0;
}

static void pause_followers(int primary, bool paused)
{
    for (int node = 0; node < STORE_NODES; node++)
        if (node != primary)
            pause_node(GIVEN_MONGO, node, paused);
}

/* What the primary alone has is shown, and the next primary may not have it. */
Test(store, what_a_majority_has_not_got_is_not_shown_as_lasting, .timeout = 120)
{
    cleanup(bson_freep) bson_t *ann = person("ann@example.com"), *bob = person("bob@example.com");
    struct keeping kept = {.person = ann}, unsure = {.person = bob};
    pthread_t thread;
    int primary;

    given_clusters();
    kept.store = unsure.store = store_on(given_own_mongo(), 2);
    eventually(lasts, &kept, 30000, "the set of three keeps what it is told");
    cr_expect_eq(look_for(&unsure, /* lasting= */ true), NOT_FOUND);

    primary = mongo_primary();
    pause_followers(primary, true);
    cr_assert_eq(pthread_create(&thread, NULL, keep, &unsure), 0);
    eventually(is_shown, &unsure, 1500, "the primary has it");
    cr_expect_eq(look_for(&unsure, /* lasting= */ true), -EAGAIN);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(unsure.result, -EAGAIN);
    pause_followers(primary, false);
    store_free(kept.store);
}

static void *take_a_client(void *context)
{
    struct store *store = context;

    return store_ping(store, 5000) == 0 ? NULL : store;
}

Test(store, a_thread_that_ends_gives_its_client_back)
{
    struct store *store = store_on(given_mongo(), 1);
    pthread_t thread;
    void *failed;

    for (int i = 0; i < 3; i++) { /* the pool has one client: each thread needs it */
        cr_assert_eq(pthread_create(&thread, NULL, take_a_client, store), 0);
        cr_assert_eq(pthread_join(thread, &failed), 0);
        cr_expect_null(failed);
    }
    store_free(store);
}

Test(store, clients_in_use_and_calls_in_vain_are_counted)
{
    struct metrics *metrics = metrics_new();
    struct metric *in_use = metrics_gauge(metrics, "store_clients_in_use", "", "");
    struct metric *in_vain = metrics_counter(metrics, "store_away_total", "", "");
    const struct store_config config = {given_mongo(), "test", "test", 1, metrics};
    pthread_t thread;
    struct store *store;
    void *failed;

    cr_assert_eq(store_open(&config, &store), 0);
    cr_expect_eq(metric_value(in_use), 0);
    cr_assert_eq(store_ping(store, 5000), 0);
    cr_expect_eq(metric_value(in_use), 1);
    cr_expect_eq(metric_value(in_vain), 0);
    cr_assert_eq(pthread_create(&thread, NULL, take_a_client, store), 0);
    cr_assert_eq(pthread_join(thread, &failed), 0);
    cr_expect_eq(metric_value(in_use), 1);
    cr_expect_eq(metric_value(in_vain), 1);
    store_thread_done(store);
    cr_expect_eq(metric_value(in_use), 0);
    store_free(store);
    metrics_free(metrics);
}

Test(store, an_empty_pool_is_eagain)
{
    struct store *store = store_on(given_mongo(), 1);
    pthread_t thread;
    void *failed;

    cr_assert_eq(store_ping(store, 5000), 0); /* this thread has the only client */
    cr_assert_eq(pthread_create(&thread, NULL, take_a_client, store), 0);
    cr_assert_eq(pthread_join(thread, &failed), 0);
    cr_expect_not_null(failed);

    store_thread_done(store);
    cr_assert_eq(pthread_create(&thread, NULL, take_a_client, store), 0);
    cr_assert_eq(pthread_join(thread, &failed), 0);
    cr_expect_null(failed);
    store_free(store);
}

Test(store, two_stores_of_one_thread_are_told_apart)
{
    char name[64]; /* all that begin with our database's name are dropped at the end */
    struct store_config config = {
        .uri = given_mongo(), .database = name, .app_name = "test", .clients_max = 1};
    struct store *here = given_store(), *there;

    snprintf(name, sizeof(name), "%sother", given_database());
    cr_assert_eq(store_open(&config, &there), 0);
    cr_assert_eq(insert_person(here, "ann@example.com", NULL), 0);
    cr_expect_eq(count_people(here, "{}"), 1);
    cr_expect_eq(count_people(there, "{}"), 0);
    store_free(there);
}

Test(store_field, fields_are_read_by_type_or_fall_back)
{
    cleanup(bson_freep) bson_t *document = BCON_NEW(
        "text", BCON_UTF8("x"), "small", BCON_INT32(7), "big", BCON_INT64(1LL << 40), "whole",
        BCON_DOUBLE(3.0), "part", BCON_DOUBLE(3.5), "huge", BCON_DOUBLE(1e300), "at",
        BCON_DATE_TIME(1234), "yes", BCON_BOOL(true), "in", "{", "text", BCON_UTF8("deep"), "}");

    cr_expect_str_eq(store_read_text(document, "text", "?"), "x");
    cr_expect_str_eq(store_read_text(document, "in.text", "?"), "deep");
    cr_expect_str_eq(store_read_text(document, "in.absent", "?"), "?");
    cr_expect_str_eq(store_read_text(document, "small", "?"), "?");
    cr_expect_eq(store_read_int(document, "small", -1), 7);
    cr_expect_eq(store_read_int(document, "big", -1), 1LL << 40);
    cr_expect_eq(store_read_int(document, "whole", -1), 3);
    cr_expect_eq(store_read_int(document, "part", -1), -1);
    cr_expect_eq(store_read_int(document, "huge", -1), -1);
    cr_expect_eq(store_read_int(document, "text", -1), -1);
    cr_expect_eq(store_read_instant(document, "at", -1), 1234);
    cr_expect_eq(store_read_instant(document, "big", -1), -1);
    cr_expect(store_read_bool(document, "yes", false));
    cr_expect_not(store_read_bool(document, "small", false));
}

Test(store_field, an_id_goes_in_and_comes_out)
{
    bson_t document = BSON_INITIALIZER;
    char one[25], other[25], read[25] = "?";

    store_new_id(one);
    store_new_id(other);
    cr_expect_str_neq(one, other);
    store_append_id(&document, "_id", one);
    cr_expect(store_read_id(&document, "_id", read));
    cr_expect_str_eq(read, one);
    cr_expect_not(store_read_id(&document, "absent", read));
    cr_expect_str_eq(read, "");
    bson_destroy(&document);
}
