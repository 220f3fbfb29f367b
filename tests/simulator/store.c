/*
 * MongoDB, as far as the services can tell: documents that are changed one at a time, unique
 * indexes, and calls that may fail before they did anything or after they did it.
 *
 * Each call is two steps: one before its effect and one after, so a process may die before a commit
 * or without hearing of it. The promises look at every write (promises.c).
 */

#include "tests/simulator/simulator.h"

#include "common/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECTIONS_MAX 12 /* of one database */
#define INDEXES_MAX     4  /* unique ones, of one collection */

struct unique {
    const char *name;
    bson_t *keys, *filter; /* filter NULL: all documents */
};

struct collection {
    char name[32];
    bson_t **documents;
    size_t count, room;
    struct unique indexes[INDEXES_MAX];
    size_t index_count;
};

struct database {
    char name[32];
    struct collection collections[COLLECTIONS_MAX];
    size_t count;
};

struct store {
    struct database *database;
};

static struct database databases[SERVICES_MAX];

static struct database *database_of(const char *name)
{
    for (size_t i = 0; i < SERVICES_MAX; i++) {
        if (databases[i].name[0] == '\0')
            snprintf(databases[i].name, sizeof(databases[i].name), "%s", name);
        if (strcmp(databases[i].name, name) == 0)
            return &databases[i];
    }
    abort();
}

static struct collection *collection_of(struct database *database, const char *name)
{
    struct collection *collection;

    for (size_t i = 0; i < database->count; i++)
        if (strcmp(database->collections[i].name, name) == 0)
            return &database->collections[i];
    assert(database->count < COLLECTIONS_MAX);
    collection = &database->collections[database->count++];
    snprintf(collection->name, sizeof(collection->name), "%s", name);
    return collection;
}

/* ---- calls ---- */

/* Before the effect. -EAGAIN: it does not happen. */
static int begin(const struct store *store, const char *what, const char *collection,
                 const bson_t *filter)
{
    char id[25] = "";

    if (world.options.trace || world.options.tell)
        document_name(filter, id);
    hush(id[0] == '\0');
    step("%s %s.%s %s", what, store->database->name, collection, id);
    if (!world_fault(world.faults.store_away))
        return 0;
    world.verdict.faults++;
    if (chance_one_in(4))
        fiber_sleep(chance_between(0, 4 * SECOND_US));
    note("the store is away");
    return -EAGAIN;
}

/* After it. -EAGAIN in place of what came of it: nobody hears of that. */
static int finish(int result, const char *what)
{
    static const char *const words[OUTCOME_COUNT] = {
        [NOT_FOUND] = ": nothing matches", [CONFLICT] = ": a unique index refuses"};

    step("has %s%s", what, result > 0 && words[result] != NULL ? words[result] : "");
    if (!world_fault(world.faults.store_reply_lost))
        return result;
    world.verdict.faults++;
    note("the store's answer is lost");
    return -EAGAIN;
}

int store_open(const struct store_config *config, struct store **ret_store)
{
    *ret_store = xcalloc(1, sizeof(**ret_store));
    (*ret_store)->database = database_of(config->database);
    return 0;
}

struct store *store_free(struct store *store)
{
    free(store);
    return NULL;
}

void store_thread_done(struct store *store)
{
    (void)store;
}

int store_ping(struct store *store, int64_t timeout_ms)
{
    (void)timeout_ms;
    return begin(store, "pings", "", NULL);
}

static void add_index(struct collection *collection, const struct store_index *index)
{
    bson_t *options = bson_new_from_json((const uint8_t *)index->options, -1, NULL);
    struct unique *unique = &collection->indexes[collection->index_count];
    bson_iter_t iter;

    for (size_t i = 0; i < collection->index_count; i++)
        if (strcmp(collection->indexes[i].name, index->name) == 0)
            return;
    assert(options != NULL);
    if (!store_read_bool(options, "unique", false))
        return;
    assert(collection->index_count < INDEXES_MAX);
    unique->name = index->name;
    unique->keys = bson_new_from_json((const uint8_t *)index->keys, -1, NULL);
    if (bson_iter_init_find(&iter, options, "partialFilterExpression")) {
        const uint8_t *data;
        uint32_t length;

        bson_iter_document(&iter, &length, &data);
        unique->filter = bson_new_from_data(data, length);
    }
    collection->index_count++;
}

