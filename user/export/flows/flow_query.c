/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_query.h. */
#include "export/flows/flow_query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/denial.h"

#define WORDS_MAX 6
#define ERROR_LEN (FLOW_QUERY_ERROR_LEN - 1) /* for a line end there is room behind it */

static const char *const paths[] = {
	[FLOW_PATH_FLOWS] = "/flows", [FLOW_PATH_CONNECTIONS] = "/connections"};

struct parameter {
	const char *name;
	size_t offset;
	const char *words[WORDS_MAX + 1]; /* in the order of the enum; none: a number */
	const char *path;                 /* the one that has it; NULL: both */
};

static const struct parameter parameters[] = {
	{"by", offsetof(struct flow_query, by),
		{"service", "peer", "process", "namespace", "owner", "pod"}, "/flows"},
	{"sort", offsetof(struct flow_query, sort), {"bytes", "rate", "retransmits", "rtt"}, NULL},
	{"format", offsetof(struct flow_query, format), {"json", "text"}, "/connections"},
	{"limit", offsetof(struct flow_query, limit), {NULL}, NULL},
	{"columns", offsetof(struct flow_query, columns), {NULL}, NULL},
};

#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

static bool has_parameter(const struct flow_query *query, const struct parameter *parameter)
{
	return !parameter->path || strcmp(parameter->path, paths[query->path]) == 0;
}

static unsigned *value_of(const struct flow_query *query, const struct parameter *parameter)
{
	return (unsigned *)((char *)query + parameter->offset);
}

bool flow_query_begin(struct flow_query *query, const char *path)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(path, paths[i]) == 0) {
			*query = (struct flow_query){.path = (enum flow_page_path)i};
			return true;
		}
	}
	return false;
}

static bool fail_parameter(const struct flow_query *query, char *error)
{
	size_t length = 0;

	for (size_t i = 0; i < PARAMETERS; i++)
		if (has_parameter(query, &parameters[i]))
			length += (size_t)snprintf(error + length, ERROR_LEN - length, "%s%s",
				length ? ", " : "there are ", parameters[i].name);
	return false;
}

static bool set_word(
	unsigned *value, const struct parameter *parameter, const char *text, char *error)
{
	size_t length;

	for (unsigned i = 0; parameter->words[i]; i++) {
		if (strcmp(parameter->words[i], text) == 0) {
			*value = i;
			return true;
		}
	}
	length = (size_t)snprintf(error, ERROR_LEN, "%s is one of", parameter->name);
	for (unsigned i = 0; parameter->words[i]; i++)
		length += (size_t)snprintf(error + length, ERROR_LEN - length, "%s%s",
			i ? ", " : " ", parameter->words[i]);
	return false;
}

static bool set_number(
	unsigned *value, const struct parameter *parameter, const char *text, char *error)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (isdigit((unsigned char)*text) && !*end && number <= FLOW_QUERY_LIMIT_MAX) {
		*value = (unsigned)number;
		return true;
	}
	snprintf(
		error, ERROR_LEN, "%s is a number up to %d", parameter->name, FLOW_QUERY_LIMIT_MAX);
	return false;
}

bool flow_query_set(struct flow_query *query, const char *name, const char *value,
	char error[FLOW_QUERY_ERROR_LEN])
{
	for (size_t i = 0; i < PARAMETERS; i++) {
		const struct parameter *parameter = &parameters[i];
		unsigned *field = value_of(query, parameter);

		if (strcmp(parameter->name, name) != 0 || !has_parameter(query, parameter))
			continue;
		return parameter->words[0] ? set_word(field, parameter, value, error)
					   : set_number(field, parameter, value, error);
	}
	return fail_parameter(query, error);
}

/* --- from a request, and to one --- */

struct reading {
	struct flow_query *query;
	char *error;
	bool failed;
};

static enum MHD_Result read_parameter(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct reading *reading = context;
	(void)kind;

	reading->failed = !flow_query_set(reading->query, name, value ? value : "", reading->error);
	return reading->failed ? MHD_NO : MHD_YES;
}

/* Addresses say who talks to whom: that is for this machine's own users. */
unsigned flow_query_read(struct MHD_Connection *connection, bool is_local, struct flow_query *query,
	char error[FLOW_QUERY_ERROR_LEN])
{
	struct reading reading = {query, error, false};

	if (!is_local) {
		denial_add(DENIED_NOT_LOCAL);
		snprintf(error, FLOW_QUERY_ERROR_LEN,
			"this page shows addresses, so it is for loopback clients only\n");
		return MHD_HTTP_FORBIDDEN;
	}
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, read_parameter, &reading);
	if (!reading.failed)
		return MHD_HTTP_OK;
	strcat(error, "\n");
	return MHD_HTTP_BAD_REQUEST;
}

void flow_query_url(const struct flow_query *query, const char *server, char *url, size_t size)
{
	size_t server_length = strlen(server);
	FILE *out = fmemopen(url, size, "w");
	const char *before = "?";

	if (!out)
		return;
	while (server_length && server[server_length - 1] == '/')
		server_length--;
	fprintf(out, "%.*s%s", (int)server_length, server, paths[query->path]);
	for (size_t i = 0; i < PARAMETERS; i++) {
		const struct parameter *parameter = &parameters[i];
		unsigned value = *value_of(query, parameter);

		if (!value)
			continue;
		fprintf(out, "%s%s=", before, parameter->name);
		if (parameter->words[0])
			fputs(parameter->words[value], out);
		else
			fprintf(out, "%u", value);
		before = "&";
	}
	fclose(out);
}

const char *flow_by_name(enum flow_by by)
{
	return parameters[0].words[by];
}
