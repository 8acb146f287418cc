/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel offers to Sonde, found by trying: each map is created, each program
 * loaded, attached and detached before the call returns (the kernel frees them a moment later).
 * Never by version, because distributions backport and configurations leave things out.
 *
 * `sonde check` shows all of it; `sonde run` asks for what its probes must know before they are
 * loaded.
 */
#ifndef SONDE_FEATURES_H
#define SONDE_FEATURES_H

#include <stdbool.h>

struct kernel_btf;

/* In the order in which a person reads them: group by group. */
enum feature_id {
	/* privilege */
	FEATURE_CAP_BPF,
	FEATURE_CAP_PERFMON,
	FEATURE_CAP_SYS_PTRACE,
	FEATURE_CAP_DAC_READ_SEARCH,
	FEATURE_CAP_NET_ADMIN,
	FEATURE_CAP_SYS_ADMIN,
	/* kernel */
	FEATURE_BTF,
	FEATURE_JIT,
	FEATURE_STATS,
	FEATURE_ATOMIC_FETCH,
	FEATURE_POINTER_ARGUMENT,
	FEATURE_HOLD_CPU,
	/* maps */
	FEATURE_RING_BUFFER,
	FEATURE_TASK_STORAGE,
	FEATURE_SOCKET_STORAGE,
	FEATURE_MMAPABLE_ARRAY,
	FEATURE_QUEUE,
	/* attach types */
	FEATURE_TP_BTF,
	FEATURE_RAW_TP,
	FEATURE_FENTRY,
	FEATURE_FEXIT,
	FEATURE_KPROBE,
	FEATURE_UPROBE,
	FEATURE_TRACEPOINT,
	FEATURE_ITER_TASK,
	FEATURE_ITER_TASK_FILE,
	FEATURE_SOCKOPS,
	FEATURE_CGROUP_SKB,
	/* tracepoints, by tp_btf */
	FEATURE_SYS_ENTER,
	FEATURE_SYS_EXIT,
	FEATURE_SOCK_SEND_LENGTH,
	FEATURE_SOCK_RECV_LENGTH,
	FEATURE_TCP_SENDMSG_LOCKED,
	FEATURE_SK_DATA_READY,
	FEATURE_TCP_RCV_SPACE_ADJUST,
	FEATURE_IO_URING_SUBMIT_REQ,
	FEATURE_INET_SOCK_SET_STATE,
	FEATURE_TCP_DESTROY_SOCK,
	FEATURE_SCHED_PROCESS_EXEC,
	FEATURE_SCHED_PROCESS_FORK,
	FEATURE_SCHED_PROCESS_EXIT,
	FEATURE_CGROUP_ATTACH_TASK,
	/* helpers */
	FEATURE_CURRENT_TASK_BTF,
	FEATURE_TASK_PT_REGS,
	FEATURE_PROBE_READ_USER,
	FEATURE_PROBE_READ_KERNEL,
	FEATURE_SOCK_FROM_FILE,
	FEATURE_SKC_TO_TCP_SOCK,
	FEATURE_SKC_TO_UNIX_SOCK,
	FEATURE_SOCKET_COOKIE,
	FEATURES
};

enum feature_group {
	FEATURE_GROUP_PRIVILEGE,
	FEATURE_GROUP_KERNEL,
	FEATURE_GROUP_MAP,
	FEATURE_GROUP_ATTACH,
	FEATURE_GROUP_BTF_TRACEPOINT,
	FEATURE_GROUP_HELPER,
	FEATURE_GROUPS
};

enum feature_state {
	FEATURE_WORKS,
	FEATURE_OFF,    /* there, but switched off */
	FEATURE_ABSENT, /* this kernel was built without it, or is too old */
	FEATURE_REFUSED /* the kernel said no: `error` */
};

#define FEATURE_REASON_LEN 128
#define FEATURES_ERROR_LEN 256

struct feature {
	enum feature_group group;
	const char *name;
	enum feature_state state;
	int error;                       /* negative errno of the try, 0 when it worked */
	char reason[FEATURE_REASON_LEN]; /* "" when it works */
};

struct features {
	struct feature list[FEATURES];
};

/* Tries everything, in about 200 ms. Silences libbpf meanwhile, for all threads. */
void features_detect(struct features *features);

/* Tries one, in a millisecond at most if it is no attachment; btf: the kernel's, or NULL. */
bool features_try(enum feature_id id, const struct kernel_btf *btf);

/*
 * Whether there is all that the probes need to keep threads and sockets in the kernel's storage for
 * them, and not in tables of their own (bpf/core/kept.bpf.h).
 */
bool features_storage(const struct kernel_btf *btf);

/*
 * Whether a socket that ends may take its storage from under an iterator, which makes the kernel
 * follow a null pointer: since Linux 7.1, where storage is taken out in two steps and keeps note of
 * them.
 */
bool features_storage_vanishes(const struct kernel_btf *btf);

/*
 * What must be there before it makes sense to load anything; costs microseconds. Returns 0, or a
 * negative errno with one line in error[] that says what is missing and what to do about it.
 */
int features_preflight(char error[FEATURES_ERROR_LEN]);

#endif
