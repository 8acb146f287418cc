/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod makes of a service (service.h): its name, and the parts of its key. */
#include <stdio.h>
#include <string.h>

#include "identity/reserved.h"
#include "identity/service.h"

/* In their order. The owner's begins with a letter for its kind. */
enum part { PART_NAMESPACE, PART_OWNER, PART_CONTAINER, PART_POD, PARTS };

#define OWNER_LETTER 'a'

/* Of OpenTelemetry's rules: the annotation, the owner, the pod. */
static void name_by_pod(struct service *service, const char *annotated)
{
	const struct pod_identity *pod = &service->pod;
	const char *name = *annotated ? annotated : pod->owner_name[0] ? pod->owner_name : pod->pod;

	snprintf(service->name, sizeof(service->name), "%s", name);
	name_mark(service->name, SERVICE_NAME_LEN);
}

void service_set_pod(struct service *service, const struct pod_identity *pod, const char *annotated,
	bool tells_pod)
{
	service->pod = *pod;
	if (!service->has_own_name)
		name_by_pod(service, annotated);
	snprintf(service->key, sizeof(service->key), "%s%c%s%c%c%s%c%s%c%s", service->name,
		SERVICE_PART, pod->namespace, SERVICE_PART, OWNER_LETTER + pod->owner,
		pod->owner_name, SERVICE_PART, pod->container, SERVICE_PART,
		tells_pod ? pod->pod : "");
}

const char *service_key_name(char name[SERVICE_NAME_LEN], const char *key)
{
	const char separator[] = {SERVICE_PART, '\0'};
	size_t length = strcspn(key, separator);

	snprintf(name, SERVICE_NAME_LEN, "%.*s", (int)length, key);
	return key[length] ? key + length + 1 : "";
}

static void label_add(
	struct service_labels *labels, const char *kind, const char *value, size_t length)
{
	size_t place = labels->count;

	if (!kind || !length || length >= sizeof(labels->values[place]))
		return;
	snprintf(labels->names[place], sizeof(labels->names[place]), "k8s_%s_name", kind);
	memcpy(labels->values[place], value, length);
	labels->values[place][length] = '\0';
	labels->count++;
}

void service_parts_read(struct service_labels *labels, const char *parts)
{
	static const char *const kinds[PARTS] = {
		[PART_NAMESPACE] = "namespace",
		[PART_CONTAINER] = "container",
		[PART_POD] = "pod",
	};
	const char separator[] = {SERVICE_PART, '\0'};

	labels->count = 0;
	for (int i = 0; i < PARTS && *parts; i++) {
		size_t length = strcspn(parts, separator);

		if (i != PART_OWNER) {
			label_add(labels, kinds[i], parts, length);
		} else if (length && *parts >= OWNER_LETTER &&
			   *parts <= OWNER_LETTER + POD_OWNER_OTHER) {
			label_add(labels, pod_owner_names[*parts - OWNER_LETTER], parts + 1,
				length - 1);
		}
		parts += length + (parts[length] == SERVICE_PART);
	}
}
