/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what Sonde could use of a kernel, and what the outcome of each try says to a person.
 * Called by check.c (everything) and, before any probe is loaded, by probes.c.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/load/features.h"
#include "kernel/load/kernel_btf.h"
#include "kernel/load/trial.h"

#define UNREAD_NAMES    "OTEL_SERVICE_NAME of other users' processes is read only as they start"
#define NEEDS_CGROUP2   "needs CONFIG_CGROUP_BPF=y and cgroup2 mounted"
#define NEEDS_EVENTS    "needs CONFIG_BPF_EVENTS=y"
#define NEEDS_FTRACE    "needs CONFIG_FUNCTION_TRACER=y"
#define RARE_TRACEPOINT "sched_process_exit" /* costs nobody much while it is tried */
#define TRACEFS         "/sys/kernel/tracing"
#define ENOTSUPP_KERNEL 524 /* ENOTSUPP, which no header of user space has */

/* What the rows of a group have in common. */
#define CAPABILITY(NAME)                                                                           \
	.group = FEATURE_GROUP_PRIVILEGE, .name = #NAME, .run = try_capability, .type = NAME
#define KERNEL(NAME, TRY) .group = FEATURE_GROUP_KERNEL, .name = NAME, .run = TRY
#define MAP(NAME, TRY)    .group = FEATURE_GROUP_MAP, .name = NAME, .run = TRY
#define ATTACH(NAME, TRY) .group = FEATURE_GROUP_ATTACH, .name = NAME, .run = TRY
#define TP_BTF(NAME)                                                                               \
	.group = FEATURE_GROUP_BTF_TRACEPOINT, .name = #NAME, .run = try_btf_attach,               \
	.type = BPF_TRACE_RAW_TP, .hook = #NAME
#define HELPER(NAME)                                                                               \
	.group = FEATURE_GROUP_HELPER, .name = "bpf_" #NAME, .run = try_helper,                    \
	.helper = BPF_FUNC_##NAME

