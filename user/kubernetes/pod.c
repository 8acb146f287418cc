/* SPDX-License-Identifier: Apache-2.0 */
/* See pod.h. */
#include "kubernetes/pod.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdef"

/* What a CronJob puts behind its name: the minute at which the Job is due, since 1970. */
#define DUE_DIGITS_LEAST 8

const char *const pod_owner_names[POD_OWNER_OTHER + 1] = {
	[POD_OWNER_DEPLOYMENT] = "deployment",
	[POD_OWNER_REPLICASET] = "replicaset",
	[POD_OWNER_STATEFULSET] = "statefulset",
	[POD_OWNER_DAEMONSET] = "daemonset",
	[POD_OWNER_JOB] = "job",
	[POD_OWNER_CRONJOB] = "cronjob",
	[POD_OWNER_REPLICATIONCONTROLLER] = "replicationcontroller",
};

static const json_t *at(const json_t *object, const char *key)
{
	return json_object_get(object, key); /* NULL where it is no object, too */
}

/* "" where there is no text. */
static const char *text_at(const json_t *object, const char *key)
{
	return json_string_value(at(object, key)) ?: "";
}

static void copy(char *to, size_t size, const char *from)
{
	utf8_copy(to, size, from, SIZE_MAX);
}

/* --- owner --- */

static const struct {
	const char *kind;
	enum pod_owner owner;
} kinds[] = {
	{"ReplicaSet", POD_OWNER_REPLICASET}, {"StatefulSet", POD_OWNER_STATEFULSET},
	{"DaemonSet", POD_OWNER_DAEMONSET}, {"Job", POD_OWNER_JOB},
	{"ReplicationController", POD_OWNER_REPLICATIONCONTROLLER},
	{"Node", POD_OWNER_NONE}, /* of the mirror of a static pod */
};

static enum pod_owner owner_of_kind(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i].kind) == 0)
			return kinds[i].owner;
	return POD_OWNER_OTHER;
}

/* Cuts `-suffix` off a name that ends in it. */
static bool cut(char *name, const char *suffix)
{
	size_t length = strlen(name), end = strlen(suffix);

	if (!end || length < end + 2 || strcmp(name + length - end, suffix) != 0 ||
		name[length - end - 1] != '-')
		return false;
	name[length - end - 1] = '\0';
	return true;
}

/* A Deployment calls its ReplicaSets by its own name and the hash that their pods are labelled by.
 */
static void find_deployment(struct pod *pod, const json_t *labels)
{
	if (cut(pod->owner_name, text_at(labels, "pod-template-hash")))
		pod->owner = POD_OWNER_DEPLOYMENT;
}

static void find_cronjob(struct pod *pod)
{
	char *dash = strrchr(pod->owner_name, '-');
	size_t digits = dash ? strspn(dash + 1, DIGITS) : 0;

	if (digits < DUE_DIGITS_LEAST || dash == pod->owner_name || dash[1 + digits])
		return;
	*dash = '\0';
	pod->owner = POD_OWNER_CRONJOB;
}

static void read_owner(struct pod *pod, const json_t *metadata)
{
	size_t i;
	json_t *owner;

	json_array_foreach(at(metadata, "ownerReferences"), i, owner)
	{
		if (!json_is_true(at(owner, "controller")))
			continue;
		pod->owner = owner_of_kind(text_at(owner, "kind"));
		if (pod->owner != POD_OWNER_NONE)
			copy(pod->owner_name, sizeof(pod->owner_name), text_at(owner, "name"));
		if (pod->owner == POD_OWNER_REPLICASET)
			find_deployment(pod, at(metadata, "labels"));
		else if (pod->owner == POD_OWNER_JOB)
			find_cronjob(pod);
		return;
	}
}

/* --- containers --- */

const struct pod_container *pod_container_find(const struct pod *pod, const char *id)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (strcmp(pod->containers[i].id, id) == 0)
			return &pod->containers[i];
	return NULL;
}

struct pod_container *pod_container_add(struct pod *pod, const char *id, const char *name)
{
	struct pod_container *container, *longer;

	if (pod->container_count == POD_CONTAINERS_MAX) {
		memmove(pod->containers, pod->containers + 1,
			--pod->container_count * sizeof(*pod->containers));
	} else {
		longer = reallocarray(
			pod->containers, pod->container_count + 1, sizeof(*pod->containers));
		if (!longer)
			return NULL;
		pod->containers = longer;
	}
	container = &pod->containers[pod->container_count++];
	copy(container->id, sizeof(container->id), id);
	copy(container->name, sizeof(container->name), name);
	container->version[0] = '\0';
	return container;
}

