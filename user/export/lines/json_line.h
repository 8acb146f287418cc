/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of JSON is made of: the values of attributes, and their names before them. */
#ifndef SONDE_JSON_LINE_H
#define SONDE_JSON_LINE_H

#include "base/attribute.h"
#include "base/buffer.h"

void json_line_string(struct buffer *line, const char *text);

/* Of the wall clock, since 1970, by RFC 3339. */
void json_line_time(struct buffer *line, uint64_t unix_ns);

/* An attribute_sink: a comma, the key and the value. `line` is the struct buffer. */
void json_line_attribute(void *line, const struct attribute *attribute);

#endif
