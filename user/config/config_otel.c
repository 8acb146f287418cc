/* SPDX-License-Identifier: Apache-2.0 */
/* See config_otel.h. */
#include "config/config_otel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_keys.h"

#define PREFIX "OTEL_EXPORTER_OTLP_"

static const struct otel_variable {
	const char *name; /* behind PREFIX */
	const char *key;
	const char *unit; /* of the value, which has none written */
} variables[] = {
	{"ENDPOINT", "otlp-endpoint", ""},
	{"TRACES_ENDPOINT", "otlp-traces-endpoint", ""},
	{"LOGS_ENDPOINT", "otlp-logs-endpoint", ""},
	{"COMPRESSION", "otlp-compression", ""},
	{"TIMEOUT", "otlp-timeout", "ms"},
};

#define VARIABLES (sizeof(variables) / sizeof(*variables))

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

/* Sets the key that a variable, whose value is `value`, stands in for. */
static bool set_key(struct config *config, const struct otel_variable *variable, const char *value,
	char error[CONFIG_ERROR_LEN])
{
	char where[64], text[CONFIG_ERROR_LEN];

	snprintf(where, sizeof(where), PREFIX "%s", variable->name);
	snprintf(text, sizeof(text), "%s%s", value, variable->unit);
	return config_key_set(config, config_key_find(variable->key), text, where, error);
}

bool config_otel_apply(struct config *config, char error[CONFIG_ERROR_LEN])
{
	for (const struct otel_variable *variable = variables; variable < variables + VARIABLES;
		variable++) {
		const struct config_key *key = config_key_find(variable->key);
		char name[64], own[CONFIG_VARIABLE_LEN];

		snprintf(name, sizeof(name), PREFIX "%s", variable->name);
		config_key_variable(key, own);
		if (!is_set(name) || getenv(own))
			continue;
		/* what is not understood has no effect, as the specification wants; it is told
		   at the start */
		if (!set_key(config, variable, getenv(name), error) && key->type == CONFIG_URL)
			return false;
	}
	return true;
}

/* Whether a variable, its name without PREFIX, does what it says. */
static bool has_effect(const char *name, const char *value)
{
	static const char *const headers[] = {"HEADERS", "TRACES_HEADERS", "LOGS_HEADERS"};
	char error[CONFIG_ERROR_LEN];
	struct config scratch = {0};
	bool valid;

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		if (!strcmp(name, headers[i]))
			return true;
	for (size_t i = 0; i < VARIABLES; i++) {
		if (strcmp(name, variables[i].name) != 0)
			continue;
		valid = set_key(&scratch, &variables[i], value, error);
		config_free(&scratch);
		return valid;
	}
	return (!strcmp(name, "PROTOCOL") || !strcmp(name, "TRACES_PROTOCOL") ||
		       !strcmp(name, "LOGS_PROTOCOL")) &&
	       !strcmp(value, "http/protobuf");
}

const char *config_otel_ignored(char *names, size_t size)
{
	size_t used = 0;

	names[0] = '\0';
	for (char **entry = environ; entry && *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		char name[64];

		if (!equals || !equals[1] || strncmp(*entry, PREFIX, strlen(PREFIX)) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(equals - *entry), *entry);
		if (has_effect(name + strlen(PREFIX), equals + 1))
			continue;
		used += (size_t)snprintf(names + used, size - used, "%s%s", used ? " " : "", name);
		if (used >= size)
			break;
	}
	return names;
}