int store_prepare(struct store *store, const struct store_index *indexes, size_t count,
                  struct writer *problems)
{
    int r = begin(store, "makes indexes of", "", NULL);

    (void)problems;
    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++)
        if (indexes[i].options != NULL)
            add_index(collection_of(store->database, indexes[i].collection), &indexes[i]);
    return finish(0, "made indexes");
}

/* ---- reading ---- */

/* A first look at the id alone, which decides nearly always. */
static bool is_id(const bson_t *document, const bson_iter_t *wanted)
{
    bson_iter_t iter;

    if (wanted == NULL || !bson_iter_init_find(&iter, document, "_id"))
        return true;
    return BSON_ITER_HOLDS_OID(&iter) &&
           bson_oid_equal(bson_iter_oid(&iter), bson_iter_oid(wanted));
}

/* The places of the documents that match, in the collection's order; caller frees. */
static size_t *find_all(const struct collection *collection, const bson_t *filter,
                        size_t *ret_count)
{
    size_t *places = xcalloc(collection->count + 1, sizeof(*places));
    bson_iter_t id;
    bool by_id = bson_iter_init_find(&id, filter, "_id") && BSON_ITER_HOLDS_OID(&id);

    *ret_count = 0;
    for (size_t i = 0; i < collection->count; i++)
        if (is_id(collection->documents[i], by_id ? &id : NULL) &&
            document_matches(collection->documents[i], filter))
            places[(*ret_count)++] = i;
    return places;
}

/* What comes of a breakage of reading. */
static bool is_hidden(const bson_t *filter)
{
    bson_iter_t iter;

    return world.options.breakage == BREAK_SWEEP &&
           bson_iter_init_find(&iter, filter, "relayAfter") && BSON_ITER_HOLDS_DOCUMENT(&iter);
}

int store_each(struct store *store, const char *name, const bson_t *filter, const bson_t *options,
               int (*each)(void *context, const bson_t *document), void *context)
{
    struct collection *collection = collection_of(store->database, name);
    int64_t limit = options == NULL ? 0 : store_read_int(options, "limit", 0);
    cleanup(freep) size_t *places = NULL;
    cleanup(freep) bson_t **found = NULL;
    size_t count;
    int r = begin(store, "reads", name, filter);

    if (r != 0)
        return r;
    places = find_all(collection, filter, &count);
    found = xcalloc(count + 1, sizeof(*found));
    for (size_t i = 0; i < count; i++)
        found[i] = collection->documents[places[i]];
    document_sort(found, count, options);
    if (is_hidden(filter))
        count = 0;
    if (limit > 0 && count > (size_t)limit)
        count = (size_t)limit;
    for (size_t i = 0; i < count; i++)
        found[i] = bson_copy(found[i]); /* `each` may step, and others write meanwhile */
    note("finds %zu", count);
    r = finish(0, "read");
    for (size_t i = 0; i < count; i++) {
        if (r == 0)
            r = each(context, found[i]);
        bson_destroy(found[i]);
    }
    return r;
}

static int copy_one(void *context, const bson_t *document)
{
    bson_t **copy = context;

    if (*copy == NULL)
        *copy = bson_copy(document);
    return 0;
}

int store_find(struct store *store, const char *name, const bson_t *filter, const bson_t *options,
               bson_t **ret_document)
{
    bson_t *copy = NULL;
    int r;

    (void)options; /* a projection: what is asked for is there, and more */
    r = store_each(store, name, filter, NULL, copy_one, &copy);
    if (r != 0) {
        bson_destroy(copy);
        return r;
    }
    *ret_document = copy;
    return copy == NULL ? NOT_FOUND : 0;
}

