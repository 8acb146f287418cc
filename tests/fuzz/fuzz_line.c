/* SPDX-License-Identifier: Apache-2.0 */
/* Captured request lines and traceparent headers of any bytes, in user space. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "protocol/http/http1.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lies within the line, and holds nothing that a label could not. */
static void check_part(struct http1_part part, const char *line, size_t length)
{
	if (!part.text)
		return;
	EXPECT(part.text >= line && part.text + part.length <= line + length);
	for (size_t i = 0; i < part.length; i++)
		EXPECT((unsigned char)part.text[i] >= ' ' && part.text[i] != 0x7f);
}

static void check_line(const char *line, size_t length, bool truncated)
{
	struct http1_line out;
	const char *method;

	if (http1_parse_line(line, length, truncated, &out))
		return;
	method = http1_method_name(out.method);
	EXPECT(out.method_original.length > 0 && out.method_original.text == line);
	check_part(out.method_original, line, length);
	EXPECT(out.path.text);
	/* of `http://host`, whose path is not in the line */
	if (out.path.length != 1 || *out.path.text != '/')
		check_part(out.path, line, length);
	check_part(out.query, line, length);
	check_part(out.authority, line, length);
	if (out.method != HTTP_METHOD_OTHER)
		EXPECT(strlen(method) == out.method_original.length &&
			memcmp(method, line, strlen(method)) == 0);
	EXPECT(truncated || !out.target_truncated);
}

static void check_traceparent(const char text[TRACEPARENT_LEN + 1])
{
	uint8_t trace_id[16], parent_id[8];
	char again[TRACEPARENT_LEN + 1];
	uint32_t flags;
	int at = 3;

	if (!http1_parse_traceparent(text, trace_id, parent_id, &flags))
		return;
	for (int i = 0; i < 16; i++)
		at += sprintf(again + at, "%02x", trace_id[i]);
	again[at++] = '-';
	for (int i = 0; i < 8; i++)
		at += sprintf(again + at, "%02x", parent_id[i]);
	EXPECT(memcmp(again + 3, text + 3, (size_t)at - 3) == 0);
	EXPECT(flags <= 0xff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char traceparent[TRACEPARENT_LEN + 1] = "";
	/* of its very size, so that a step beyond it is seen */
	char *line = malloc(size ? size : 1);

	if (!line)
		abort();
	if (size)
		memcpy(line, data, size);
	check_line(line, size, false);
	check_line(line, size, true);
	if (size)
		memcpy(traceparent, data, size < TRACEPARENT_LEN ? size : TRACEPARENT_LEN);
	check_traceparent(traceparent);
	free(line);
	return 0;
}
