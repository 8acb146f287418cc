/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of configuration keys: from text to the field in struct config, or to an error that says
 * what would be right. Does not care where the text comes from.
 */
#include "config/config_keys.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"
#include "base/route_pattern.h"
#include "kernel/load/programs.h"

/* What the error messages call a value of each type, and what they suggest to write. */
static const struct {
	const char *noun, *example;
} kinds[] = {
	[CONFIG_BOOLEAN] = {"boolean", "true or false"},
	[CONFIG_ADDRESS] = {"address", "e.g. 127.0.0.1:9760, 0.0.0.0:9760 or [::1]:9760"},
	[CONFIG_URL] = {"URL", "e.g. http://127.0.0.1:4318 or https://HOST"},
	[CONFIG_NUMBER] = {"number", "digits only, e.g. 2000"},
	[CONFIG_DURATION] = {"duration", "e.g. 250ms, 5s or 2m"},
	[CONFIG_SIZE] = {"size", "e.g. 512KiB or 4MiB"},
	[CONFIG_SIZE_POWER_OF_TWO] = {"size", "e.g. 512KiB or 4MiB"},
	[CONFIG_ROUTES] = {"route", "a path that begins with /, e.g. /users/{id} or /static/*"},
	[CONFIG_HOSTS] = {"name of a host", "one without a port, e.g. node1.example.org"},
	[CONFIG_POD_LABELS] = {"word for what pods are told by",
		"owner, pod, node, label:KEY or annotation:KEY, e.g. label:app"},
	[CONFIG_PEERS] = {"name of a network", "CIDR=NAME, e.g. 10.0.0.0/8=internal"},
};

bool config_fail(char error[CONFIG_ERROR_LEN], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, CONFIG_ERROR_LEN, format, arguments);
	va_end(arguments);
	/* A value may hold anything; what is wrong with it is still one line on a terminal. */
	for (char *at = error; *at; at++) {
		if (iscntrl((unsigned char)*at))
			*at = '?';
	}
	return false;
}

static bool fail_kind(enum config_type type, const char *text, const char *where, char *error)
{
	return config_fail(error, "%s: \"%.100s\" is no %s; write %s", where, text,
		kinds[type].noun, kinds[type].example);
}

/* --- numbers --- */

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit number_units[] = {{"", 1}, {NULL, 0}};
static const struct unit duration_units[] = {
	{"us", 1000},
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", 60 * UINT64_C(1000000000)},
	{"h", 3600 * UINT64_C(1000000000)},
	{NULL, 0},
};
static const struct unit size_units[] = {
	{"KiB", 1024},
	{"MiB", 1024 * 1024},
	{"GiB", 1024 * 1024 * 1024},
	{NULL, 0},
};

/* What does not fit becomes UINT64_MAX, as with strtoull() itself; no range allows that. */
static bool parse_quantity(const char *text, const struct unit *units, uint64_t *value)
{
	char *rest;

	if (!isdigit((unsigned char)*text))
		return false;
	*value = strtoull(text, &rest, 10);
	if (*value == 0 && *rest == '\0')
		return true; /* nothing is nothing in any unit */
	for (const struct unit *unit = units; unit->name; unit++) {
		if (strcmp(unit->name, rest) != 0)
			continue;
		if (__builtin_mul_overflow(*value, unit->factor, value))
			*value = UINT64_MAX;
		return true;
	}
	return false;
}

static bool set_quantity(uint64_t *field, const struct config_key *key, const char *text,
	const char *where, char *error)
{
	const struct unit *units = size_units;
	bool power_of_two = key->type == CONFIG_SIZE_POWER_OF_TWO;
	uint64_t value, least, most;

	if (key->type == CONFIG_NUMBER)
		units = number_units;
	else if (key->type == CONFIG_DURATION)
		units = duration_units;

	if (!parse_quantity(text, units, &value))
		return fail_kind(key->type, text, where, error);
	parse_quantity(key->least, units, &least);
	parse_quantity(key->most, units, &most);
	if (value < least || value > most || (power_of_two && (value & (value - 1)) != 0))
		return config_fail(error, "%s: %.100s is not %sbetween %s and %s", where, text,
			power_of_two ? "a power of two " : "", key->least, key->most);
	*field = value;
	return true;
}

/* --- words --- */

static bool set_boolean(bool *field, const char *text, const char *where, char *error)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return fail_kind(CONFIG_BOOLEAN, text, where, error);
	*field = text[0] == 't';
	return true;
}

/* The enums count from 0 in the order in which the value_name ("text|json") names them. */
static bool set_choice(unsigned *field, const struct config_key *key, const char *text,
	const char *where, char *error)
{
	const char *choice = key->value_name;

	for (unsigned i = 0;; i++) {
		size_t length = strcspn(choice, "|");

		if (strlen(text) == length && strncmp(choice, text, length) == 0) {
			*field = i;
			return true;
		}
		if (choice[length] == '\0')
			return config_fail(error, "%s: \"%.100s\" is none of %s", where, text,
				key->value_name);
		choice += length + 1;
	}
}

/* --- addresses --- */

