/* SPDX-License-Identifier: Apache-2.0 */
/* See call_filter.h. The list was found by tracing, and holds what other libraries' ways may need.
 */
#include "privilege/call_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#	define PR_SET_VMA 0x53564d41
#endif

/* Names that an architecture lacks are left out there. */
static const char *const allowed[] = {
	/* memory */
	"brk", "munmap", "mremap", "madvise", "mincore", "membarrier",
	/* threads and signals */
	"exit", "exit_group", "futex", "futex_waitv", "getpid", "gettid", "rseq", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sched_getaffinity",
	"sched_yield", "set_robust_list", "set_tid_address", "sigaltstack", "signalfd4", "tgkill",
	/* time */
	"clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time",
	"timerfd_settime",
	/* descriptors and files */
	"access", "close", "close_range", "dup", "dup2", "dup3", "eventfd2", "faccessat",
	"faccessat2", "fadvise64", "fchmod", "fchown", "fcntl", "fstat", "fstatfs", "fsync",
	"ftruncate", "getcwd", "getdents64", "lseek", "lstat", "newfstatat", "open", "openat",
	"openat2", "pipe", "pipe2", "pread64", "preadv", "pwrite64", "pwritev", "read", "readlink",
	"readlinkat", "readv", "stat", "statfs", "statx", "write", "writev",
	/* waiting */
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "poll", "ppoll",
	"pselect6", "select",
	/* sockets that are there: the listener's clients, the collector, name servers */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
	"recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt",
	"shutdown",
	/* who and where Sonde is */
	"capget", "capset", "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getpriority",
	"getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getuid", "sysinfo",
	"uname"};

/* What only somebody else's code would do. */
static const char *const deadly[] = {"execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "mount", "umount2", "pivot_root", "swapon", "reboot"};

/* A call that is allowed when one argument is among these. */
struct choice {
	const char *call;
	unsigned argument;
	int count;
	unsigned values[16];
};

static const struct choice choices[] = {
	/* sweeps, and the iterators that they run; no program is loaded and no map made */
	{"bpf", 0, 11,
		{BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM,
			BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_AND_DELETE_ELEM, BPF_MAP_LOOKUP_BATCH,
			BPF_MAP_DELETE_BATCH, BPF_OBJ_GET_INFO_BY_FD, BPF_LINK_CREATE,
			BPF_LINK_DETACH, BPF_ITER_CREATE}},
	/* the terminal's size and whether it is one; the end of kprobes; a socket's state */
	{"ioctl", 1, 5, {TIOCGWINSZ, TCGETS, PERF_EVENT_IOC_DISABLE, FIONBIO, FIONREAD}},
	{"socket", 0, 4, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}},
	{"socketpair", 0, 1, {AF_UNIX}},
	{"prctl", 0, 7,
		{PR_SET_NAME, PR_SET_VMA, PR_CAP_AMBIENT, PR_GET_SECCOMP, PR_GET_DUMPABLE,
			PR_GET_NO_NEW_PRIVS, PR_GET_NAME}},
};

static scmp_filter_ctx filter, quiet;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* libseccomp has none */

static int add(const char *name, uint32_t action, unsigned count, const struct scmp_arg_cmp *how)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number < 0) /* this architecture, or this libseccomp, does not know it */
		return 0;
	return seccomp_rule_add_array(filter, action, number, count, how);
}

static int add_choices(void)
{
	int result = 0;

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		for (int j = 0; j < choices[i].count && !result; j++) {
			struct scmp_arg_cmp is = SCMP_CMP32(
				choices[i].argument, SCMP_CMP_EQ, choices[i].values[j], 0);

			result = add(choices[i].call, SCMP_ACT_ALLOW, 1, &is);
		}
	return result;
}

/*
 * Memory that is executed is never written to and comes from a file (libcurl, modules of the name
 * service). A process's limits are read only. What clone() makes is a thread.
 */
static int add_conditions(void)
{
	const struct scmp_arg_cmp data[] = {
		SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
	};
	const struct scmp_arg_cmp code[] = {
		SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
		SCMP_CMP64(3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0),
	};
	const struct scmp_arg_cmp thread[] = {
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD),
	};
	const struct scmp_arg_cmp no_new_limit[] = {
		SCMP_CMP64(2, SCMP_CMP_EQ, 0, 0),
	};

	return add("mmap", SCMP_ACT_ALLOW, 1, data)
		       ?: add("mmap", SCMP_ACT_ALLOW, 2, code)
		       ?: add("mprotect", SCMP_ACT_ALLOW, 1, data)
		       ?: add("clone", SCMP_ACT_ALLOW, 1, thread)
		       ?: add("clone3", SCMP_ACT_ALLOW, 0, NULL)
		       ?: add("prlimit64", SCMP_ACT_ALLOW, 1, no_new_limit);
}

static int add_all(const char *const *names, size_t count, uint32_t action)
{
	int result = 0;

	for (size_t i = 0; i < count && !result; i++)
		result = add(names[i], action, 0, NULL);
	return result;
}

/* What clone3() makes cannot be seen by a filter, and the C library has clone() to go back to. */
static int make_quiet(void)
{
	quiet = seccomp_init(SCMP_ACT_ALLOW);
	if (!quiet)
		return -ENOMEM;
	seccomp_attr_set(quiet, SCMP_FLTATR_CTL_NNP, 0);
	seccomp_attr_set(quiet, SCMP_FLTATR_CTL_SSB, 1);
	return seccomp_rule_add(quiet, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int call_filter_make(void)
{
	int result;

	filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!filter)
		return -ENOMEM;
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* privilege.c has set it */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* by a tree, not one by one */
	/* Before Linux 5.16 a filter costs speculation, against code that is not to be trusted. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	result = add_all(allowed, sizeof(allowed) / sizeof(*allowed), SCMP_ACT_ALLOW)
			 ?: add_all(deadly, sizeof(deadly) / sizeof(*deadly), SCMP_ACT_KILL_PROCESS)
			 ?: add_choices()
			 ?: add_conditions()
			 ?: make_quiet();
	return result;
}

int call_filter_apply(void)
{
	int result;

	pthread_mutex_lock(&lock);
	result = seccomp_load(quiet) ?: seccomp_load(filter);
	pthread_mutex_unlock(&lock);
	return result;
}

int call_filter_try(void)
{
	unsigned action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ? -errno : 0;
}
