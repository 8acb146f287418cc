/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which service a workload number stands for now: an array by number, as numbers are small and used
 * again. Each service is allocated when it is announced (a node has tens of them, not
 * WORKLOADS_MAX).
 */
#include <stdlib.h>
#include <string.h>

#include "identity/reserved.h"
#include "identity/service.h"

struct identity {
	struct service *services[WORKLOADS_MAX]; /* NULL: not announced */
	struct pod_table *pods;                  /* NULL: none are asked for */
	uint64_t pods_version;                   /* up to which all were looked for again */
};

static const struct service other = {.name = NAME_OTHER};

struct identity *identity_new(void)
{
	return calloc(1, sizeof(struct identity));
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	for (size_t i = 0; i < WORKLOADS_MAX; i++)
		free(identity->services[i]);
	free(identity);
}

/* --- pods --- */

void identity_set_pods(struct identity *identity, struct pod_table *pods)
{
	identity->pods = pods;
}

static const char *container_of(const struct service *service)
{
	return service->pod_container_id[0] ? service->pod_container_id : service->container_id;
}

bool identity_pods_have_changed(struct identity *identity)
{
	uint64_t version = identity->pods ? pod_table_version(identity->pods) : 0;

	if (version == identity->pods_version)
		return false;
	identity->pods_version = version;
	return true;
}

/* True when more is known than before: first of the pod, and then of the container in it. */
static bool look(const struct identity *identity, struct service *service)
{
	bool is_known = service->pod.pod[0] && service->pod.container[0];
	struct pod_identity pod;
	struct pod_service said;

	if (!identity->pods || is_known || (!*container_of(service) && !service->pod_uid[0]) ||
		!pod_table_find(
			identity->pods, container_of(service), service->pod_uid, &pod, &said) ||
		(service->pod.pod[0] && !pod.container[0]))
		return false;
	service_set_pod(service, &pod, &said);
	return true;
}

bool identity_look_again(const struct identity *identity, __u32 workload, struct service *named)
{
	if (!identity->services[workload])
		return false;
	*named = *identity->services[workload];
	return look(identity, named);
}

void identity_set(struct identity *identity, __u32 workload, const struct service *named)
{
	*identity->services[workload] = *named;
}

static bool is_unnamed(const struct service *service)
{
	return service && service->pod_container_id[0] && !service->pod.pod[0];
}

/* Whether a lower number is of the same container. */
static bool is_counted(const struct identity *identity, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (is_unnamed(identity->services[i]) &&
			strcmp(identity->services[i]->pod_container_id,
				identity->services[number]->pod_container_id) == 0)
			return true;
	return false;
}

size_t identity_unnamed(const struct identity *identity)
{
	size_t count = 0;

	if (!identity->pods)
		return 0;
	for (size_t i = 0; i < WORKLOADS_MAX; i++)
		count += is_unnamed(identity->services[i]) && !is_counted(identity, i);
	return count;
}

/* --- numbers --- */

/* Without memory the number stays `_other`: its figures count, under no name. */
void identity_on_workload(struct identity *identity, const struct record_workload *workload)
{
	__u32 number = workload->record.workload;

	if (number == 0 || number >= WORKLOADS_MAX)
		return;
	if (!identity->services[number])
		identity->services[number] = malloc(sizeof(struct service));
	if (!identity->services[number])
		return;
	service_from_workload(identity->services[number], workload);
	look(identity, identity->services[number]);
}

void identity_on_workload_end(struct identity *identity, __u32 workload)
{
	if (workload >= WORKLOADS_MAX)
		return;
	free(identity->services[workload]);
	identity->services[workload] = NULL;
}

const struct service *identity_service(const struct identity *identity, __u32 workload)
{
	if (workload >= WORKLOADS_MAX || !identity->services[workload])
		return &other;
	return identity->services[workload];
}