/* `containerd://<id>`, `cri-o://<id>`: what else there may be has no cgroup of such a name. */
static void read_container_id(
	struct pod *pod, const json_t *state, const char *name, const char *image)
{
	struct pod_container *container;
	const char *id = strstr(text_at(state, "containerID"), "://");

	if (!id || strspn(id + 3, HEX) != POD_ID_LEN || id[3 + POD_ID_LEN] ||
		pod_container_find(pod, id + 3))
		return;
	container = pod_container_add(pod, id + 3, name);
	if (container)
		pod_image_version(container->version, image);
}

/* As the pod's author wrote it: what a status has may be the digest of what is there. */
static const char *image_of(const json_t *containers, const char *name)
{
	size_t i;
	json_t *container;

	json_array_foreach(containers, i, container)
	{
		if (strcmp(text_at(container, "name"), name) == 0)
			return text_at(container, "image");
	}
	return "";
}

/* The one that ran before is told of as well, while its successor runs. */
static void read_containers(struct pod *pod, const json_t *statuses, const json_t *containers)
{
	size_t i;
	json_t *status;

	json_array_foreach(statuses, i, status)
	{
		const char *name = text_at(status, "name");

		const char *image = image_of(containers, name);

		read_container_id(pod, at(at(status, "lastState"), "terminated"), name, image);
		read_container_id(pod, status, name, image);
	}
}

void pod_image_version(char version[POD_VERSION_LEN], const char *image)
{
	const char *digest = strchrnul(image, '@'), *tag = NULL;

	/* a colon before the last slash is one of the registry's port */
	for (const char *at = image; at < digest; at++)
		tag = *at == ':' ? at + 1 : *at == '/' ? NULL : tag;
	snprintf(version, POD_VERSION_LEN, "%.*s%s", tag ? (int)(digest - tag) : 0, tag ?: "",
		tag ? digest : digest + (*digest == '@'));
}

/* --- what it says of its service --- */

#define ANNOTATION "resource.opentelemetry.io/service."
#define LABEL      "app.kubernetes.io/"

static void read_service(struct pod_service *service, const json_t *metadata)
{
	const json_t *annotations = at(metadata, "annotations"), *labels = at(metadata, "labels");

	copy(service->name, sizeof(service->name), text_at(annotations, ANNOTATION "name"));
	copy(service->namespace, sizeof(service->namespace),
		text_at(annotations, ANNOTATION "namespace"));
	copy(service->version, sizeof(service->version),
		text_at(annotations, ANNOTATION "version"));
	copy(service->instance, sizeof(service->instance),
		text_at(annotations, ANNOTATION "instance.id"));
	copy(service->label_name, sizeof(service->label_name), text_at(labels, LABEL "instance"));
	if (!service->label_name[0])
		copy(service->label_name, sizeof(service->label_name),
			text_at(labels, LABEL "name"));
	copy(service->label_version, sizeof(service->label_version),
		text_at(labels, LABEL "version"));
}

/* --- all of it --- */

static void read_chosen(struct pod *pod, const json_t *metadata, const struct pod_choice *choice)
{
	const json_t *labels = at(metadata, "labels"), *annotations = at(metadata, "annotations");

	for (size_t i = 0; i < choice->count; i++)
		copy(pod->chosen[i], sizeof(pod->chosen[i]),
			text_at(choice->chosen[i].is_annotation ? annotations : labels,
				pod_chosen_key(&choice->chosen[i])));
}

bool pod_read(struct pod *pod, const json_t *object, const struct pod_choice *choice)
{
	const json_t *metadata = at(object, "metadata"), *status = at(object, "status");
	const json_t *spec = at(object, "spec");
	const char *phase = text_at(status, "phase");

	*pod = (struct pod){0};
	copy(pod->uid, sizeof(pod->uid), text_at(metadata, "uid"));
	copy(pod->namespace, sizeof(pod->namespace), text_at(metadata, "namespace"));
	copy(pod->name, sizeof(pod->name), text_at(metadata, "name"));
	copy(pod->config_hash, sizeof(pod->config_hash),
		text_at(at(metadata, "annotations"), "kubernetes.io/config.hash"));
	read_service(&pod->service, metadata);
	read_owner(pod, metadata);
	read_chosen(pod, metadata, choice);
	pod->has_ended = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
	read_containers(pod, at(status, "initContainerStatuses"), at(spec, "initContainers"));
	read_containers(
		pod, at(status, "ephemeralContainerStatuses"), at(spec, "ephemeralContainers"));
	read_containers(pod, at(status, "containerStatuses"), at(spec, "containers"));
	if (pod->uid[0] && pod->namespace[0] && pod->name[0])
		return true;
	pod_clear(pod);
	return false;
}

void pod_clear(struct pod *pod)
{
	free(pod->containers);
	pod->containers = NULL;
	pod->container_count = 0;
}
