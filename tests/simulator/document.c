/*
 * Documents: the part of MongoDB's query and update language that the services use, over BSON.
 *
 * What is not known here ends the program: a service that begins to use another operator shall not
 * be simulated wrongly. Fields that are changed are top-level ones, as everywhere in the services.
 */

#include "tests/simulator/simulator.h"

#include "common/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static void unknown(const char *what)
{
    fprintf(stderr, "the simulated store does not know %s\n", what);
    abort();
}

static bool find_value(const bson_t *document, const char *path, bson_iter_t *ret_value)
{
    bson_iter_t iter;

    if (strchr(path, '.') == NULL)
        return bson_iter_init_find(ret_value, document, path);
    return bson_iter_init(&iter, document) && bson_iter_find_descendant(&iter, path, ret_value);
}

static bool is_number(const bson_iter_t *value)
{
    return BSON_ITER_HOLDS_INT32(value) || BSON_ITER_HOLDS_INT64(value) ||
           BSON_ITER_HOLDS_DOUBLE(value);
}

/* −1, 0, 1, as of MongoDB for values of one type; 2 for others. */
static int compare(const bson_iter_t *a, const bson_iter_t *b)
{
    int64_t x = 0, y = 0;

    if (is_number(a) && is_number(b)) {
        x = bson_iter_as_int64(a);
        y = bson_iter_as_int64(b);
    } else if (bson_iter_type(a) != bson_iter_type(b)) {
        return 2;
    } else if (BSON_ITER_HOLDS_OID(a)) {
        x = bson_oid_compare(bson_iter_oid(a), bson_iter_oid(b));
    } else if (BSON_ITER_HOLDS_UTF8(a)) {
        x = strcmp(bson_iter_utf8(a, NULL), bson_iter_utf8(b, NULL));
    } else if (BSON_ITER_HOLDS_DATE_TIME(a)) {
        x = bson_iter_date_time(a);
        y = bson_iter_date_time(b);
    } else if (BSON_ITER_HOLDS_BOOL(a)) {
        x = bson_iter_bool(a);
        y = bson_iter_bool(b);
    } else if (!BSON_ITER_HOLDS_NULL(a)) {
        unknown("a comparison of such values");
    }
    return x < y ? -1 : x > y;
}

static bool is_in(const bson_iter_t *value, const bson_iter_t *list)
{
    bson_iter_t one;

    for (bool more = bson_iter_recurse(list, &one); more && bson_iter_next(&one);)
        if (compare(value, &one) == 0)
            return true;
    return false;
}

/* Does a value (NULL: there is none) meet {"$lt": …, …}? */
static bool meets(const bson_iter_t *value, const bson_iter_t *condition)
{
    bson_iter_t is;
    bool more = bson_iter_recurse(condition, &is);

    while (more && bson_iter_next(&is)) {
        const char *name = bson_iter_key(&is);
        int order;

        if (strcmp(name, "$exists") == 0) {
            if ((value != NULL) != bson_iter_as_bool(&is))
                return false;
            continue;
        }
        if (value == NULL)
            return false;
        if (strcmp(name, "$in") == 0) {
            if (!is_in(value, &is))
                return false;
            continue;
        }
        order = compare(value, &is);
        if (order == 2 || (strcmp(name, "$lt") == 0 && order >= 0) ||
            (strcmp(name, "$lte") == 0 && order > 0) || (strcmp(name, "$gt") == 0 && order <= 0) ||
            (strcmp(name, "$gte") == 0 && order < 0))
            return false;
        if (strncmp(name, "$lt", 3) != 0 && strncmp(name, "$gt", 3) != 0)
            unknown(name);
    }
    return true;
}

static bool is_condition(const bson_iter_t *value)
{
    bson_iter_t child;

    return BSON_ITER_HOLDS_DOCUMENT(value) && bson_iter_recurse(value, &child) &&
           bson_iter_next(&child) && bson_iter_key(&child)[0] == '$';
}

static bool matches_any(const bson_t *document, const bson_iter_t *list)
{
    bson_iter_t one;

    for (bool more = bson_iter_recurse(list, &one); more && bson_iter_next(&one);) {
        const uint8_t *data;
        uint32_t length;
        bson_t filter;

        bson_iter_document(&one, &length, &data);
        if (bson_init_static(&filter, data, length) && document_matches(document, &filter))
            return true;
    }
    return false;
}