static bool is_port(const char *text, size_t length, unsigned least)
{
	unsigned port = 0;

	if (length < 1 || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port >= least && port <= 65535;
}

/* IPv4:PORT or [IPv6]:PORT, numeric: a name would have to be resolved before the network is up. */
static bool is_listen_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	struct in6_addr address;
	bool bracketed = text[0] == '[';

	if (!colon || !is_port(colon + 1, strlen(colon + 1), 0))
		return false;
	size_t length = (size_t)(colon - text);
	if (bracketed) {
		if (length < 2 || text[length - 1] != ']')
			return false;
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	return inet_pton(bracketed ? AF_INET6 : AF_INET, host, &address) == 1;
}

/* Letters, digits, "-", "_" and ".", which is neither first nor last. */
static bool is_host_name(const char *text)
{
	size_t length = strlen(text);

	for (const char *at = text; *at; at++) {
		if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
			return false;
	}
	return length > 0 && length <= 253 && text[0] != '.' && text[length - 1] != '.';
}

/* SCHEME://HOST[:PORT][/PATH]; the exporter adds to the path, so nothing may come after it. */
static bool is_collector_url(const char *text)
{
	if (strncasecmp(text, "http://", 7) == 0)
		text += 7;
	else if (strncasecmp(text, "https://", 8) == 0)
		text += 8;
	else
		return false;

	for (const char *at = text; *at; at++) {
		if (!isgraph((unsigned char)*at) || strchr("?#\"<>\\", *at))
			return false;
	}

	const char *end = text + strcspn(text, "/");
	const char *user = memchr(text, '@', (size_t)(end - text));
	const char *host = user ? user + 1 : text;
	const char *host_end = memchr(host, *host == '[' ? ']' : ':', (size_t)(end - host));
	if (*host == '[') {
		if (!host_end)
			return false;
		host_end++;
	} else if (!host_end) {
		host_end = end;
	}
	if (host_end == host)
		return false;
	return host_end == end ||
	       (*host_end == ':' && is_port(host_end + 1, (size_t)(end - host_end - 1), 1));
}

/* --- text and lists --- */

static bool set_text(char **field, const char *text, const char *where, char *error)
{
	char *copy = strdup(text);

	if (!copy)
		return config_fail(error, "%s: no memory", where);
	free(*field);
	*field = copy;
	return true;
}

void config_list_clear(struct config *config, const struct config_key *key)
{
	char ***items = (char ***)((char *)config + key->offset);
	size_t *count = (size_t *)((char *)config + key->count_offset);

	while (*count > 0)
		free((*items)[--*count]);
	free(*items);
	*items = NULL;
}

static bool fail_program(const char *text, const char *where, char *error)
{
	char names[CONFIG_ERROR_LEN] = "";
	size_t length = 0;

	for (size_t i = 0; i < program_count && length < sizeof(names); i++)
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
			i ? ", " : "", program_table[i].name);
	return config_fail(error, "%s: \"%.100s\" is no program; there are %s", where, text, names);
}

bool config_list_add(struct config *config, const struct config_key *key, const char *item,
	const char *where, char error[CONFIG_ERROR_LEN])
{
	char ***items = (char ***)((char *)config + key->offset);
	size_t *count = (size_t *)((char *)config + key->count_offset);
	struct network network;

	if (key->type == CONFIG_ROUTES && !route_pattern_valid(item))
		return fail_kind(CONFIG_ROUTES, item, where, error);
	if (key->type == CONFIG_PEERS && !network_read(&network, item, NULL))
		return fail_kind(CONFIG_PEERS, item, where, error);
	if (key->type == CONFIG_POD_LABELS && !pod_choice_is_item(item))
		return fail_kind(CONFIG_POD_LABELS, item, where, error);
	if (key->type == CONFIG_HOSTS && !is_host_name(item))
		return fail_kind(CONFIG_HOSTS, item, where, error);
	if (key->type == CONFIG_PROGRAMS && !program_find(item))
		return fail_program(item, where, error);
	if (*count == CONFIG_LIST_MAX)
		return config_fail(error, "%s: more than %d in a list", where, CONFIG_LIST_MAX);

	char **grown = reallocarray(*items, *count + 1, sizeof(*grown));
	if (!grown)
		return config_fail(error, "%s: no memory", where);
	*items = grown;
	grown[*count] = NULL;
	if (!set_text(&grown[*count], item, where, error))
		return false;
	(*count)++;
	return true;
}

/* Comma-separated, blanks around the commas allowed; empty text is the empty list. */
static bool set_list(struct config *config, const struct config_key *key, const char *text,
	const char *where, char *error)
{
	config_list_clear(config, key);
	if (text[strspn(text, " ")] == '\0')
		return true;

	char *copy = strdup(text), *rest = copy;
	if (!copy)
		return config_fail(error, "%s: no memory", where);
	bool good = true;
	while (good && rest) {
		char *item = strsep(&rest, ",");

		item += strspn(item, " ");
		for (size_t length = strlen(item); length > 0 && item[length - 1] == ' '; length--)
			item[length - 1] = '\0';
		good = config_list_add(config, key, item, where, error);
	}
	free(copy);
	return good;
}

bool config_key_set(struct config *config, const struct config_key *key, const char *text,
	const char *where, char error[CONFIG_ERROR_LEN])
{
	void *field = (char *)config + key->offset;

	switch (key->type) {
	case CONFIG_BOOLEAN: return set_boolean(field, text, where, error);
	case CONFIG_CHOICE: return set_choice(field, key, text, where, error);
	case CONFIG_ADDRESS:
		if (!is_listen_address(text))
			return fail_kind(key->type, text, where, error);
		return set_text(field, text, where, error);
	case CONFIG_URL:
		if (*text && !is_collector_url(text))
			return fail_kind(key->type, text, where, error);
		return set_text(field, text, where, error);
	case CONFIG_TEXT: return set_text(field, text, where, error);
	case CONFIG_NUMBER:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_SIZE_POWER_OF_TWO: return set_quantity(field, key, text, where, error);
	case CONFIG_ROUTES:
	case CONFIG_PEERS:
	case CONFIG_HOSTS:
	case CONFIG_POD_LABELS:
	case CONFIG_PROGRAMS: return set_list(config, key, text, where, error);
	}
	return false;
}
