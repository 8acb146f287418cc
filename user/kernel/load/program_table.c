/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of BPF programs (programs.h), in the order of attaching:
 *
 * - Tasks get their numbers before anything is counted for them; and the exec probe of workloads
 *   comes before that of processes, so that it runs first.
 * - What forgets a socket comes before all that keep something of sockets: what is left of one that
 *   ended would be taken for the next one's at its address. But tcp_destroy and http_destroy want
 *   to know before.
 * - Connections that are there are looked at when those that come are seen already.
 */
#include "kernel/load/programs.h"

#include <stdio.h>
#include <string.h>

#define TRACEPOINTS (1U << HTTP_TRACEPOINTS)
#define FENTRY      (1U << HTTP_FENTRY)
#define KPROBES     (1U << HTTP_KPROBES)

/* What several programs serve together: one missing takes the others along. */
#define NO_IPV6     "HTTP and DNS over IPv6 are not seen"
#define NO_UNIX     "HTTP over Unix sockets is not seen"
#define NO_SENDPAGE "what sendfile sends is not seen: HTTP responses by it have no end"
#define NO_SPLICE   "splices are timed late"
#define NO_BEGIN    "sends are timed by their end"
#define NO_ARRIVAL  "how long requests wait to be read is not known"
#define NO_CLOSE    "the end of Unix sockets is noticed late"
#define NO_SWEEP    "open HTTP requests are not counted, and Unix sockets end when they are next used"

/* clang-format off */
#define TRACEPOINT(NAME, TARGET) .name = NAME, .hook = HOOK_TRACEPOINT, .targets = {TARGET}
#define ITERATOR(NAME, TARGET)   .name = NAME, .hook = HOOK_ITERATOR, .targets = {TARGET}
#define FUNCTION(NAME, HOOK, ...) .name = NAME, .hook = HOOK_##HOOK, .targets = {__VA_ARGS__}
#define SENDS    "inet_sendmsg", "inet6_sendmsg", "unix_stream_sendmsg"
#define RECEIVES "inet_recvmsg", "inet6_recvmsg", "unix_stream_recvmsg"
#define PAGES    "inet_sendpage", "unix_stream_sendpage"