int store_count(struct store *store, const char *name, const bson_t *filter, int64_t most,
                int64_t *ret_count)
{
    cleanup(freep) size_t *places = NULL;
    size_t count;
    int r = begin(store, "counts", name, filter);

    if (r != 0)
        return r;
    places = find_all(collection_of(store->database, name), filter, &count);
    *ret_count = (int64_t)count < most ? (int64_t)count : most;
    return finish(0, "counted");
}

/* ---- writing ---- */

/* What comes of a breakage of an index. */
static bool is_overlooked(const char *index)
{
    return (world.options.breakage == BREAK_UNIQUE_INDEX &&
            strcmp(index, "one_live_order_per_ticket") == 0) ||
           (world.options.breakage == BREAK_PAYMENT_INDEX &&
            strcmp(index, "one_live_payment") == 0);
}

/* The unique index that refuses `document` beside all others but the one at `place`. */
static const char *refusing(const struct collection *collection, const bson_t *document,
                            size_t place)
{
    bson_iter_t id, other;

    for (size_t i = 0; i < collection->count; i++) {
        if (i == place)
            continue;
        if (bson_iter_init_find(&id, document, "_id") &&
            bson_iter_init_find(&other, collection->documents[i], "_id") &&
            bson_iter_type(&id) == bson_iter_type(&other) &&
            (BSON_ITER_HOLDS_OID(&id)
                 ? bson_oid_equal(bson_iter_oid(&id), bson_iter_oid(&other))
                 : strcmp(bson_iter_utf8(&id, NULL), bson_iter_utf8(&other, NULL)) == 0))
            return "_id_";
        for (size_t j = 0; j < collection->index_count; j++) {
            const struct unique *unique = &collection->indexes[j];

            if (is_overlooked(unique->name))
                continue;
            if (unique->filter != NULL &&
                (!document_matches(document, unique->filter) ||
                 !document_matches(collection->documents[i], unique->filter)))
                continue;
            if (document_same_key(document, collection->documents[i], unique->keys))
                return unique->name;
        }
    }
    return NULL;
}

/* Put `document` (taken) at `place`, or at the end. CONFLICT as of store_insert. */
static int put(struct store *store, struct collection *collection, size_t place, bson_t *document,
               char *ret_index)
{
    const char *index = refusing(collection, document, place);
    bson_t *before = place < collection->count ? collection->documents[place] : NULL;

    if (index != NULL) {
        if (ret_index != NULL)
            snprintf(ret_index, STORE_INDEX_BYTES, "%s", index);
        bson_destroy(document);
        return CONFLICT;
    }
    if (before == NULL && collection->count == collection->room) {
        collection->room = collection->room * 2 + 16;
        collection->documents =
            xrealloc(collection->documents, collection->room * sizeof(*collection->documents));
    }
    if (before == NULL)
        place = collection->count++;
    collection->documents[place] = document;
    promise_write(store->database->name, collection->name, before, document);
    bson_destroy(before);
    return 0;
}

int store_insert(struct store *store, const char *name, const bson_t *document, char *ret_index)
{
    struct collection *collection = collection_of(store->database, name);
    int r = begin(store, "inserts into", name, document);

    if (r != 0)
        return r;
    return finish(put(store, collection, SIZE_MAX, bson_copy(document), ret_index), "inserted");
}

/* One change of one document, at once; *ret_place is where. */
static int change(struct store *store, struct collection *collection, const bson_t *filter,
                  const bson_t *update, bool upsert, char *ret_index, size_t *ret_place)
{
    cleanup(freep) size_t *places = NULL;
    size_t count;

    places = find_all(collection, filter, &count);
    *ret_place = SIZE_MAX;
    if (count > 0) {
        *ret_place = places[0];
        return put(store, collection, places[0],
                   document_update(collection->documents[places[0]], update), ret_index);
    }
    if (!upsert)
        return NOT_FOUND;
    *ret_place = collection->count;
    return put(store, collection, SIZE_MAX, document_of_upsert(filter, update), ret_index);
}

