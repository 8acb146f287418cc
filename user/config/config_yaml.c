/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration file. libyaml gives the document as a tree that knows its lines; here it
 * is checked to be one flat mapping, and each pair goes to config_key_set().
 */
#include "config/config_yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define FILE_LEN_MAX (1024 * 1024) /* thousands of routes; more is the wrong file */

struct file {
	const char *path;
	struct config *config;
	char *error;
	yaml_document_t document;
	size_t line_set[CONFIG_KEYS_MAX]; /* where each key was set, 0: nowhere yet */
};

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

/* The text of a scalar, or NULL when it is none or has a NUL inside. */
static const char *scalar_text(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE)
		return NULL;

	const char *text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length)
		return NULL;
	/* `key:` and `key: null` are how YAML says nothing. */
	if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		(strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0))
		return "";
	return text;
}

static bool set_sequence(
	struct file *file, const struct config_key *key, const yaml_node_t *node, const char *where)
{
	if (!key->count_offset)
		return config_fail(file->error, "%s: takes one value, not a list", where);

	config_list_clear(file->config, key);
	for (yaml_node_item_t *item = node->data.sequence.items.start;
		item < node->data.sequence.items.top; item++) {
		const yaml_node_t *value = yaml_document_get_node(&file->document, *item);
		const char *text = scalar_text(value);
		char item_where[CONFIG_ERROR_LEN];

		snprintf(item_where, sizeof(item_where), "%s:%zu: %s", file->path, line_of(value),
			key->name);
		if (!text)
			return config_fail(
				file->error, "%s: an item of the list must be text", item_where);
		if (!config_list_add(file->config, key, text, item_where, file->error))
			return false;
	}
	return true;
}

static bool set_pair(struct file *file, const yaml_node_t *name_node, const yaml_node_t *value)
{
	const char *name = scalar_text(name_node);
	size_t line = line_of(name_node);

	if (!name)
		return config_fail(
			file->error, "%s:%zu: a key must be plain text", file->path, line);

	const struct config_key *key = config_key_find(name);
	if (!key) {
		const struct config_key *nearest = config_key_nearest(name);

		if (nearest)
			return config_fail(file->error,
				"%s:%zu: %.100s: unknown key; did you mean %s?", file->path, line,
				name, nearest->name);
		return config_fail(file->error,
			"%s:%zu: %.100s: unknown key; `sonde run --help` lists them all",
			file->path, line, name);
	}

	char where[CONFIG_ERROR_LEN];
	snprintf(where, sizeof(where), "%s:%zu: %s", file->path, line, key->name);
	if (key->not_in_file)
		return config_fail(file->error,
			"%s: has no place in a file; set it by flag or environment", where);

	size_t *line_set = &file->line_set[key - config_keys];
	if (*line_set)
		return config_fail(
			file->error, "%s: is set twice; first in line %zu", where, *line_set);
	*line_set = line;

	if (value->type == YAML_MAPPING_NODE)
		return config_fail(file->error, "%s: takes a value, not a mapping", where);
	if (value->type == YAML_SEQUENCE_NODE)
		return set_sequence(file, key, value, where);
	const char *text = scalar_text(value);
	if (!text)
		return config_fail(file->error, "%s: has a NUL inside its value", where);
	return config_key_set(file->config, key, text, where, file->error);
}

static bool set_document(struct file *file)
{
	const yaml_node_t *root = yaml_document_get_root_node(&file->document);
	const char *text = scalar_text(root);

	if (text && *text == '\0')
		return true; /* `---` and nothing more */
	if (root->type != YAML_MAPPING_NODE)
		return config_fail(file->error,
			"%s:%zu: must be keys with values, one a line, e.g. \"listen: "
			"0.0.0.0:9760\"",
			file->path, line_of(root));

	for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
		pair < root->data.mapping.pairs.top; pair++) {
		if (!set_pair(file, yaml_document_get_node(&file->document, pair->key),
			    yaml_document_get_node(&file->document, pair->value)))
			return false;
	}
	return true;
}

/* libyaml has a line for what it cannot parse, but only an offset for bytes that are no text. */
static bool fail_syntax(const struct file *file, const yaml_parser_t *parser, const char *bytes)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return config_fail(file->error, "%s: no memory", file->path);
	if (parser->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < parser->problem_offset; i++)
			line += bytes[i] == '\n';
	}
	return config_fail(file->error, "%s:%zu: is no YAML: %s", file->path, line,
		parser->problem ? parser->problem : "cannot be parsed");
}

static bool read_documents(struct file *file, yaml_parser_t *parser, const char *bytes)
{
	for (size_t documents = 0;; documents++) {
		if (!yaml_parser_load(parser, &file->document))
			return fail_syntax(file, parser, bytes);

		const yaml_node_t *root = yaml_document_get_root_node(&file->document);
		bool good = true;
		if (root && documents > 0)
			good = config_fail(file->error,
				"%s:%zu: a second document begins; one is all that is read",
				file->path, line_of(root));
		else if (root)
			good = set_document(file);
		yaml_document_delete(&file->document);
		if (!good || !root)
			return good;
	}
}

/*
 * Only a regular file: opening or reading a pipe could wait for ever. Nor one that everybody may
 * write to: what it says is done with Sonde's privileges. NULL: error[] says why.
 */
static FILE *file_open(const char *path, char error[CONFIG_ERROR_LEN])
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat status;

	if (!stream || fstat(fd, &status)) {
		config_fail(error, "%s: cannot be read: %s", path, strerror(errno));
	} else if (!S_ISREG(status.st_mode)) {
		config_fail(error, "%s: cannot be read: is no regular file", path);
	} else if (status.st_mode & S_IWOTH) {
		config_fail(error,
			"%s: everybody may write to it (mode %04o), and Sonde would do what it "
			"says: chmod o-w",
			path, (unsigned)status.st_mode & 07777);
	} else {
		return stream;
	}
	if (stream)
		fclose(stream);
	else if (fd >= 0)
		close(fd);
	return NULL;
}

/* The whole file; the caller frees it. NULL: error[] says why. */
static char *read_bytes(const char *path, size_t *length, char error[CONFIG_ERROR_LEN])
{
	FILE *stream = file_open(path, error);
	char *bytes = NULL;

	if (!stream)
		return NULL;
	bytes = malloc(FILE_LEN_MAX + 1);
	if (!bytes) {
		config_fail(error, "%s: no memory", path);
	} else {
		*length = fread(bytes, 1, FILE_LEN_MAX + 1, stream);
		const char *wrong = ferror(stream) ? strerror(errno) : NULL;
		if (!wrong && *length > FILE_LEN_MAX)
			wrong = "it is larger than 1MiB";
		if (wrong) {
			config_fail(error, "%s: cannot be read: %s", path, wrong);
			free(bytes);
			bytes = NULL;
		}
	}
	fclose(stream);
	return bytes;
}

bool config_read_yaml(struct config *config, const char *path, char error[CONFIG_ERROR_LEN])
{
	struct file file = {.path = path, .config = config, .error = error};
	yaml_parser_t parser;
	size_t length;

	char *bytes = read_bytes(path, &length, error);
	if (!bytes)
		return false;
	bool good = yaml_parser_initialize(&parser);
	if (good) {
		yaml_parser_set_input_string(&parser, (unsigned char *)bytes, length);
		good = read_documents(&file, &parser, bytes);
		yaml_parser_delete(&parser);
	} else {
		config_fail(error, "%s: no memory", path);
	}
	free(bytes);
	return good;
}
