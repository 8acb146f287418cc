/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to try one thing that a kernel may or may not offer. Each returns 0 when it works, else a
 * negative errno; -ENODATA: not tried, since it takes BTF; -ESHUTDOWN: there, but switched off.
 * Nothing is attached any more when it returns. What is tried stands in the table of features.c.
 */
#ifndef SONDE_TRIAL_H
#define SONDE_TRIAL_H

#include <stdbool.h>

#include "kernel/load/features.h"
#include "kernel/load/kernel_btf.h"

struct trial {
	enum feature_group group;
	const char *name;
	const char *absent; /* what to tell a person when it is absent or off */
	int (*run)(const struct trial *trial);
	/* what run() shall try, as far as it must be told */
	int type;                     /* of capability, map or attachment */
	int helper;                   /* a BPF helper's number */
	const char *hook;             /* name of a tracepoint, function, iterator or file */
	const struct kernel_btf *btf; /* borrowed; NULL: it has none. Set for each run */
};

/* Does this process hold it? CAP_SYS_ADMIN holds CAP_BPF and CAP_PERFMON too, as in the kernel. */
bool capability_held(int capability);

int try_capability(const struct trial *trial); /* type: CAP_… */
int try_btf(const struct trial *trial);
int try_jit(const struct trial *trial);
int try_switch(const struct trial *trial);     /* hook: a file with a number, 0 is off */
int try_map(const struct trial *trial);        /* type: BPF_MAP_TYPE_… */
int try_storage(const struct trial *trial);    /* type: BPF_MAP_TYPE_…; helper that reads it */
int try_btf_attach(const struct trial *trial); /* type: BPF_TRACE_…; hook: its name */
int try_raw_tracepoint(const struct trial *trial); /* hook: its name */
int try_iterator(const struct trial *trial);       /* hook: its name */
int try_cgroup(const struct trial *trial);         /* type: BPF_CGROUP_… */
int try_tracepoint(const struct trial *trial);     /* hook: file with its number */
int try_kprobe(const struct trial *trial);         /* hook: function in the kernel */
int try_uprobe(const struct trial *trial);
int try_helper(const struct trial *trial); /* helper, in a tracing program */
int try_atomic_fetch(const struct trial *trial);
int try_pointer_argument(const struct trial *trial); /* of a global function */
int try_hold_cpu(const struct trial *trial);

/*
 * Attaches an empty program to a function of this program, for this thread alone. The descriptor,
 * which detaches when it is closed, or a negative errno.
 */
int uprobe_open(const void *function, bool at_return);

#endif