const struct program program_table[] = {
	/* --- services: the ground that all sources stand on --- */
	{TRACEPOINT("workload_fork", "sched_process_fork"), .source = SOURCE_WORKLOAD,
	 .without = "new threads, and processes that do not exec, lose their OTEL_SERVICE_NAME"},
	{TRACEPOINT("workload_exec", "sched_process_exec"), .source = SOURCE_WORKLOAD,
	 .without = "programs count as the service that started them"},
	{TRACEPOINT("workload_cgroup_changed", "cgroup_attach_task"), .source = SOURCE_WORKLOAD,
	 .without = "processes that move to another cgroup keep their service"},
	{TRACEPOINT("workload_cgroup_emptied", "cgroup_transfer_tasks"),
	 .source = SOURCE_WORKLOAD,
	 .without = "processes whose cgroup loses its last CPU keep their service"},
	{TRACEPOINT("workload_cgroup_renamed", "cgroup_rename"), .source = SOURCE_WORKLOAD,
	 .without = "processes keep the name of a cgroup that is renamed"},
	{TRACEPOINT("workload_thread_end", "sched_process_free"), .source = SOURCE_WORKLOAD,
	 .when = WHEN_TABLES,
	 .without = "threads that have ended keep their place in the table until it is full"},
	{ITERATOR("workload_tasks", "task"), .source = SOURCE_WORKLOAD, .since = "Linux 5.8",
	 .without = "of what ran before Sonde, TCP connections that were open belong to no service, "
		    "and numbers of services become free late"},

	/* --- processes --- */
	{TRACEPOINT("process_exec", "sched_process_exec"), .source = SOURCE_PROCESS},
	{TRACEPOINT("process_fork", "sched_process_fork"), .source = SOURCE_PROCESS},
	{TRACEPOINT("process_exit", "sched_process_exit"), .source = SOURCE_PROCESS},

	/* --- ends of sockets; of TCP and of HTTP, whichever is on --- */
	{TRACEPOINT("tcp_destroy", "tcp_destroy_sock"), .source = SOURCE_TCP,
	 .without = "connections whose end the kernel left out end late, and without their last "
		    "bytes"},
	{TRACEPOINT("http_destroy", "tcp_destroy_sock"), .source = SOURCE_HTTP},
	{TRACEPOINT("tcp_forget", "tcp_destroy_sock"), .source = SOURCE_WORKLOAD,
	 .when = WHEN_FORGETS,
	 .without = "sockets that are open are not told from those that have ended: TCP and HTTP "
		    "are counted wrong"},

	{FUNCTION("http_fentry_close_unix", FENTRY, "unix_release"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS | FENTRY, .when = WHEN_TABLES, .without = NO_CLOSE},
	{FUNCTION("http_kprobe_close_unix", KPROBE, "unix_release"), .source = SOURCE_HTTP,
	 .backends = KPROBES, .without = NO_CLOSE},

	/* --- TCP, whose beginnings of connections HTTP wants to know too --- */
	{TRACEPOINT("tcp_state", "inet_sock_set_state"), .source = SOURCE_TCP},
	{TRACEPOINT("tcp_reset_received", "tcp_receive_reset"), .source = SOURCE_TCP,
	 .without = "TCP resets received are not counted, and connections end by an error"},
	{TRACEPOINT("tcp_reset_sent", "tcp_send_reset"), .source = SOURCE_TCP,
	 .without = "TCP resets sent are not counted"},

	/* --- HTTP: states of connections, then the backends, which serve DNS as well --- */
	{TRACEPOINT("http_state", "inet_sock_set_state"), .source = SOURCE_HTTP},

	{TRACEPOINT("http_send_begin", "tcp_sendmsg_locked"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS, .since = "Linux 6.16", .without = NO_BEGIN},
	{FUNCTION("http_send_begin_function", FENTRY, "tcp_sendmsg_locked"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS, .without = NO_BEGIN, .unless = "http_send_begin"},
	{TRACEPOINT("http_send", "sock_send_length"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS, .since = "Linux 6.3", .reports_dns = true, .helps_tcp = true},
	{TRACEPOINT("http_receive", "sock_recv_length"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS, .since = "Linux 6.3", .reports_dns = true, .helps_tcp = true},
	{TRACEPOINT("http_splice", "tcp_rcv_space_adjust"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS, .without = NO_SPLICE, .only_times = true},

	{TRACEPOINT("http_uring", "io_uring_submit_req"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS, .since = "Linux 6.4",
	 .without = "what io_uring receives is counted as unreadable"},

	{FUNCTION("http_fexit_send", FEXIT, "inet_sendmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_fentry_send", FENTRY, "inet_sendmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY},
	{FUNCTION("http_fexit_receive", FEXIT, "inet_recvmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_fexit_send6", FEXIT, "inet6_sendmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_IPV6, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_fentry_send6", FENTRY, "inet6_sendmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_IPV6},
	{FUNCTION("http_fexit_receive6", FEXIT, "inet6_recvmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_IPV6, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_fexit_send_unix", FEXIT, "unix_stream_sendmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_UNIX},
	{FUNCTION("http_fentry_send_unix", FENTRY, "unix_stream_sendmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_UNIX},
	{FUNCTION("http_fexit_receive_unix", FEXIT, "unix_stream_recvmsg"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_UNIX},
	{FUNCTION("http_fexit_sendpage", FEXIT, "inet_sendpage"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .when = WHEN_THERE, .without = NO_SENDPAGE, .helps_tcp = true},
	{FUNCTION("http_fexit_sendpage_unix", FEXIT, "unix_stream_sendpage"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .when = WHEN_THERE, .without = NO_SENDPAGE},
	{FUNCTION("http_fexit_splice", FEXIT, "tcp_splice_read"), .source = SOURCE_HTTP,
	 .backends = FENTRY, .without = NO_SPLICE, .only_times = true},

	{FUNCTION("http_kretprobe_send", KRETPROBE, SENDS), .source = SOURCE_HTTP,
	 .backends = KPROBES, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_kprobe_send", KPROBE, SENDS), .source = SOURCE_HTTP,
	 .backends = KPROBES, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_kretprobe_receive", KRETPROBE, RECEIVES), .source = SOURCE_HTTP,
	 .backends = KPROBES, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_kprobe_receive", KPROBE, RECEIVES), .source = SOURCE_HTTP,
	 .backends = KPROBES, .reports_dns = true, .helps_tcp = true},
	{FUNCTION("http_kretprobe_sendpage", KRETPROBE, PAGES), .source = SOURCE_HTTP,
	 .backends = KPROBES, .when = WHEN_THERE, .without = NO_SENDPAGE, .helps_tcp = true},
	{FUNCTION("http_kprobe_sendpage", KPROBE, PAGES), .source = SOURCE_HTTP,
	 .backends = KPROBES, .when = WHEN_THERE, .without = NO_SENDPAGE, .helps_tcp = true},
	{FUNCTION("http_kretprobe_splice", KRETPROBE, "tcp_splice_read"), .source = SOURCE_HTTP,
	 .backends = KPROBES, .without = NO_SPLICE, .only_times = true},
	{FUNCTION("http_kprobe_splice", KPROBE, "tcp_splice_read"), .source = SOURCE_HTTP,
	 .backends = KPROBES, .without = NO_SPLICE, .only_times = true},

	{TRACEPOINT("http_arrival", "sk_data_ready"), .source = SOURCE_HTTP,
	 .since = "Linux 6.2", .without = NO_ARRIVAL, .only_times = true, .helps_tcp = true},
	{FUNCTION("http_arrival_function", FENTRY, "sock_def_readable"), .source = SOURCE_HTTP,
	 .backends = TRACEPOINTS | FENTRY, .without = NO_ARRIVAL, .only_times = true,
	 .unless = "http_arrival", .helps_tcp = true},
	{FUNCTION("http_kprobe_arrival", KPROBE, "sock_def_readable"), .source = SOURCE_HTTP,
	 .backends = KPROBES, .without = NO_ARRIVAL, .only_times = true,
	 .unless = "http_arrival", .helps_tcp = true},

	/* --- what is there already --- */
	{ITERATOR("tcp_owners", "task_file"), .source = SOURCE_TCP, .since = "Linux 5.8",
	 .without = "TCP connections from before Sonde belong to no service"},
	{ITERATOR("tcp_sweep", "bpf_sk_storage_map"), .source = SOURCE_TCP, .since = "Linux 5.9"},
	{ITERATOR("http_sweep", "bpf_sk_storage_map"), .source = SOURCE_HTTP, .since = "Linux 5.9",
	 .without = NO_SWEEP},
	{ITERATOR("http_sweep_other", "bpf_map_elem"), .source = SOURCE_HTTP, .since = "Linux 5.9",
	 .without = NO_SWEEP},

	/* --- run queue --- */
	{TRACEPOINT("sched_switch", "sched_switch"), .source = SOURCE_SCHED},

	/* --- system calls --- */
	{TRACEPOINT("syscall_enter", "sys_enter"), .source = SOURCE_SYSCALL},
	{TRACEPOINT("syscall_exit", "sys_exit"), .source = SOURCE_SYSCALL},
};
/* clang-format on */

const size_t program_count = sizeof(program_table) / sizeof(*program_table);
_Static_assert(sizeof(program_table) / sizeof(*program_table) <= PROGRAMS_MAX,
	"what is kept of each program has room");

const struct program *program_find(const char *name)
{
	for (size_t i = 0; i < program_count; i++)
		if (!strcmp(program_table[i].name, name))
			return &program_table[i];
	return NULL;
}

void program_hook(const struct program *program, char text[PROGRAM_HOOK_LEN])
{
	static const char *const kinds[] = {
		[HOOK_TRACEPOINT] = "tp_btf ",
		[HOOK_FENTRY] = "fentry ",
		[HOOK_FEXIT] = "fexit ",
		[HOOK_KPROBE] = "kprobe ",
		[HOOK_KRETPROBE] = "kretprobe ",
		[HOOK_ITERATOR] = "iter/",
	};
	int length = snprintf(text, PROGRAM_HOOK_LEN, "%s", kinds[program->hook]);

	for (int i = 0; i < PROGRAM_TARGETS_MAX && program->targets[i]; i++)
		length += snprintf(text + length, (size_t)(PROGRAM_HOOK_LEN - length), "%s%s",
			i ? ", " : "", program->targets[i]);
}

const char *program_backend_name(enum http_hooks backend)
{
	static const char *const names[HTTP_HOOKS] = {
		[HTTP_HOOKS_AUTO] = "auto",
		[HTTP_TRACEPOINTS] = "tracepoints",
		[HTTP_FENTRY] = "fentry",
		[HTTP_KPROBES] = "kprobes",
	};

	return names[backend];
}
