/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: the layers (default, file, environment, flags) in the order in which they win, and
 * what else follows from the table of keys (config_keys.h): help, and what takes a restart. Values
 * are judged in config_values.c, the file is read in config_yaml.c. main.c calls it at start and on
 * SIGHUP.
 */
#include "config/config.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_keys.h"
#include "config/config_otel.h"
#include "config/config_yaml.h"
#include "export/lines/line_log.h"

/*
 * Kubernetes puts these into every container of a namespace that has a Service whose name begins
 * with "sonde"; a DaemonSet must not die of them.
 */
#define SERVICE_LINK                                                                               \
	"^SONDE(_[A-Z0-9_]+)?_"                                                                    \
	"(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)=|"                                                     \
	"PORT(_[0-9]+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://|"                                         \
	"PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=)"

static bool set_defaults(struct config *config, char *error)
{
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		if (!config_key_set(config, key, key->fallback, key->name, error))
			return false;
	}
	return true;
}

/* --- environment --- */

static bool is_service_link(const char *entry)
{
	regex_t pattern;

	if (regcomp(&pattern, SERVICE_LINK, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	bool matches = regexec(&pattern, entry, 0, NULL, 0) == 0;
	regfree(&pattern);
	return matches;
}

/* The key that owns the `length` bytes at `variable`, or NULL. */
static const struct config_key *find_variable(const char *variable, size_t length)
{
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		char name[CONFIG_VARIABLE_LEN];

		config_key_variable(key, name);
		if (strlen(name) == length && memcmp(name, variable, length) == 0)
			return key;
	}
	return NULL;
}

static bool fail_variable(const char *variable, size_t length, char *error)
{
	char meant[2 * CONFIG_VARIABLE_LEN];
	const struct config_key *nearest;

	/* What key it would be, so as to find one that is spelled alike. */
	snprintf(meant, sizeof(meant), "%.*s", (int)length, variable);
	for (char *at = meant; *at; at++) {
		if (*at == '_')
			*at = '-';
		else if (*at >= 'A' && *at <= 'Z')
			*at += 'a' - 'A';
	}
	nearest = config_key_nearest(meant + strlen(CONFIG_PREFIX));
	if (!nearest)
		return config_fail(error,
			"%.*s: unknown variable; `sonde run --help` lists the keys", (int)length,
			variable);
	config_key_variable(nearest, meant);
	return config_fail(
		error, "%.*s: unknown variable; did you mean %s?", (int)length, variable, meant);
}

/* Applies the variable of one key, or, when `only` is NULL, of all. */
static bool apply_environment(struct config *config, const struct config_key *only, char *error)
{
	if (!only && !config_otel_apply(config, error))
		return false;

	for (char **entry = environ; entry && *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		char variable[CONFIG_VARIABLE_LEN];

		if (!equals || strncmp(*entry, CONFIG_PREFIX, strlen(CONFIG_PREFIX)) != 0)
			continue;
		size_t length = (size_t)(equals - *entry);
		const struct config_key *key = find_variable(*entry, length);
		if (!key) {
			if (only || is_service_link(*entry))
				continue;
			return fail_variable(*entry, length, error);
		}
		config_key_variable(key, variable);
		if ((!only || key == only) &&
			!config_key_set(config, key, equals + 1, variable, error))
			return false;
	}
	return true;
}

/* --- flags --- */

struct arguments {
	char *const *next, *const *end;
};

struct flag {
	const struct config_key *key;
	const char *value;                  /* NULL: none came with it */
	bool negated;                       /* --no-NAME */
	char name[2 + CONFIG_VARIABLE_LEN]; /* "--" and the key, for messages */
};

static bool fail_flag(const char *name, size_t length, char *error)
{
	char meant[2 * CONFIG_VARIABLE_LEN];

	snprintf(meant, sizeof(meant), "%.*s", (int)length, name);
	const struct config_key *nearest = config_key_nearest(meant);
	if (nearest)
		return config_fail(error, "--%.*s: unknown flag; did you mean --%s?", (int)length,
			name, nearest->name);
	return config_fail(error, "--%.*s: unknown flag; `sonde run --help` lists them all",
		(int)length, name);
}

/* `--no-NAME` of a boolean. */
static const struct config_key *find_negation(const char *name)
{
	const struct config_key *key = NULL;

	if (strncmp(name, "no-", 3) == 0)
		key = config_key_find(name + 3);
	return key && key->type == CONFIG_BOOLEAN ? key : NULL;
}

/* Finds the value of a flag that has none by `=`. */
static bool take_value(struct arguments *arguments, struct flag *flag, char *error)
{
	if (flag->negated && flag->value)
		return config_fail(error, "%s: takes no value", flag->name);
	if (flag->value)
		return true;
	if (flag->key->type == CONFIG_BOOLEAN) {
		flag->value = flag->negated ? "false" : "true";
		return true;
	}
	/* `--record --quiet` has forgotten the file; a file of that name can be given by `=`. */
	if (arguments->next == arguments->end || strncmp(*arguments->next, "--", 2) == 0)
		return config_fail(error, "%s: needs a value: %s %s", flag->name, flag->name,
			flag->key->value_name);
	flag->value = *arguments->next++;
	return true;
}

/* Takes a flag, with its value, off the arguments, of which at least one is left. */
static bool take_flag(struct arguments *arguments, struct flag *flag, char *error)
{
	const char *argument = *arguments->next++;
	char name[CONFIG_VARIABLE_LEN];

	if (argument[0] != '-')
		return config_fail(
			error, "\"%.100s\" belongs to no flag; write --NAME=VALUE", argument);
	if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0')
		return config_fail(error,
			"\"%.100s\" is no flag; `sonde run --help` lists them all", argument);
	argument += 2;

	size_t length = strcspn(argument, "=");
	if (length >= sizeof(name))
		return fail_flag(argument, length, error);
	snprintf(name, sizeof(name), "%.*s", (int)length, argument);
	snprintf(flag->name, sizeof(flag->name), "--%s", name);
	flag->value = argument[length] == '=' ? argument + length + 1 : NULL;

	flag->key = find_negation(name);
	flag->negated = flag->key != NULL;
	if (!flag->key)
		flag->key = config_key_find(name);
	if (!flag->key)
		return fail_flag(argument, length, error);
	return take_value(arguments, flag, error);
}

/* Applies the flags of one key, or, when `only` is NULL, of all. */
static bool apply_flags(struct config *config, struct arguments arguments,
	const struct config_key *only, char *error)
{
	while (arguments.next < arguments.end) {
		struct flag flag;

		if (!take_flag(&arguments, &flag, error))
			return false;
		if ((!only || flag.key == only) &&
			!config_key_set(config, flag.key, flag.value, flag.name, error))
			return false;
	}
	return true;
}

/* --- all together --- */

static bool check_combinations(const struct config *config, char *error)
{
	if (*config->record && *config->replay)
		return config_fail(error,
			"record and replay are both set (%.100s, %.100s): a replay has no kernel "
			"to record from; leave one out",
			config->record, config->replay);
	return true;
}

static bool load_layers(struct config *config, struct arguments arguments, char *error)
{
	const struct config_key *file = config_key_find("config");

	/* Which file it is has to be known before the layers above the file get their turn. */
	if (!set_defaults(config, error) || !apply_environment(config, file, error) ||
		!apply_flags(config, arguments, file, error))
		return false;
	if (*config->config && !config_read_yaml(config, config->config, error))
		return false;
	return apply_environment(config, NULL, error) &&
	       apply_flags(config, arguments, NULL, error) && check_combinations(config, error);
}

enum config_result config_load(
	struct config *config, int argc, char *const *argv, char error[CONFIG_ERROR_LEN])
{
	struct arguments arguments = {argv, argv + argc};

	*config = (struct config){0};
	error[0] = '\0';
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			config_print_help();
			return CONFIG_HELP;
		}
	}
	return load_layers(config, arguments, error) ? CONFIG_OK : CONFIG_BAD;
}