static const struct trial trials[FEATURES] = {
	[FEATURE_CAP_BPF] = {CAPABILITY(CAP_BPF), .absent = "nothing can be loaded"},
	[FEATURE_CAP_PERFMON] = {CAPABILITY(CAP_PERFMON), .absent = "nothing can be loaded"},
	[FEATURE_CAP_SYS_PTRACE] = {CAPABILITY(CAP_SYS_PTRACE), .absent = UNREAD_NAMES},
	[FEATURE_CAP_DAC_READ_SEARCH] = {CAPABILITY(CAP_DAC_READ_SEARCH), .absent = UNREAD_NAMES},
	[FEATURE_CAP_NET_ADMIN] = {CAPABILITY(CAP_NET_ADMIN),
		.absent = "no sockops, no cgroup_skb"},
	[FEATURE_CAP_SYS_ADMIN] = {CAPABILITY(CAP_SYS_ADMIN),
		.absent = "what io_uring receives may be unreadable"},

	[FEATURE_BTF] = {KERNEL("BTF", try_btf), .absent = "needs CONFIG_DEBUG_INFO_BTF=y"},
	[FEATURE_JIT] = {KERNEL("JIT", try_jit),
		.absent = "probes are slow: sysctl net.core.bpf_jit_enable=1"},
	[FEATURE_STATS] = {KERNEL("run statistics", try_switch),
		.absent = "sysctl kernel.bpf_stats_enabled=1 measures each probe's own time",
		.hook = "/proc/sys/kernel/bpf_stats_enabled"},
	[FEATURE_ATOMIC_FETCH] = {KERNEL("atomics that fetch", try_atomic_fetch),
		.absent = "needs Linux 5.12"},
	[FEATURE_POINTER_ARGUMENT] = {KERNEL("pointer arguments", try_pointer_argument),
		.absent = "global functions take them since Linux 5.12"},
	[FEATURE_HOLD_CPU] = {KERNEL("holding the CPU", try_hold_cpu),
		.absent = "with full preemption, programs in functions may be interrupted"},

	[FEATURE_RING_BUFFER] = {MAP("ring buffer", try_map), .absent = "needs Linux 5.8",
		.type = BPF_MAP_TYPE_RINGBUF},
	[FEATURE_TASK_STORAGE] = {MAP("task storage", try_storage), .absent = "needs Linux 5.12",
		.type = BPF_MAP_TYPE_TASK_STORAGE, .helper = BPF_FUNC_task_storage_get},
	[FEATURE_SOCKET_STORAGE] = {MAP("socket storage", try_storage),
		.absent = "needs Linux 5.11", .type = BPF_MAP_TYPE_SK_STORAGE,
		.helper = BPF_FUNC_sk_storage_get},
	[FEATURE_MMAPABLE_ARRAY] = {MAP("mmapable array", try_map), .absent = "needs Linux 5.5",
		.type = BPF_MAP_TYPE_ARRAY},
	[FEATURE_QUEUE] = {MAP("queue", try_map), .absent = "needs Linux 4.20",
		.type = BPF_MAP_TYPE_QUEUE},

	[FEATURE_TP_BTF] = {ATTACH("tp_btf", try_btf_attach), .absent = NEEDS_EVENTS,
		.type = BPF_TRACE_RAW_TP, .hook = RARE_TRACEPOINT},
	[FEATURE_RAW_TP] = {ATTACH("raw_tp", try_raw_tracepoint), .absent = NEEDS_EVENTS,
		.hook = RARE_TRACEPOINT},
	[FEATURE_FENTRY] = {ATTACH("fentry", try_btf_attach), .absent = NEEDS_FTRACE,
		.type = BPF_TRACE_FENTRY, .hook = "tcp_sendmsg"},
	[FEATURE_FEXIT] = {ATTACH("fexit", try_btf_attach), .absent = NEEDS_FTRACE,
		.type = BPF_TRACE_FEXIT, .hook = "tcp_sendmsg"},
	[FEATURE_KPROBE] = {ATTACH("kprobe", try_kprobe), .absent = "needs CONFIG_KPROBES=y",
		.hook = "tcp_sendmsg"},
	[FEATURE_UPROBE] = {ATTACH("uprobe", try_uprobe), .absent = "needs CONFIG_UPROBES=y"},
	[FEATURE_TRACEPOINT] = {ATTACH("tracepoint", try_tracepoint),
		.absent = "needs tracefs mounted at " TRACEFS,
		.hook = TRACEFS "/events/sched/" RARE_TRACEPOINT "/id"},
	[FEATURE_ITER_TASK] = {ATTACH("iter/task", try_iterator), .absent = "needs Linux 5.8",
		.hook = "task"},
	[FEATURE_ITER_TASK_FILE] = {ATTACH("iter/task_file", try_iterator),
		.absent = "needs Linux 5.8", .hook = "task_file"},
	[FEATURE_SOCKOPS] = {ATTACH("sockops", try_cgroup), .absent = NEEDS_CGROUP2,
		.type = BPF_CGROUP_SOCK_OPS},
	[FEATURE_CGROUP_SKB] = {ATTACH("cgroup_skb", try_cgroup), .absent = NEEDS_CGROUP2,
		.type = BPF_CGROUP_INET_INGRESS},

	[FEATURE_SYS_ENTER] = {TP_BTF(sys_enter), .absent = "needs CONFIG_FTRACE_SYSCALLS=y"},
	[FEATURE_SYS_EXIT] = {TP_BTF(sys_exit), .absent = "needs CONFIG_FTRACE_SYSCALLS=y"},
	[FEATURE_SOCK_SEND_LENGTH] = {TP_BTF(sock_send_length), .absent = "needs Linux 6.3"},
	[FEATURE_SOCK_RECV_LENGTH] = {TP_BTF(sock_recv_length), .absent = "needs Linux 6.3"},
	[FEATURE_TCP_SENDMSG_LOCKED] = {TP_BTF(tcp_sendmsg_locked), .absent = "needs Linux 6.16"},
	[FEATURE_SK_DATA_READY] = {TP_BTF(sk_data_ready), .absent = "needs Linux 6.2"},
	[FEATURE_TCP_RCV_SPACE_ADJUST] = {TP_BTF(tcp_rcv_space_adjust), .absent = NEEDS_EVENTS},
	[FEATURE_IO_URING_SUBMIT_REQ] = {TP_BTF(io_uring_submit_req),
		.absent = "needs CONFIG_IO_URING=y, Linux 6.4"},
	[FEATURE_INET_SOCK_SET_STATE] = {TP_BTF(inet_sock_set_state), .absent = NEEDS_EVENTS},
	[FEATURE_TCP_DESTROY_SOCK] = {TP_BTF(tcp_destroy_sock), .absent = NEEDS_EVENTS},
	[FEATURE_SCHED_PROCESS_EXEC] = {TP_BTF(sched_process_exec), .absent = NEEDS_EVENTS},
	[FEATURE_SCHED_PROCESS_FORK] = {TP_BTF(sched_process_fork), .absent = NEEDS_EVENTS},
	[FEATURE_SCHED_PROCESS_EXIT] = {TP_BTF(sched_process_exit), .absent = NEEDS_EVENTS},
	[FEATURE_CGROUP_ATTACH_TASK] = {TP_BTF(cgroup_attach_task),
		.absent = "needs CONFIG_CGROUPS=y"},

	[FEATURE_CURRENT_TASK_BTF] = {HELPER(get_current_task_btf), .absent = "needs Linux 5.11"},
	[FEATURE_TASK_PT_REGS] = {HELPER(task_pt_regs), .absent = "needs Linux 5.15"},
	[FEATURE_PROBE_READ_USER] = {HELPER(probe_read_user), .absent = "needs Linux 5.5"},
	[FEATURE_PROBE_READ_KERNEL] = {HELPER(probe_read_kernel),
		.absent = "needs Linux 5.5, not locked down to confidentiality"},
	[FEATURE_SOCK_FROM_FILE] = {HELPER(sock_from_file), .absent = "needs Linux 5.11"},
	[FEATURE_SKC_TO_TCP_SOCK] = {HELPER(skc_to_tcp_sock), .absent = "needs Linux 5.9"},
	[FEATURE_SKC_TO_UNIX_SOCK] = {HELPER(skc_to_unix_sock), .absent = "needs Linux 5.16"},
	[FEATURE_SOCKET_COOKIE] = {HELPER(get_socket_cookie), .absent = "needs Linux 5.12"},
};

