/* SPDX-License-Identifier: Apache-2.0 */
/* See pid_namespace.h. */
#include "kernel/process/pid_namespace.h"

#include <sys/stat.h>

#include "base/log.h"

/* Its inode's number is fixed: PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h. */
#define FIRST_INODE 0xEFFFFFFCU

bool pid_namespace_is_first(void)
{
	struct stat namespace;

	return stat("/proc/self/ns/pid", &namespace) || namespace.st_ino == FIRST_INODE;
}

void pid_namespace_report(void)
{
	log_warn(
		"this is not the machine's own pid namespace: of programs outside that ran before, "
		"the TCP connections that were open belong to no service, and names are known "
		"only when they do something",
		log_str("advice", "run Sonde in the machine's pid namespace: hostPID: true in "
				  "Kubernetes, --pid=host with Docker and Podman"));
}
