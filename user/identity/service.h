/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity: which service a workload number belongs to.
 *
 * The kernel gives a number to each (executable, cgroup, name that the process was started with)
 * and tells who that is once (struct record_workload). The service is named by, in this order:
 * OTEL_SERVICE_NAME of the process's environment; the systemd unit (`nginx.service` → `nginx`,
 * `session-3.scope` and user managers do not count as units); the container id (12 digits); what an
 * interpreter executes (`orders.py` → `orders`); the executable's name. Words that Sonde uses
 * itself are marked (reserved.h). Everything needed stands in the record, so it also works after
 * the process is gone, and in a replay.
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_SERVICE_H
#define SONDE_SERVICE_H

#include "identity/container_cgroup.h"
#include "record.h"

struct service {
	char name[SERVICE_NAME_LEN];
	char executable[NAME_LEN];
	char unit[NAME_LEN];                     /* systemd unit with its suffix, or "" */
	char container_id[CONTAINER_ID_LEN + 1]; /* the innermost, full, or "" */
	char pod_uid[POD_UID_LEN + 1];           /* of its cgroup (container_cgroup.h), or "" */
	/* the one that the pod's cgroup is around, which may have started others; or "" */
	char pod_container_id[CONTAINER_ID_LEN + 1];
};

struct identity;

struct identity *identity_new(void); /* NULL: no memory */
void identity_free(struct identity *identity);

void identity_on_workload(struct identity *identity, const struct record_workload *workload);
void identity_on_workload_end(struct identity *identity, __u32 workload);

/*
 * Never NULL. A number that is 0 or was never announced is the service `_other`. Valid until the
 * number ends.
 */
const struct service *identity_service(const struct identity *identity, __u32 workload);

/* The rule itself, for a record; what identity_on_workload() keeps. */
void service_from_workload(struct service *service, const struct record_workload *workload);

#endif
