/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of configuration keys, from which everything else follows: what a YAML file, a
 * variable and a flag may say, the defaults, the help, and what takes a restart. Internal to
 * config*.c and its test; everybody else reads struct config.
 */
#ifndef SONDE_CONFIG_KEYS_H
#define SONDE_CONFIG_KEYS_H

#include "config/config.h"

enum config_type {
	CONFIG_BOOLEAN,  /* bool */
	CONFIG_CHOICE,   /* an enum: place of the word in `value_name` */
	CONFIG_TEXT,     /* char *, never NULL; so are the next two */
	CONFIG_ADDRESS,  /* ADDR:PORT */
	CONFIG_URL,      /* http or https, or empty */
	CONFIG_NUMBER,   /* uint64_t; so are the next three */
	CONFIG_DURATION, /* in nanoseconds */
	CONFIG_SIZE,     /* in bytes */
	CONFIG_SIZE_POWER_OF_TWO,
	CONFIG_ROUTES,    /* char ** and, at count_offset, size_t; so are the next ones */
	CONFIG_PEERS,     /* CIDR=NAME */
	CONFIG_HOSTS,     /* names of hosts, without a port */
	CONFIG_PROGRAMS,  /* names of BPF programs */
	CONFIG_POD_LABELS /* what pods are told by */
};

struct config_key {
	const char *name;
	enum config_type type;
	size_t offset;          /* of its field in struct config */
	size_t count_offset;    /* of a list's length */
	const char *value_name; /* what the help calls its value */
	const char *fallback;   /* default, as a person would write it */
	const char *least;      /* range of numbers, likewise */
	const char *most;
	bool needs_restart; /* SIGHUP cannot change it */
	bool not_in_file;
	const char *help;
};

#define CONFIG_KEYS_MAX     64 /* what is kept of each has so much room */
#define CONFIG_VARIABLE_LEN 32
#define CONFIG_LIST_MAX     100 /* each request is compared with the routes in turn */
#define CONFIG_PREFIX       "SONDE_"

extern const struct config_key config_keys[];
extern const size_t config_key_count; /* ≤ CONFIG_KEYS_MAX */

const struct config_key *config_key_find(const char *name); /* or NULL */

/* The key that someone probably meant by `name`, or NULL. */
const struct config_key *config_key_nearest(const char *name);

/* Its environment variable. */
void config_key_variable(const struct config_key *key, char variable[CONFIG_VARIABLE_LEN]);

/*
 * Sets a key from text. `where` (file, line and key, or variable, or flag) begins the error message
 * when the text is no good. Each returns false then, having filled error.
 */
bool config_key_set(struct config *config, const struct config_key *key, const char *text,
	const char *where, char error[CONFIG_ERROR_LEN]);

/* A list that comes item by item: emptied first, then added to. */
void config_list_clear(struct config *config, const struct config_key *key);
bool config_list_add(struct config *config, const struct config_key *key, const char *item,
	const char *where, char error[CONFIG_ERROR_LEN]);

/* Puts a message into `error`, on one line; returns false, for the caller to return. */
__attribute__((format(printf, 2, 3))) bool config_fail(
	char error[CONFIG_ERROR_LEN], const char *format, ...);

#endif