int store_modify(struct store *store, const char *name, const bson_t *filter, const bson_t *update,
                 const bson_t *fields, enum store_flags flags, char *ret_index,
                 bson_t **ret_document)
{
    struct collection *collection = collection_of(store->database, name);
    size_t place;
    int r = begin(store, "changes", name, filter);

    (void)fields;
    assert(flags == STORE_AFTER || flags == STORE_UPSERT);
    if (r != 0)
        return r;
    r = change(store, collection, filter, update, flags == STORE_UPSERT, ret_index, &place);
    if (r == 0 && ret_document != NULL)
        *ret_document = bson_copy(collection->documents[place]);
    return finish(r, "changed");
}

int store_update(struct store *store, const char *name, const bson_t *filter, const bson_t *update,
                 bool many, int64_t *ret_matched)
{
    struct collection *collection = collection_of(store->database, name);
    size_t place;
    int r = begin(store, "updates", name, filter);

    assert(!many);
    if (r != 0)
        return r;
    r = change(store, collection, filter, update, false, NULL, &place);
    if (ret_matched != NULL)
        *ret_matched = r == 0;
    return finish(r == NOT_FOUND ? 0 : r, "updated");
}

int store_remove(struct store *store, const char *name, const bson_t *filter, int64_t *ret_removed)
{
    struct collection *collection = collection_of(store->database, name);
    cleanup(freep) size_t *places = NULL;
    size_t count;
    int r = begin(store, "removes from", name, filter);

    if (r != 0)
        return r;
    places = find_all(collection, filter, &count);
    for (size_t i = count; i-- > 0;) {
        bson_destroy(collection->documents[places[i]]);
        memmove(&collection->documents[places[i]], &collection->documents[places[i] + 1],
                (--collection->count - places[i]) * sizeof(*collection->documents));
    }
    if (ret_removed != NULL)
        *ret_removed = (int64_t)count;
    return finish(0, "removed");
}

int store_change_all(struct store *store, const char *name, struct store_change *changes,
                     size_t count, int64_t *ret_matched)
{
    struct collection *collection = collection_of(store->database, name);
    int64_t matched = 0;
    int r;

    if (ret_matched != NULL)
        *ret_matched = 0;
    if (count == 0)
        return 0;
    r = begin(store, "changes many of", name, changes[0].filter);

    for (size_t i = 0; i < count; i++) {
        size_t place;
        int result = r;

        if (r == 0) { /* each is atomic, the whole is not: others come in between */
            result = change(store, collection, changes[i].filter, changes[i].update,
                            changes[i].upsert, NULL, &place);
            matched += result == 0;
            if (i + 1 < count)
                step("has changed one");
        }
        changes[i].result = result == NOT_FOUND ? 0 : result;
    }
    if (r == 0)
        r = finish(0, "changed many");
    for (size_t i = 0; i < count && r != 0; i++)
        changes[i].result = r;
    if (ret_matched != NULL)
        *ret_matched = r == 0 ? matched : 0;
    return r;
}

/* Ids are drawn like everything else. */
void store_new_id(char ret_id[25])
{
    for (size_t i = 0; i < 24; i++)
        ret_id[i] = "0123456789abcdef"[chance_below(16)];
    ret_id[24] = '\0';
}

/* ---- for those who know all ---- */

void store_look(const char *service, const char *name,
                void (*each)(void *context, const bson_t *document), void *context)
{
    struct collection *collection = collection_of(database_of(service), name);

    for (size_t i = 0; i < collection->count; i++)
        each(context, collection->documents[i]);
}

const bson_t *store_peek(const char *service, const char *name, const char *id)
{
    struct collection *collection = collection_of(database_of(service), name);
    bson_iter_t iter;
    bson_oid_t oid;

    bson_oid_init_from_string(&oid, id);
    for (size_t i = 0; i < collection->count; i++)
        if (bson_iter_init_find(&iter, collection->documents[i], "_id") &&
            BSON_ITER_HOLDS_OID(&iter) && bson_oid_equal(bson_iter_oid(&iter), &oid))
            return collection->documents[i];
    return NULL;
}