void config_free(struct config *config)
{
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		switch (key->type) {
		case CONFIG_TEXT:
		case CONFIG_ADDRESS:
		case CONFIG_URL: free(*(char **)((char *)config + key->offset)); break;
		case CONFIG_ROUTES:
		case CONFIG_PEERS:
		case CONFIG_HOSTS:
		case CONFIG_POD_LABELS:
		case CONFIG_PROGRAMS: config_list_clear(config, key); break;
		default: break;
		}
	}
	*config = (struct config){0};
}

static bool same_list(
	const struct config_key *key, const struct config *old, const struct config *new)
{
	char *const *a = *(char **const *)((const char *)old + key->offset);
	char *const *b = *(char **const *)((const char *)new + key->offset);
	size_t count = *(const size_t *)((const char *)old + key->count_offset);

	if (*(const size_t *)((const char *)new + key->count_offset) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool same_value(
	const struct config_key *key, const struct config *old, const struct config *new)
{
	const void *a = (const char *)old + key->offset;
	const void *b = (const char *)new + key->offset;

	switch (key->type) {
	case CONFIG_BOOLEAN: return *(const bool *)a == *(const bool *)b;
	case CONFIG_CHOICE: return *(const unsigned *)a == *(const unsigned *)b;
	case CONFIG_ROUTES:
	case CONFIG_PEERS:
	case CONFIG_HOSTS:
	case CONFIG_POD_LABELS:
	case CONFIG_PROGRAMS: return same_list(key, old, new);
	case CONFIG_TEXT:
	case CONFIG_ADDRESS:
	case CONFIG_URL: return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	default: return *(const uint64_t *)a == *(const uint64_t *)b;
	}
}

bool config_logs_to_stdout(const struct config *config)
{
	return !strcmp(config->flow_log, LINE_LOG_STDOUT) ||
	       !strcmp(config->event_log, LINE_LOG_STDOUT);
}

const char *config_restart_key(const struct config *old, const struct config *new)
{
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		if (key->needs_restart && !same_value(key, old, new))
			return key->name;
	}
	return NULL;
}

void config_print_help(void)
{
	puts("usage: sonde run [FLAG]...\n"
	     "\n"
	     "Each flag is also a key of the file that --config names, and a variable: what is\n"
	     "--slow-syscall 50ms here is `slow-syscall: 50ms` there and SONDE_SLOW_SYSCALL=50ms.\n"
	     "Flags win over variables, and these over the file. --tcp=false is --no-tcp.\n");
	printf("  %-34s %-15s %s\n", "flag", "default", "what it does");
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		char flag[64];

		snprintf(flag, sizeof(flag), "--%s %s", key->name,
			key->value_name ? key->value_name : "");
		printf("  %-34s %-15s %s\n", flag, *key->fallback ? key->fallback : "-", key->help);
	}
}
