/* SPDX-License-Identifier: Apache-2.0 */
/* See json_line.h. */
#include "export/lines/json_line.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define NS_PER_SECOND 1000000000ull

void json_line_string(struct buffer *line, const char *text)
{
	size_t left = strlen(text);

	buffer_append_text(line, "\"");
	while (left > 0) {
		char escaped[JSON_ESCAPED_LEN];
		size_t step = json_escape(text, left, escaped);

		buffer_append_text(line, escaped);
		text += step;
		left -= step;
	}
	buffer_append_text(line, "\"");
}

void json_line_time(struct buffer *line, uint64_t unix_ns)
{
	char text[CLOCK_TEXT_LEN];

	clock_text(text, unix_ns);
	json_line_string(line, text);
}

/* To the nanosecond, which a double is not beyond 100 days. */
static void append_seconds(struct buffer *line, uint64_t ns)
{
	char fraction[16];
	size_t length;

	buffer_append_integer(line, ns / NS_PER_SECOND);
	length = (size_t)snprintf(
		fraction, sizeof(fraction), ".%09u", (unsigned)(ns % NS_PER_SECOND));
	while (fraction[length - 1] == '0')
		length--;
	if (length > 1)
		buffer_append(line, fraction, length);
}

void json_line_attribute(void *context, const struct attribute *attribute)
{
	struct buffer *line = context;

	buffer_append_text(line, ",\"");
	buffer_append_text(line, attribute->key);
	buffer_append_text(line, "\":");
	switch (attribute->type) {
	case ATTRIBUTE_TEXT:
	case ATTRIBUTE_WORDS: json_line_string(line, attribute->text); break;
	case ATTRIBUTE_NUMBER: buffer_append_integer(line, attribute->number); break;
	case ATTRIBUTE_BOOLEAN:
		buffer_append_text(line, attribute->number ? "true" : "false");
		break;
	case ATTRIBUTE_SECONDS: append_seconds(line, attribute->number); break;
	case ATTRIBUTE_TIME: json_line_time(line, attribute->number); break;
	}
}
