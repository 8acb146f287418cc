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
enum part { PART_NAMESPACE, PART_OWNER, PART_CONTAINER, PART_POD, PART_NODE, PARTS };

#define OWNER_LETTER 'a'

/* Of OpenTelemetry's rules: the annotation, the owner, the pod. */
static void name_by_pod(struct service *service, const char *annotated)
{
	const struct pod_identity *pod = &service->pod;
	const char *name = *annotated ? annotated : pod->owner_name[0] ? pod->owner_name : pod->pod;

	snprintf(service->name, sizeof(service->name), "%s", name);
	name_mark(service->name, SERVICE_NAME_LEN);
}

static void add_chosen(struct service *service, const struct pod_identity *pod)
{
	size_t length = strlen(service->key);
	char name[POD_CHOSEN_NAME_LEN];

	for (size_t i = 0; i < pod->choice->count; i++) {
		if (!pod->chosen[i][0])
			continue;
		pod_choice_label_name(name, pod->choice->chosen[i].attribute);
		length += (size_t)snprintf(service->key + length, sizeof(service->key) - length,
			"%c%s=%s", SERVICE_PART, name, pod->chosen[i]);
	}
}

void service_set_pod(struct service *service, const struct pod_identity *pod, const char *annotated)
{
	service->pod = *pod;
	if (!service->has_own_name)
		name_by_pod(service, annotated);
	snprintf(service->key, sizeof(service->key), "%s%c%s%c%c%s%c%s%c%s%c%s", service->name,
		SERVICE_PART, pod->namespace, SERVICE_PART, OWNER_LETTER + pod->owner,
		pod->owner_name, SERVICE_PART, pod->container, SERVICE_PART,
		pod->choice->tells_pod ? pod->pod : "", SERVICE_PART,
		pod->choice->tells_node ? pod->node : "");
	add_chosen(service, pod);
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

static void kind_add(
	struct service_labels *labels, const char *kind, const char *value, size_t length)
{
	char name[40];

	if (!kind)
		return;
	snprintf(name, sizeof(name), "k8s_%s_name", kind);
	label_add(labels, name, value, length);
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
	static const char *const kinds[PARTS] = {
		[PART_NAMESPACE] = "namespace",
		[PART_CONTAINER] = "container",
		[PART_POD] = "pod",
		[PART_NODE] = "node",
	};
	const char separator[] = {SERVICE_PART, '\0'};

	labels->count = 0;
	for (int i = 0; i < PARTS + POD_CHOSEN_MAX && *parts; i++) {
		size_t length = strcspn(parts, separator);

		if (i >= PARTS) {
			chosen_add(labels, parts, length);
		} else if (i != PART_OWNER) {
			kind_add(labels, kinds[i], parts, length);
		} else if (length && *parts >= OWNER_LETTER &&
			   *parts <= OWNER_LETTER + POD_OWNER_OTHER) {
			kind_add(labels, pod_owner_names[*parts - OWNER_LETTER], parts + 1,
				length - 1);
		}
		parts += length + (parts[length] == SERVICE_PART);
	}
}
