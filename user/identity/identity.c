/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which service a workload number stands for now: an array by number, as numbers are small and used
 * again. Each service is allocated when it is announced (a node has tens of them, not
 * WORKLOADS_MAX).
 */
#include <stdlib.h>

#include "identity/reserved.h"
#include "identity/service.h"

struct identity {
	struct service *services[WORKLOADS_MAX]; /* NULL: not announced */
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

/* Without memory the number stays `_other`: its figures count, under no name. */
void identity_on_workload(struct identity *identity, const struct record_workload *workload)
{
	__u32 number = workload->record.workload;

	if (number == 0 || number >= WORKLOADS_MAX)
		return;
	if (!identity->services[number])
		identity->services[number] = malloc(sizeof(struct service));
	if (identity->services[number])
		service_from_workload(identity->services[number], workload);
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