/*
 * How a kernel answers to what it does not know depends on what one asks: a name is ENOENT, a type
 * of map, program or helper EINVAL, a longer struct E2BIG. Anything else is a refusal.
 */
static enum feature_state state_of(int error)
{
	switch (-error) {
	case 0: return FEATURE_WORKS;
	case ESHUTDOWN: return FEATURE_OFF;
	case ENOENT:
	case EINVAL:
	case E2BIG:
	case ENOSYS:
	case ENODATA:
	case EOPNOTSUPP:
	case ENOTSUPP_KERNEL: return FEATURE_ABSENT;
	default: return FEATURE_REFUSED;
	}
}

static void feature_settle(struct feature *feature, const struct trial *trial, int error)
{
	const char *name = strerrorname_np(-error);

	*feature = (struct feature){.group = trial->group, .name = trial->name, .error = error};
	feature->state = state_of(error);
	if (error == -ENODATA)
		snprintf(feature->reason, sizeof(feature->reason), "needs BTF");
	else if (feature->state == FEATURE_REFUSED)
		snprintf(feature->reason, sizeof(feature->reason), "%s: %s", name ? name : "error",
			strerror(-error));
	else if (feature->state != FEATURE_WORKS)
		snprintf(feature->reason, sizeof(feature->reason), "%s", trial->absent);
}

