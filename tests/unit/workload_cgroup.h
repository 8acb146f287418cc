/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads by their cgroups, for tests of services, containers and pods. */
#ifndef SONDE_TEST_WORKLOAD_CGROUP_H
#define SONDE_TEST_WORKLOAD_CGROUP_H

#include "identity/service.h"

#define UID             "0f5c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5"
#define UID_UNDERSCORES "0f5c1d2e_3a4b_5c6d_7e8f_90a1b2c3d4e5"
#define POD             "kubepods-burstable-pod" UID_UNDERSCORES ".slice"
#define HASH            "0123456789abcdef0123456789abcdef"
#define ID              "4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e"
#define OTHER           "0000000000000000000000000000000000000000000000000000000000000000"
#define SHORT           "4f5e0c1a2b3d"

/* A process of the executable `server`; `path` is its cgroup as /proc/PID/cgroup shows it. */
struct record_workload in_cgroup(const char *path);

/* That of such a process: its name, and the unit and the container that it is in. */
void assert_service(const char *cgroup, const char *name, const char *unit, const char *id);

#endif
