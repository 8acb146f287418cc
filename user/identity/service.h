/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity: which service a workload number belongs to.
 *
 * The kernel gives a number to each (executable, cgroup, name that the process was started with)
 * and tells who that is once (struct record_workload). The service is named by, in this order:
 * OTEL_SERVICE_NAME, or service.name of OTEL_RESOURCE_ATTRIBUTES, of the process's environment; the
 * systemd unit (`nginx.service` → `nginx`,
 * `session-3.scope` and user managers do not count as units); the container id (12 digits); what an
 * interpreter executes (`orders.py` → `orders`); the executable's name. Words that Sonde uses
 * itself are marked (reserved.h). In a pod whose name is known, the annotation of the pod, its
 * owner or the pod itself stand where the container id does. Everything else that is needed stands
 * in the record, so it also works after the process is gone, and in a replay.
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_SERVICE_H
#define SONDE_SERVICE_H

#include "identity/container_cgroup.h"
#include "kubernetes/pod_table.h"
#include "record.h"

#define SERVICE_PART    '\x1f' /* between parts of a key: no name has it */
#define SERVICE_KEY_LEN 2048   /* name, and all that a pod may be told by, at its longest */

struct service {
	char name[SERVICE_NAME_LEN];
	char executable[NAME_LEN];
	char unit[NAME_LEN];                     /* systemd unit with its suffix, or "" */
	char container_id[CONTAINER_ID_LEN + 1]; /* the innermost, full, or "" */
	char pod_uid[POD_UID_LEN + 1];           /* of its cgroup (container_cgroup.h), or "" */
	/* the one that the pod's cgroup is around, which may have started others; or "" */
	char pod_container_id[CONTAINER_ID_LEN + 1];
	bool has_own_name;                    /* of the environment, or a unit: no pod changes it */
	char namespace[POD_SERVICE_PART_LEN]; /* that a person gave to the service, or "" */
	char version[POD_VERSION_LEN];        /* or "" */
	char instance[POD_SERVICE_PART_LEN];  /* by annotation, or "" */
	struct pod_identity pod;              /* `pod` is "": none, or it is not known (yet) */
	char key[SERVICE_KEY_LEN];
};

/*
 * What its series are found by: its name, and for a container of a pod what tells it from another
 * one of that name, in parts (service_parts_read()).
 */
static inline const char *service_key(const struct service *service)
{
	return service->key[0] ? service->key : service->name;
}

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

/*
 * Pods are asked of that table from now on; its choice says by what their series are told apart.
 * identity_look_again() fills `named` when more is known of the number's pod
 * than before, for identity_set(). Of the numbers in use, identity_unnamed() are of containers of
 * pods that are not known.
 */
void identity_set_pods(struct identity *identity, struct pod_table *pods);
bool identity_pods_have_changed(struct identity *identity);
bool identity_look_again(const struct identity *identity, __u32 workload, struct service *named);
void identity_set(struct identity *identity, __u32 workload, const struct service *named);
size_t identity_unnamed(const struct identity *identity);

/* What a pod makes of a service; `said` is what it says of it. */
void service_set_pod(
	struct service *service, const struct pod_identity *pod, const struct pod_service *said);

#define SERVICE_LABELS_MAX (6 + POD_CHOSEN_MAX)

struct service_labels {
	size_t count;
	char names[SERVICE_LABELS_MAX][POD_CHOSEN_NAME_LEN];
	char values[SERVICE_LABELS_MAX][POD_NAME_LEN];
};

/* The name in a key; returns the parts behind it, or "". */
const char *service_key_name(char name[SERVICE_NAME_LEN], const char *key);

/* The labels in those parts. */
void service_parts_read(struct service_labels *labels, const char *parts);

/* Makes the key of a service that has more than its name. */
void service_make_key(struct service *service);

/* The rule itself, for a record; what identity_on_workload() keeps. */
void service_from_workload(struct service *service, const struct record_workload *workload);

#endif
