/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_answer.h. */
#include "export/flows/flow_answer.h"

#include <string.h>

#include "base/utf8.h"

bool flow_answer_line_is_text(const char *line, size_t length)
{
	unsigned marks = 0;

	for (size_t at = 0; at < length;) {
		uint32_t code;
		size_t step = utf8_decode(line + at, length - at, &code);

		if (!step || !utf8_is_shown(code))
			return false;
		marks = utf8_is_mark(code) ? marks + 1 : 0;
		if (marks > UTF8_MARKS_MAX)
			return false;
		at += step;
	}
	return true;
}

/* --- JSON: {"name":value,…}, the values text, numbers, true and false --- */

static const char *skip_text(const char *at, const char *end)
{
	if (at == end || *at++ != '"')
		return NULL;
	for (; at < end && *at != '"'; at++) {
		if (*at == '\\' && ++at == end)
			return NULL;
	}
	return at == end ? NULL : at + 1;
}

static const char *skip_value(const char *at, const char *end)
{
	static const char *const words[] = {"true", "false"};
	const char *from = at;

	if (at < end && *at == '"')
		return skip_text(at, end);
	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(end - at) >= length && memcmp(at, words[i], length) == 0)
			return at + length;
	}
	while (at < end && *at && strchr("0123456789.eE+-", *at))
		at++;
	return at == from ? NULL : at;
}

bool flow_answer_line_is_json(const char *line, size_t length)
{
	const char *at = line, *end = line + length;

	if (!flow_answer_line_is_text(line, length) || length < 2 || *at != '{')
		return false;
	do {
		at = skip_text(at + 1, end);
		if (!at || at == end || *at != ':')
			return false;
		at = skip_value(at + 1, end);
		if (!at || at == end)
			return false;
	} while (*at == ',');
	return *at == '}' && at + 1 == end;
}

/* --- lines --- */

/* One line feed included. */
static bool take_line(struct flow_answer *answer, const char *line, size_t length)
{
	if (!(answer->is_json ? flow_answer_line_is_json : flow_answer_line_is_text)(
		    line, length - 1))
		return false;
	if (answer->out)
		return fwrite(line, 1, length, answer->out) == length;
	buffer_append(&answer->text, line, length);
	return !answer->text.failed;
}

bool flow_answer_take(struct flow_answer *answer, const char *bytes, size_t length)
{
	const char *end;

	answer->bytes += length;
	answer->is_wrong |= answer->bytes > FLOW_ANSWER_BYTES_MAX;
	while (!answer->is_wrong && (end = memchr(bytes, '\n', length))) {
		size_t size = (size_t)(end + 1 - bytes);

		buffer_append(&answer->line, bytes, size);
		answer->is_wrong = answer->line.failed ||
				   answer->line.length > FLOW_ANSWER_LINE_MAX ||
				   !take_line(answer, answer->line.text, answer->line.length);
		answer->line.length = 0;
		bytes += size;
		length -= size;
	}
	buffer_append(&answer->line, bytes, length);
	answer->is_wrong |= answer->line.failed || answer->line.length > FLOW_ANSWER_LINE_MAX;
	return !answer->is_wrong;
}

bool flow_answer_end(struct flow_answer *answer)
{
	answer->is_wrong |= answer->line.length > 0;
	buffer_free(&answer->line);
	return !answer->is_wrong;
}
