/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a pod: who it is, whose it is, and which containers it has or had. Read from an
 * object of the API server, of which all else is left.
 */
#ifndef SONDE_POD_H
#define SONDE_POD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "kubernetes/pod_choice.h"

#define POD_ID_LEN           64  /* digits of a container's id */
#define POD_UID_TEXT_LEN     40  /* of its uid, or of the hash of a static pod's configuration */
#define POD_NAME_LEN         254 /* a DNS subdomain (RFC 1123), and its NUL */
#define POD_LABEL_LEN        64  /* a DNS label, and its NUL */
#define POD_SERVICE_NAME_LEN 256
#define POD_SERVICE_PART_LEN 128 /* of namespace and version by annotation */
#define POD_VERSION_LEN      128 /* of an image: its tag, and `@sha256:` with 64 digits */
#define POD_CONTAINERS_MAX   32  /* init, ephemeral and restarted ones included; the oldest go */

/* What keeps a pod alive. A Deployment shows in its ReplicaSet's name, a CronJob in its Job's. */
enum pod_owner {
	POD_OWNER_NONE, /* a bare or a static pod */
	POD_OWNER_DEPLOYMENT,
	POD_OWNER_REPLICASET,
	POD_OWNER_STATEFULSET,
	POD_OWNER_DAEMONSET,
	POD_OWNER_JOB,
	POD_OWNER_CRONJOB,
	POD_OWNER_REPLICATIONCONTROLLER,
	POD_OWNER_OTHER /* of somebody's own making */
};

/* As OpenTelemetry has it in `k8s.NAME.name`; NULL where there is no such attribute. */
extern const char *const pod_owner_names[POD_OWNER_OTHER + 1];

struct pod_container {
	char id[POD_ID_LEN + 1]; /* without the runtime's name */
	char name[POD_LABEL_LEN];
	char version[POD_VERSION_LEN]; /* of its image: tag, digest or both; or "" */
};

/*
 * What a pod says of the service that it is; "" where it does not. By the annotations
 * `resource.opentelemetry.io/service.…`, and by labels that many charts set, whether they mean
 * services or not.
 */
struct pod_service {
	char name[POD_SERVICE_NAME_LEN];
	char namespace[POD_SERVICE_PART_LEN];
	char version[POD_SERVICE_PART_LEN];
	char instance[POD_SERVICE_PART_LEN];
	char label_name[POD_LABEL_LEN];      /* app.kubernetes.io/instance, or else /name */
	char label_version[POD_LABEL_LEN];   /* app.kubernetes.io/version */
	char image_version[POD_VERSION_LEN]; /* of a container; see pod_table_find() */
};

struct pod {
	char uid[POD_UID_TEXT_LEN];
	char config_hash[POD_UID_TEXT_LEN]; /* of a static pod: what its cgroup is called by; "" */
	char namespace[POD_LABEL_LEN];
	char name[POD_NAME_LEN];
	enum pod_owner owner;
	char owner_name[POD_NAME_LEN]; /* "": none */
	struct pod_service service;
	/* of the choice's labels and annotations, in its order; "" where it has none */
	char chosen[POD_CHOSEN_MAX][POD_CHOSEN_VALUE_LEN];
	bool has_ended;                   /* it succeeded or failed, and does not run again */
	struct pod_container *containers; /* NULL: none */
	size_t container_count;
};

/*
 * Reads an object of kind Pod, which pod_clear() then frees. False: it is none that has a name, a
 * namespace and a uid, and there is nothing to be freed.
 */
bool pod_read(struct pod *pod, const json_t *object, const struct pod_choice *choice);
void pod_clear(struct pod *pod);

/* The container of that id, or NULL. */
const struct pod_container *pod_container_find(const struct pod *pod, const char *id);

/* Puts the container at the end, where the oldest gives way if need be. NULL: no memory. */
struct pod_container *pod_container_add(struct pod *pod, const char *id, const char *name);

/* The version that the reference of an image has, by OpenTelemetry's rule; "": none. */
void pod_image_version(char version[POD_VERSION_LEN], const char *image);

#endif
