/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod makes of a service (service.h): its name, and the parts of its key. */
#include <stdio.h>
#include <string.h>

#include "identity/reserved.h"
#include "identity/service.h"

/*
 * In their order. The owner's begins with a letter for its kind. Behind them comes, as often as
 * there is one, a label or annotation that was chosen: `k8s_pod_label_app=web`.
 */
enum part {
	PART_NAMESPACE,
	PART_OWNER,
	PART_CONTAINER,
	PART_POD,
	PART_NODE,
	PART_SERVICE_NAMESPACE,
	PARTS
};

#define OWNER_LETTER 'a'

/* The first that says something. */
static void take_first(char *to, size_t size, const char *const *from, size_t count)
{
	for (size_t i = 0; i < count && !*to; i++)
		snprintf(to, size, "%s", from[i]);
}

#define TAKE_FIRST(to, ...)                                                                        \
	do {                                                                                       \
		const char *const from_[] = {__VA_ARGS__};                                         \
		take_first(to, sizeof(to), from_, sizeof(from_) / sizeof(*from_));                 \
	} while (0)

/* OpenTelemetry's rules for Kubernetes, below what the process says itself. */
static void describe_by_pod(struct service *service, const struct pod_service *said)
{
	const struct pod_identity *pod = &service->pod;
	bool uses_labels = pod->choice->names_by_labels;

	if (!service->has_own_name) {
		service->name[0] = '\0';
		TAKE_FIRST(service->name, said->name, uses_labels ? said->label_name : "",
			pod->owner_name, pod->pod);
		name_mark(service->name, SERVICE_NAME_LEN);
	}
	TAKE_FIRST(service->namespace, said->namespace);
	TAKE_FIRST(service->version, said->version, uses_labels ? said->label_version : "",
		said->image_version);
	TAKE_FIRST(service->instance, said->instance);
}

static void add_chosen(struct service *service, const struct pod_choice *choice)
{
	size_t length = strlen(service->key);
	char name[POD_CHOSEN_NAME_LEN];

	for (size_t i = 0; i < choice->count; i++) {
		if (!service->pod.chosen[i][0])
			continue;
		pod_choice_label_name(name, choice->chosen[i].attribute);
		length += (size_t)snprintf(service->key + length, sizeof(service->key) - length,
			"%c%s=%s", SERVICE_PART, name, service->pod.chosen[i]);
	}
}

void service_make_key(struct service *service)
{
	const struct pod_identity *pod = &service->pod;
	const struct pod_choice *choice = pod->choice ?: &pod_choice_none;

	snprintf(service->key, sizeof(service->key), "%s%c%s%c%c%s%c%s%c%s%c%s%c%s", service->name,
		SERVICE_PART, pod->namespace, SERVICE_PART, OWNER_LETTER + pod->owner,
		pod->owner_name, SERVICE_PART, pod->container, SERVICE_PART,
		choice->tells_pod ? pod->pod : "", SERVICE_PART,
		choice->tells_node ? pod->node : "", SERVICE_PART, service->namespace);
	add_chosen(service, choice);
}

void service_set_pod(
	struct service *service, const struct pod_identity *pod, const struct pod_service *said)
{
	service->pod = *pod;
	describe_by_pod(service, said);
	service_make_key(service);
}

const char *service_key_name(char name[SERVICE_NAME_LEN], const char *key)
{
	const char separator[] = {SERVICE_PART, '\0'};
	size_t length = strcspn(key, separator);

	snprintf(name, SERVICE_NAME_LEN, "%.*s", (int)length, key);
	return key[length] ? key + length + 1 : "";
}

static void label_add(
	struct service_labels *labels, const char *name, const char *value, size_t length)
{
	size_t place = labels->count;

	if (!length || length >= sizeof(labels->values[place]))
		return;
	snprintf(labels->names[place], sizeof(labels->names[place]), "%s", name);
	memcpy(labels->values[place], value, length);
	labels->values[place][length] = '\0';
	labels->count++;
}

static void label_add_owner(struct service_labels *labels, const char *value, size_t length)
{
	char name[40];
	const char *kind;

	if (!length || *value < OWNER_LETTER || *value > OWNER_LETTER + POD_OWNER_OTHER)
		return;
	kind = pod_owner_names[*value - OWNER_LETTER];
	snprintf(name, sizeof(name), "k8s_%s_name", kind ?: "");
	if (kind)
		label_add(labels, name, value + 1, length - 1);
}

static void chosen_add(struct service_labels *labels, const char *part, size_t length)
{
	const char *equals = memchr(part, '=', length);
	char name[POD_CHOSEN_NAME_LEN];

	if (!equals || equals == part || (size_t)(equals - part) >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - part), part);
	label_add(labels, name, equals + 1, length - (size_t)(equals + 1 - part));
}

void service_parts_read(struct service_labels *labels, const char *parts)
{
	static const char *const names[PARTS] = {
		[PART_NAMESPACE] = "k8s_namespace_name",
		[PART_CONTAINER] = "k8s_container_name",
		[PART_POD] = "k8s_pod_name",
		[PART_NODE] = "k8s_node_name",
		[PART_SERVICE_NAMESPACE] = "service_namespace",
	};
	const char separator[] = {SERVICE_PART, '\0'};

	labels->count = 0;
	for (int i = 0; i < PARTS + POD_CHOSEN_MAX && *parts; i++) {
		size_t length = strcspn(parts, separator);

		if (i >= PARTS)
			chosen_add(labels, parts, length);
		else if (i == PART_OWNER)
			label_add_owner(labels, parts, length);
		else
			label_add(labels, names[i], parts, length);
		parts += length + (parts[length] == SERVICE_PART);
	}
}
