/* SPDX-License-Identifier: Apache-2.0 */
/* See pod_choice.h. */
#include "kubernetes/pod_choice.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LABEL      "label:"
#define ANNOTATION "annotation:"

#define LABEL_PREFIX      "k8s.pod.label."
#define ANNOTATION_PREFIX "k8s.pod.annotation."

const struct pod_choice pod_choice_none;

/* The key behind `prefix`, or NULL. */
static const char *key_behind(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;
}

/* What Kubernetes takes for a key: `app`, `app.kubernetes.io/name`. */
static bool is_key(const char *text)
{
	size_t length = strlen(text);

	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_./", *at))
			return false;
	return length && length < POD_CHOSEN_KEY_LEN && isalnum((unsigned char)text[0]) &&
	       isalnum((unsigned char)text[length - 1]);
}

bool pod_choice_is_item(const char *text)
{
	const char *key = key_behind(text, LABEL) ?: key_behind(text, ANNOTATION);

	if (key)
		return is_key(key);
	return strcmp(text, "owner") == 0 || strcmp(text, "pod") == 0 || strcmp(text, "node") == 0;
}

static const char *prefix_of(bool is_annotation)
{
	return is_annotation ? ANNOTATION_PREFIX : LABEL_PREFIX;
}

const char *pod_chosen_key(const struct pod_chosen_key *chosen)
{
	return chosen->attribute + strlen(prefix_of(chosen->is_annotation));
}

void pod_choice_label_name(char name[POD_CHOSEN_NAME_LEN], const char *attribute)
{
	size_t length = 0;

	for (; attribute[length]; length++)
		name[length] = isalnum((unsigned char)attribute[length]) ? attribute[length] : '_';
	name[length] = '\0';
}

static bool is_taken(const struct pod_choice *choice, const char *attribute)
{
	char name[POD_CHOSEN_NAME_LEN], other[POD_CHOSEN_NAME_LEN];

	pod_choice_label_name(name, attribute);
	for (size_t i = 0; i < choice->count; i++) {
		pod_choice_label_name(other, choice->chosen[i].attribute);
		if (strcmp(name, other) == 0)
			return true;
	}
	return false;
}

static bool choose(struct pod_choice *choice, const char *item, char error[POD_CHOICE_ERROR_LEN])
{
	const char *label = key_behind(item, LABEL), *annotation = key_behind(item, ANNOTATION);
	struct pod_chosen_key chosen = {.is_annotation = annotation != NULL};

	if (choice->count == POD_CHOSEN_MAX) {
		snprintf(error, POD_CHOICE_ERROR_LEN,
			"kubernetes-labels: more than %d labels and annotations", POD_CHOSEN_MAX);
		return false;
	}
	snprintf(chosen.attribute, sizeof(chosen.attribute), "%s%s",
		prefix_of(chosen.is_annotation), annotation ?: label);
	if (is_taken(choice, chosen.attribute)) {
		snprintf(error, POD_CHOICE_ERROR_LEN,
			"kubernetes-labels: %.90s would be called as another one", item);
		return false;
	}
	choice->chosen[choice->count++] = chosen;
	return true;
}

bool pod_choice_read(struct pod_choice *choice, char *const *items, size_t count,
	char error[POD_CHOICE_ERROR_LEN])
{
	*choice = (struct pod_choice){0};
	for (size_t i = 0; i < count; i++) {
		if (strcmp(items[i], "pod") == 0)
			choice->tells_pod = true;
		else if (strcmp(items[i], "node") == 0)
			choice->tells_node = true;
		else if (strchr(items[i], ':') && !choose(choice, items[i], error))
			return false;
	}
	return true;
}