bool document_matches(const bson_t *document, const bson_t *filter)
{
    bson_iter_t wanted, value;

    for (bool more = bson_iter_init(&wanted, filter); more && bson_iter_next(&wanted);) {
        const char *path = bson_iter_key(&wanted);
        bool there;

        if (strcmp(path, "$or") == 0) {
            if (!matches_any(document, &wanted))
                return false;
            continue;
        }
        if (path[0] == '$')
            unknown(path);
        if (world.options.breakage == BREAK_VERSION_CHECK && strcmp(path, "version") == 0 &&
            !is_condition(&wanted))
            continue;
        there = find_value(document, path, &value);
        if (is_condition(&wanted)) {
            if (world.options.breakage == BREAK_COPY_ORDER && strcmp(path, "version") == 0)
                continue;
            if (!meets(there ? &value : NULL, &wanted))
                return false;
        } else if (BSON_ITER_HOLDS_NULL(&wanted)) {
            if (there && !BSON_ITER_HOLDS_NULL(&value))
                return false;
        } else if (!there || compare(&value, &wanted) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- updates ---- */

/* Append the array with the pushed value at its end. */
static void push(bson_t *to, const char *key, const bson_iter_t *array, const bson_iter_t *value)
{
    bson_t list;
    bson_iter_t one;
    uint32_t count = 0;
    char name[16];

    bson_append_array_begin(to, key, -1, &list);
    for (bool more = array != NULL && bson_iter_recurse(array, &one); more && bson_iter_next(&one);
         count++)
        bson_append_iter(&list, bson_iter_key(&one), -1, &one);
    snprintf(name, sizeof(name), "%u", count);
    if (world.options.breakage != BREAK_OUTBOX)
        bson_append_iter(&list, name, -1, value);
    bson_append_array_end(to, &list);
}

/* The change that `update` makes of field `key`: its operator and operand. */
static bool find_change(const bson_t *update, const char *key, const char **ret_operator,
                        bson_iter_t *ret_operand)
{
    bson_iter_t operators;

    if (!bson_iter_init(&operators, update))
        return false;
    while (bson_iter_next(&operators))
        if (bson_iter_recurse(&operators, ret_operand) && bson_iter_find(ret_operand, key)) {
            *ret_operator = bson_iter_key(&operators);
            return true;
        }
    return false;
}

/* Append what the field `key` becomes; `old` NULL: it was not there. */
static void append_changed(bson_t *to, const char *key, const char *operator,
                           const bson_iter_t * operand, const bson_iter_t *old)
{
    if (strcmp(operator, "$set") == 0 || strcmp(operator, "$setOnInsert") == 0)
        bson_append_iter(to, key, -1, operand);
    else if (strcmp(operator, "$min") == 0)
        bson_append_iter(to, key, -1, old != NULL && compare(old, operand) < 0 ? old : operand);
    else if (strcmp(operator, "$push") == 0)
        push(to, key, old, operand);
    else if (strcmp(operator, "$unset") != 0)
        unknown(operator);
}

/* common/outbox_empty.c: take a run of versions out of the outbox, and its marks with the last. */
static bson_t *update_by_pipeline(const bson_t *document, const bson_t *update)
{
    static const char path[] = "0.$set.outbox.$filter.cond.$or";
    bson_t *changed = bson_new(), list;
    int64_t first = -1, last = -1;
    bson_iter_t iter, value;
    uint32_t left = 0;
    char name[64];

    snprintf(name, sizeof(name), "%s.0.$lt.1", path);
    if (find_value(update, name, &value))
        first = bson_iter_as_int64(&value);
    snprintf(name, sizeof(name), "%s.1.$gt.1", path);
    if (find_value(update, name, &value))
        last = bson_iter_as_int64(&value);
    if (first < 0 || last < first)
        unknown("this pipeline");

    bson_append_array_begin(changed, "outbox", -1, &list);
    if (bson_iter_init_find(&iter, document, "outbox") && bson_iter_recurse(&iter, &value))
        while (bson_iter_next(&value)) {
            const uint8_t *data;
            uint32_t length;
            bson_t event;
            int64_t version;

            bson_iter_document(&value, &length, &data);
            bson_init_static(&event, data, length);
            version = store_read_int(&event, "version", -1);
            if (version >= first && version <= last)
                continue;
            snprintf(name, sizeof(name), "%u", left++);
            bson_append_iter(&list, name, -1, &value);
        }
    bson_append_array_end(changed, &list);
    if (left > 0)
        bson_copy_to_excluding_noinit(document, changed, "outbox", NULL);
    else
        bson_copy_to_excluding_noinit(document, changed, "outbox", "pendingAt", "relayAfter",
                                      "relayBy", NULL);
    return changed;
}

bson_t *document_update(const bson_t *document, const bson_t *update)
{
    bson_t *changed;
    bson_iter_t iter, operators, operand, there;
    const char *operator;

    if (bson_has_field(update, "0"))
        return update_by_pipeline(document, update);
    changed = bson_new();
    for (bool more = bson_iter_init(&iter, document); more && bson_iter_next(&iter);) {
        const char *key = bson_iter_key(&iter);

        if (find_change(update, key, &operator, & operand) && strcmp(operator, "$setOnInsert") != 0)
            append_changed(changed, key, operator, & operand, &iter);
        else
            bson_append_iter(changed, key, -1, &iter);
    }
    for (bool more = bson_iter_init(&operators, update); more && bson_iter_next(&operators);) {
        operator= bson_iter_key(&operators);
        if ((strcmp(operator, "$setOnInsert") == 0 && !bson_empty(document)) ||
            !bson_iter_recurse(&operators, &operand))
            continue;
        while (bson_iter_next(&operand))
            if (!bson_iter_init_find(&there, document, bson_iter_key(&operand)))
                append_changed(changed, bson_iter_key(&operand), operator, & operand, NULL);
    }
    return changed;
}

bson_t *document_of_upsert(const bson_t *filter, const bson_t *update)
{
    bson_t empty = BSON_INITIALIZER, *changed = document_update(&empty, update);
    bson_t *made = bson_new();
    bson_iter_t iter, there;

    for (bool more = bson_iter_init(&iter, filter); more && bson_iter_next(&iter);)
        if (bson_iter_key(&iter)[0] != '$' && !is_condition(&iter) &&
            !bson_iter_init_find(&there, changed, bson_iter_key(&iter)))
            bson_append_iter(made, bson_iter_key(&iter), -1, &iter);
    bson_concat(made, changed);
    bson_destroy(changed);
    bson_destroy(&empty);
    return made;
}

/* ---- order ---- */

static int compare_by(const bson_t *a, const bson_t *b, const bson_t *sort)
{
    bson_iter_t key, x, y;

    for (bool more = bson_iter_init(&key, sort); more && bson_iter_next(&key);) {
        bool has_x = find_value(a, bson_iter_key(&key), &x);
        bool has_y = find_value(b, bson_iter_key(&key), &y);
        int order = has_x && has_y ? compare(&x, &y) : has_x - has_y;

        if (order == 1 || order == -1)
            return bson_iter_as_int64(&key) < 0 ? -order : order;
    }
    return 0;
}

void document_sort(bson_t **documents, size_t count, const bson_t *options)
{
    const uint8_t *data;
    uint32_t length;
    bson_iter_t iter;
    bson_t sort;

    if (options == NULL || !bson_iter_init_find(&iter, options, "sort"))
        return;
    bson_iter_document(&iter, &length, &data);
    bson_init_static(&sort, data, length);
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && compare_by(documents[j], documents[j - 1], &sort) < 0; j--) {
            bson_t *other = documents[j];

            documents[j] = documents[j - 1];
            documents[j - 1] = other;
        }
}

bool document_same_key(const bson_t *a, const bson_t *b, const bson_t *keys)
{
    bson_iter_t key, x, y;

    for (bool more = bson_iter_init(&key, keys); more && bson_iter_next(&key);) {
        bool has_x = find_value(a, bson_iter_key(&key), &x);
        bool has_y = find_value(b, bson_iter_key(&key), &y);

        if (has_x != has_y || (has_x && compare(&x, &y) != 0))
            return false;
    }
    return true;
}

const char *document_name(const bson_t *document, char ret_id[25])
{
    static const char *const keys[] = {"_id", "orderId", "ticketId", "userId", "stripeId"};

    ret_id[0] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(keys) && document != NULL && ret_id[0] == '\0'; i++)
        if (!store_read_id(document, keys[i], ret_id))
            snprintf(ret_id, 25, "%s", store_read_text(document, keys[i], ""));
    return ret_id;
}
