/* SPDX-License-Identifier: Apache-2.0 */
/* See pod_attributes.h. */
#include "identity/pod_attributes.h"

#include <string.h>

static const char *const owner_keys[POD_OWNER_OTHER + 1] = {
	[POD_OWNER_DEPLOYMENT] = "k8s.deployment.name",
	[POD_OWNER_REPLICASET] = "k8s.replicaset.name",
	[POD_OWNER_STATEFULSET] = "k8s.statefulset.name",
	[POD_OWNER_DAEMONSET] = "k8s.daemonset.name",
	[POD_OWNER_JOB] = "k8s.job.name",
	[POD_OWNER_CRONJOB] = "k8s.cronjob.name",
	[POD_OWNER_REPLICATIONCONTROLLER] = "k8s.replicationcontroller.name",
};

static void put(attribute_sink sink, void *context, const char *key, const char *text)
{
	struct attribute attribute = {.key = key, .type = ATTRIBUTE_TEXT, .text = text};

	if (!key || !*text)
		return;
	attribute.key_length = (uint32_t)strlen(key);
	sink(context, &attribute);
}

void pod_attributes_visit(const struct pod_identity *pod, attribute_sink sink, void *context)
{
	const struct {
		const char *key, *text;
	} attributes[] = {
		{"k8s.namespace.name", pod->namespace},
		{owner_keys[pod->owner], pod->owner_name},
		{"k8s.pod.name", pod->pod},
		{"k8s.pod.uid", pod->pod_uid},
		{"k8s.container.name", pod->container},
		{"k8s.node.name", pod->node},
	};

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		put(sink, context, attributes[i].key, attributes[i].text);
	for (size_t i = 0; pod->choice && i < pod->choice->count; i++)
		put(sink, context, pod->choice->chosen[i].attribute, pod->chosen[i]);
}