static int try_quietly(enum feature_id id, const struct kernel_btf *btf)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct trial trial = trials[id];
	int result;

	trial.btf = btf;
	result = trial.run(&trial);
	libbpf_set_print(print);
	return result;
}

bool features_try(enum feature_id id, const struct kernel_btf *btf)
{
	return !try_quietly(id, btf);
}

bool features_storage(const struct kernel_btf *btf)
{
	static const enum feature_id needed[] = {FEATURE_TASK_STORAGE, FEATURE_SOCKET_STORAGE,
		FEATURE_ATOMIC_FETCH, FEATURE_POINTER_ARGUMENT, FEATURE_CURRENT_TASK_BTF,
		FEATURE_TASK_PT_REGS, FEATURE_SOCK_FROM_FILE, FEATURE_SKC_TO_TCP_SOCK,
		FEATURE_SKC_TO_UNIX_SOCK, FEATURE_SOCKET_COOKIE};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!features_try(needed[i], btf))
			return false;
	return true;
}

bool features_storage_vanishes(const struct kernel_btf *btf)
{
	return kernel_btf_has_member(btf, "bpf_local_storage_elem", "state");
}

void features_detect(struct features *features)
{
	struct kernel_btf *btf = kernel_btf_read();

	for (int i = 0; i < FEATURES; i++)
		feature_settle(&features->list[i], &trials[i], try_quietly(i, btf));
	kernel_btf_free(btf);
}

static int preflight_privilege(char error[FEATURES_ERROR_LEN])
{
	if (capability_held(CAP_BPF) && capability_held(CAP_PERFMON))
		return 0;
	snprintf(error, FEATURES_ERROR_LEN, "sonde needs CAP_BPF and CAP_PERFMON: %s",
		geteuid() ? "run as root, or grant them with setcap or systemd's "
			    "AmbientCapabilities"
			  : "they were taken from this root; add them to the container "
			    "(capabilities: BPF, PERFMON) or to systemd's CapabilityBoundingSet");
	return -EPERM;
}

static int preflight_btf(char error[FEATURES_ERROR_LEN])
{
	int result;

	if (access(BTF_PATH, R_OK) == 0)
		return 0;
	result = -errno;
	if (result == -ENOENT)
		snprintf(error, FEATURES_ERROR_LEN,
			"this kernel has no BTF (%s): needs CONFIG_DEBUG_INFO_BTF=y", BTF_PATH);
	else
		snprintf(error, FEATURES_ERROR_LEN, "the kernel's BTF cannot be read (%s): %s",
			BTF_PATH, strerror(-result));
	return result;
}

/* What the capabilities promise can still be refused, so one map is made for real. */
static int preflight_ring_buffer(char error[FEATURES_ERROR_LEN])
{
	int result = try_quietly(FEATURE_RING_BUFFER, NULL);

	if (result == -ENOSYS)
		snprintf(error, FEATURES_ERROR_LEN,
			"this kernel has no bpf(): needs CONFIG_BPF_SYSCALL=y");
	else if (state_of(result) == FEATURE_ABSENT)
		snprintf(error, FEATURES_ERROR_LEN, "this kernel has no BPF ring buffer: %s",
			trials[FEATURE_RING_BUFFER].absent);
	else if (result)
		snprintf(error, FEATURES_ERROR_LEN,
			"the kernel refuses bpf() although the capabilities are there (%s): a user "
			"namespace, a seccomp profile or the limit of locked memory forbids it",
			strerror(-result));
	return result;
}

int features_preflight(char error[FEATURES_ERROR_LEN])
{
	int result = preflight_privilege(error);

	if (!result)
		result = preflight_btf(error);
	if (!result)
		result = preflight_ring_buffer(error);
	return result;
}
