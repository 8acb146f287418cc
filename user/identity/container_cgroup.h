/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the name of a cgroup says of the container or of the pod that it was made for: the layouts
 * of systemd's and the engines' own making, by Docker, containerd, CRI-O, Podman and the kubelet.
 * Used by service.c.
 */
#ifndef SONDE_CONTAINER_CGROUP_H
#define SONDE_CONTAINER_CGROUP_H

#include <stdbool.h>

#define CONTAINER_ID_LEN 64
#define POD_UID_LEN      36

/*
 * The id in `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>.scope`,
 * `libpod-<id>.scope`, `libpod-payload-<id>`, a bare `<id>`, or, where a runtime was told of
 * systemd and does without, `kubepods-….slice:cri-containerd:<id>`; or NULL. A conmon watches over
 * a container from outside.
 */
const char *container_cgroup_id(const char *name);

/*
 * The pod in `pod<uid>`, `kubepods-burstable-pod<uid>.slice`, or that with a container behind it
 * (above). True when there is one: `uid` is what the kubelet calls it then, with dashes. A static
 * pod's is the hash of its configuration: 32 digits, no dashes.
 */
bool container_cgroup_pod(const char *name, char uid[POD_UID_LEN + 1]);

#endif
