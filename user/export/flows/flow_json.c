/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_json.h. */
#include "export/flows/flow_json.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "export/flows/flow_fields.h"

#define NS_PER_SECOND 1000000000ull

static void append_string(struct buffer *out, const char *text)
{
	size_t left = strlen(text);

	buffer_append_text(out, "\"");
	while (left > 0) {
		char escaped[JSON_ESCAPED_LEN];
		size_t step = json_escape(text, left, escaped);

		buffer_append_text(out, escaped);
		text += step;
		left -= step;
	}
	buffer_append_text(out, "\"");
}

static void append_time(struct buffer *out, uint64_t unix_ns)
{
	char text[CLOCK_TEXT_LEN];

	clock_text(text, unix_ns);
	append_string(out, text);
}

/* To the nanosecond, which a double is not beyond 100 days. */
static void append_seconds(struct buffer *out, uint64_t ns)
{
	char fraction[16];
	size_t length;

	buffer_append_integer(out, ns / NS_PER_SECOND);
	length = (size_t)snprintf(
		fraction, sizeof(fraction), ".%09u", (unsigned)(ns % NS_PER_SECOND));
	while (fraction[length - 1] == '0')
		length--;
	if (length > 1)
		buffer_append(out, fraction, length);
}

static void append_field(void *context, const struct attribute *field)
{
	struct buffer *out = context;

	buffer_append_text(out, ",\"");
	buffer_append_text(out, field->key);
	buffer_append_text(out, "\":");
	switch (field->type) {
	case ATTRIBUTE_TEXT:
	case ATTRIBUTE_WORDS: append_string(out, field->text); break;
	case ATTRIBUTE_NUMBER: buffer_append_integer(out, field->number); break;
	case ATTRIBUTE_BOOLEAN: buffer_append_text(out, field->number ? "true" : "false"); break;
	case ATTRIBUTE_SECONDS: append_seconds(out, field->number); break;
	case ATTRIBUTE_TIME: append_time(out, field->number); break;
	}
}

void flow_json_append(struct buffer *out, const struct flow_view *view)
{
	buffer_append_text(out, "{\"timestamp\":");
	append_time(out, flow_record_time_ns(view));
	buffer_append_text(out, ",\"event\":");
	append_string(out, flow_event_name(view->event));
	flow_fields_visit(view, append_field, out);
	buffer_append_text(out, "}\n");
}
