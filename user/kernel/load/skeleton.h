/* SPDX-License-Identifier: Apache-2.0 */
/* The generated skeleton of the probes; only user/kernel/ sees it. */
#ifndef SONDE_SKELETON_H
#define SONDE_SKELETON_H

#include <stdbool.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/table.h" /* types of the probes' variables */

#include "sonde.skel.h"

/* Where the probes keep what they know of threads and sockets; see bpf/core/kept.bpf.h. */
enum skeleton_kept {
	KEPT_IN_STORAGE, /* the kernel's own, of tasks and sockets */
	KEPT_IN_TABLES   /* hash tables: slower, but older kernels and kprobes can have no other */
};

/* NULL with errno. Ended by sonde__destroy(). */
struct sonde *skeleton_open(enum skeleton_kept kept);

#endif
