/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back when `sonde flows` or `sonde connections` asks whatever listens at an address:
 * perhaps not Sonde, as anybody may take a port that is free. Nothing of it reaches the terminal
 * before it is known to be what Sonde says: lines of text without anything that a terminal obeys,
 * or flat objects of JSON; and no more of it than Sonde could have to say.
 *
 * For flow_command.c.
 */
#ifndef SONDE_FLOW_ANSWER_H
#define SONDE_FLOW_ANSWER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

#define FLOW_ANSWER_LINE_MAX  16384                 /* bytes; a flow has some 700 */
#define FLOW_ANSWER_BYTES_MAX (128UL * 1024 * 1024) /* FLOWS_MAX of them have less than half */

struct flow_answer {
	bool is_json;       /* else text */
	FILE *out;          /* gets good lines as they come; NULL: they are kept in `text` */
	struct buffer text; /* the caller's to free */
	struct buffer line; /* the last one, which is not whole yet */
	size_t bytes;
	bool is_wrong; /* that is not Sonde */
};

/* Takes the next bytes. Returns false once it is wrong. */
bool flow_answer_take(struct flow_answer *answer, const char *bytes, size_t length);

/* After the last: is it all that Sonde said? */
bool flow_answer_end(struct flow_answer *answer);

/* For tests: is it such a line, its line feed left out? */
bool flow_answer_line_is_text(const char *line, size_t length);
bool flow_answer_line_is_json(const char *line, size_t length);

#endif
