/*
 * Spans as JSON: an ExportTraceServiceRequest of OTLP 1.x.
 *
 * OTLP's JSON is protobuf's, but for ids, which are hexadecimal: names in lowerCamelCase, enums as
 * numbers, 64-bit numbers as texts
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). The names of attributes are
 * those of the semantic conventions that this URL names.
 */
#include "common/span_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.38.0"

enum { STATUS_ERROR = 2, FLAG_SAMPLED = 1 };

static void write_decimal(struct writer *out, const char *key, int64_t number)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRId64, number);
    write_text(out, key, digits);
}

static void write_digits(struct writer *out, const char *key, const char *digits, size_t count)
{
    char text[TRACE_ID_DIGITS + 1] = "";

    memcpy(text, digits, count);
    write_text(out, key, text);
}

static void write_attribute(struct writer *out, const struct span_attribute *attribute)
{
    write_object_begin(out, NULL);
    write_text(out, "key", attribute->key);
    write_object_begin(out, "value");
    if (attribute->text != NULL)
        write_text(out, "stringValue", attribute->text);
    else
        write_decimal(out, "intValue", attribute->number);
    write_object_end(out);
    write_object_end(out);
}

static void write_attributes(struct writer *out, const struct span_attribute *attributes,
                             size_t count)
{
    write_array_begin(out, "attributes");
    for (size_t i = 0; i < count; i++)
        write_attribute(out, &attributes[i]);
    write_array_end(out);
}

static void write_name(struct writer *out, const struct span_of *of)
{
    cleanup(freep) char *name = xasprintf("%s%s%s", of->verb, of->object == NULL ? "" : " ",
                                          of->object == NULL ? "" : of->object);

    write_text(out, "name", name);
}

static void write_span(struct writer *out, const struct span *span)
{
    const char *trace_id = span->own + TRACE_ID_AT, *span_id = span->own + SPAN_ID_AT;

    write_object_begin(out, NULL);
    write_digits(out, "traceId", trace_id, TRACE_ID_DIGITS);
    write_digits(out, "spanId", span_id, SPAN_ID_DIGITS);
    if (span->parent_id[0] != '\0')
        write_text(out, "parentSpanId", span->parent_id);
    write_int(out, "flags", FLAG_SAMPLED);
    write_name(out, &span->of);
    write_int(out, "kind", span->of.kind);
    write_decimal(out, "startTimeUnixNano", span->begun_us * 1000);
    write_decimal(out, "endTimeUnixNano", (span->begun_us + span->took_us) * 1000);
    write_attributes(out, span->attributes, span->attribute_count);
    if (span->linked) {
        write_array_begin(out, "links");
        write_object_begin(out, NULL);
        write_digits(out, "traceId", trace_id, TRACE_ID_DIGITS);
        write_text(out, "spanId", span->parent_id);
        write_object_end(out);
        write_array_end(out);
    }
    if (span->failed) {
        write_object_begin(out, "status");
        write_int(out, "code", STATUS_ERROR);
        write_object_end(out);
    }
    write_object_end(out);
}

void span_list_to_json(const struct tracer *tracer, const struct span_list *list,
                       struct writer *out)
{
    const struct span_attribute resource[] = {
        {.key = "service.name", .text = tracer->service},
        {.key = "service.namespace", .text = "ticketing"},
        {.key = "service.version", .text = tracer->version},
        {.key = "service.instance.id", .text = tracer->instance},
    };

    write_object_begin(out, NULL);
    write_array_begin(out, "resourceSpans");
    write_object_begin(out, NULL);
    write_object_begin(out, "resource");
    write_attributes(out, resource, ARRAY_LENGTH(resource));
    write_object_end(out);
    write_array_begin(out, "scopeSpans");
    write_object_begin(out, NULL);
    write_object_begin(out, "scope");
    write_text(out, "name", "ticketing");
    write_text(out, "version", tracer->version);
    write_object_end(out);
    write_array_begin(out, "spans");
    for (const struct span *span = list->head; span != NULL; span = span->next)
        write_span(out, span);
    write_array_end(out);
    write_text(out, "schemaUrl", SCHEMA_URL);
    write_object_end(out);
    write_array_end(out);
    write_object_end(out);
    write_array_end(out);
    write_object_end(out);
}
