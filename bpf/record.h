/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What comes out of the kernel: fixed-layout records that probes, the daemon and recordings share.
 *
 * A record begins with `struct record`; its type says which of the structs below it is. Times are
 * CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns), ports are in host order, IPv4 addresses are
 * mapped into IPv6 (::ffff:a.b.c.d), sizes are bytes. Numbers are little-endian on every supported
 * machine.
 *
 * Records travel by three ways, and a reader need not care which: ring buffers (HTTP, TCP, DNS,
 * process, slow system call), the sweep of in-kernel tables (syscall, events, TCP progress), and
 * files. A change to a layout here raises RECORDING_VERSION in user/record/recording.h.
 */
#ifndef SONDE_RECORD_H
#define SONDE_RECORD_H

#ifndef __VMLINUX_H__
#	include <linux/types.h>
#endif

/* --- sizes that both sides rely on --- */

/* Numbers of workloads, 0 included, which stands for "no number was left" (service `_other`). */
#define WORKLOADS_MAX 2048
#define HOLDERS_MAX   1024

/* Latency histogram: 8 buckets per power of two (Prometheus schema 3), bounds 2^(i/8) seconds. */
#define HISTOGRAM_PER_OCTAVE 8
#define HISTOGRAM_MIN_EXP                                                                          \
	(-24)               /* first bound: 2^-24 s = 59.6 ns; anything shorter counts there       \
			     */
#define HISTOGRAM_MAX_EXP 7 /* last bound: 2^7 s = 128 s */
#define HISTOGRAM_BOUNDS  ((HISTOGRAM_MAX_EXP - HISTOGRAM_MIN_EXP) * HISTOGRAM_PER_OCTAVE + 1)
#define HISTOGRAM_BUCKETS (HISTOGRAM_BOUNDS + 1) /* the last one: longer than 2^7 s */

#define SYSCALLS_MAX 512 /* numbers known to the tables; the highest on 6.18 is 469 */

#define COMM_LEN         16
#define NAME_LEN         256 /* what a file may be called (NAME_MAX), and its NUL */
#define SERVICE_NAME_LEN NAME_LEN
#define CGROUP_LEVELS    6
#define ARGUMENTS_LEN    256
#define HTTP_LINE_LEN    256
#define HTTP_HOST_LEN    127  /* a longer one is not kept */
#define UNIX_PATH_LEN    108  /* sizeof(sockaddr_un.sun_path) */
#define TRACEPARENT_LEN  55   /* W3C trace context, version 00 */
#define DNS_BYTES_LEN    1232 /* of a UDP message that fits any path: what most servers keep to */
#define RESOLVERS_MAX    8

enum record_type {
	RECORD_WORKLOAD = 1, /* who a workload number is, before its first use in any record */
	RECORD_WORKLOAD_END, /* `struct record` alone: the number is free; its figures are complete
			      */
	RECORD_CLOCK,
	RECORD_EVENTS,
	RECORD_HTTP,
	RECORD_TCP,
	RECORD_EXEC,
	RECORD_FORK,
	RECORD_EXIT,
	RECORD_SYSCALL,
	RECORD_SYSCALL_ERROR,
	RECORD_SLOW_SYSCALL,
	RECORD_TCP_LISTENER,
	RECORD_TCP_SWEPT,
	RECORD_TCP_REFUSALS,
	RECORD_HTTP_ACTIVE,
	RECORD_DNS,
	RECORD_RESOLVERS,
	RECORD_WORKLOAD_IDLE, /* as RECORD_WORKLOAD_END, but that a task may live that did nothing
				 for long; it gets another number when it does something */
	RECORD_RUN_QUEUE,
	RECORD_HTTP_UNREAD,
	RECORD_TYPES
};

struct record {
	__u16 type; /* enum record_type */
	__u16 reserved;
	__u32 workload; /* whom it is about; see RECORD_WORKLOAD */
	__u64 time_ns;  /* when it was made */
};

/* One "executable in a cgroup under a name": the unit by which the kernel aggregates. */
struct record_workload {
	struct record record;
	__u64 cgroup_id;
	__u64 inode;         /* of the executable, */
	__u32 device;        /* on this device */
	__u32 tgid;          /* the process that was seen first */
	char comm[COMM_LEN]; /* its command name */
	__u32 is_own;        /* 1: Sonde itself */
	__u32 holder;        /* below HOLDERS_MAX: a hash of what it is part of and cannot choose */
	char executable[NAME_LEN]; /* file name without folders; "" for a kernel thread */
	char program[NAME_LEN];    /* what it executes, where that is an interpreter, or "" */
	/*
	 * OTEL_SERVICE_NAME of its environment, or what OTEL_RESOURCE_ATTRIBUTES has for it, or "".
	 * Behind it, where that has them, service.namespace and service.version, each after a
	 * RESOURCE_SEPARATOR (core/resource.h).
	 */
	char service_name[SERVICE_NAME_LEN];
	/* names from the leaf up, the root left out; where they are long, fewer */
	char cgroup[CGROUP_LEVELS][NAME_LEN];
};

/* How CLOCK_REALTIME stood to CLOCK_MONOTONIC; first in a recording, then with every sweep. */
struct record_clock {
	struct record record;
	__s64 realtime_offset_ns; /* realtime = monotonic + this */
};

/* --- losses and deliveries: for every source, seen = delivered + dropped by reason --- */

enum source {
	SOURCE_SYSCALL,
	SOURCE_SLOW_SYSCALL,
	SOURCE_HTTP,
	SOURCE_TCP,
	SOURCE_PROCESS,
	SOURCE_WORKLOAD,
	SOURCE_DNS,
	SOURCE_SCHED,
	SOURCES
};

enum outcome {
	OUTCOME_DELIVERED,
	OUTCOME_RING_FULL,      /* no room in the ring buffer: the daemon was too slow */
	OUTCOME_TABLE_FULL,     /* no slot left in a table of the probe */
	OUTCOME_STORAGE_FAILED, /* the kernel gave no task or socket storage */
	OUTCOME_UNREADABLE,     /* the bytes could not be read where the program keeps them */
	OUTCOME_UNPARSABLE,     /* it was HTTP, then it made no sense */
	OUTCOME_COMPAT,         /* a 32-bit system call on a 64-bit kernel: numbered differently */
	OUTCOME_RECURSION,      /* the kernel skipped a run because the probe was already running */
	OUTCOME_INVALID,        /* a record that cannot be: the daemon left it out */
	OUTCOMES
};

/* Growth of one counter since it was last told. */
struct record_events {
	struct record record; /* workload: 0 */
	__u16 source;         /* enum source */
	__u16 outcome;        /* enum outcome */
	__u32 reserved;
	__u64 count;
};

/* --- HTTP --- */

enum http_role { HTTP_SERVER, HTTP_CLIENT };

enum http_flag {
	HTTP_LINE_TRUNCATED = 1,  /* the request line was longer than HTTP_LINE_LEN */
	HTTP_PIPELINED = 2,       /* came while an earlier request had no complete response */
	HTTP_UPGRADED = 4,        /* 101, or CONNECT with 2xx: what follows is opaque */
	HTTP_REQUEST_PARTIAL = 8, /* the response was complete before the request's body was */
	HTTP_UNIX = 16,           /* over a Unix socket: a path in place of addresses */
	HTTP_OPEN = 32,           /* not its end: a report of a request that is open for long */
	HTTP_PROXIED = 64,        /* the PROXY protocol told whose connection it is */
	HTTP_TRACED = 128         /* with a traceparent */
};

/* The methods that the semantic conventions know. */
enum http_method {
	HTTP_METHOD_OTHER,
	HTTP_METHOD_GET,
	HTTP_METHOD_POST,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_PUT,
	HTTP_METHOD_DELETE,
	HTTP_METHOD_OPTIONS,
	HTTP_METHOD_PATCH,
	HTTP_METHOD_CONNECT,
	HTTP_METHOD_TRACE,
	HTTP_METHOD_QUERY,
	HTTP_METHODS
};

/* Why a request has no complete response; becomes `error.type`. */
enum http_error {
	HTTP_OK,
	HTTP_CLOSED_BY_PEER,  /* the other side closed first */
	HTTP_CLOSED_LOCALLY,  /* this side closed first */
	HTTP_RESET,           /* RST */
	HTTP_TIMED_OUT,       /* the kernel gave up */
	HTTP_RESPONSE_INVALID /* what came back was no HTTP */
};

/* How well the time of a response's last byte is known. */
enum http_end {
	HTTP_END_SEEN,
	HTTP_END_ESTIMATED, /* it moved unseen, a tick or so after its segment did */
	HTTP_END_UNKNOWN    /* it moved unseen, some time before this */
};

struct record_address {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns; /* inode number of the network namespace */
};

/*
 * One request with its response, as one process saw it. For a server, `request` bytes were read and
 * `response` bytes written; for a client the other way round. The times are those of the system
 * calls that moved the bytes: on reading, the end of the call; on writing, its begin for a first
 * byte (where the kernel tells it) and its end for a last byte. 0: it never happened.
 *
 * A request that is open for longer than `long-request` is told once before its end, with
 * HTTP_OPEN.
 */
struct record_http {
	struct record record;
	struct record_address address;
	__u64 connection; /* socket cookie */
	__u32 index;      /* of the request on this connection, from 0 as far as seen */
	__u32 tgid;       /* process and thread that moved the request's first byte */
	__u32 tid;
	__u8 role;         /* enum http_role */
	__u8 flags;        /* enum http_flag */
	__u8 error;        /* enum http_error */
	__u8 path_length;  /* HTTP_UNIX: bytes of the socket's path, which stand after the line */
	__u16 status;      /* 0 when none came */
	__u16 line_length; /* bytes of the request line that are kept */
	__u32 request_head_bytes;
	__u32 response_head_bytes; /* of the final response, without interim (1xx) ones */
	__u8 host_length; /* of a client: bytes of Host's value, which stand after the line */
	__u8 host_lines;  /* how many there were, up to 2: of two neither is kept */
	__u8 end;         /* enum http_end */
	__u8 reserved;
	__u64 request_bytes;  /* head and body, as transferred (chunk framing included) */
	__u64 response_bytes; /* the same, interim responses included */
	__u64 request_first_ns;
	__u64 request_last_ns;
	__u64 response_first_ns;
	__u64 response_last_ns;
	/*
	 * Outside of all other times. `queue_ns`, server: from when the socket had bytes for the
	 * process to read to its first read of them. `setup_ns`, of a connection's first request:
	 * server: from established to accepted; client: from SYN to established. 0: not known.
	 */
	__u64 queue_ns;
	__u64 setup_ns;
	/*
	 * Request line without its end, and Host, which together have this room. Of a line that is
	 * longer the end is left out, and then as much more of it as Host takes; a line that fits
	 * is whole, and where it leaves too little room, Host is left out. Only so many bytes
	 * travel, and right after them the path (one that begins with a NUL is an abstract name);
	 * with HTTP_PROXIED, struct http_origin; and with HTTP_TRACED, TRACEPARENT_LEN bytes of
	 * traceparent as it stood in the head.
	 */
	char line[HTTP_LINE_LEN];
};

/* Who made the connection to a proxy, as that says by the PROXY protocol. */
struct http_origin {
	__u8 address[16];
	__u16 port;
};

/* Requests of one workload that were open at a sweep; told when one of the figures changed. */
struct record_http_active {
	struct record record;
	__u8 role;   /* enum http_role */
	__u8 method; /* enum http_method */
	__u16 reserved;
	__u32 active;
	__u32 long_active; /* those of them that are open for longer than `long-request` */
	__u32 reserved2;
};

/* --- TCP --- */

enum tcp_event {
	TCP_FOUND,    /* was open when Sonde started */
	TCP_OPENED,   /* established now */
	TCP_PROGRESS, /* alive at a sweep, and something changed */
	TCP_RESET,    /* an RST was sent or received, see `reason`; without growth */
	TCP_CLOSED,   /* was established and is gone */
	TCP_FAILED    /* never was established */
};

enum tcp_direction { TCP_UNKNOWN, TCP_INBOUND, TCP_OUTBOUND };

/* Whose FIN or RST came first. */
enum tcp_closer { TCP_NOBODY, TCP_LOCAL, TCP_PEER };

/* How it ended. */
enum tcp_reason {
	TCP_ALIVE,
	TCP_FIN, /* both sides have closed */
	TCP_RESET_SENT,
	TCP_RESET_RECEIVED,
	TCP_TIMED_OUT, /* no answer to what was sent */
	TCP_ERROR      /* another one; `error` says which */
};

enum tcp_flag {
	TCP_FIRST = 1, /* nothing was told of this connection before */
	TCP_MPTCP = 2, /* a subflow */
	TCP_WAITS = 4  /* in its listener's queue: whose it is shows when it is accepted */
};

/* What a connection has counted. */
struct tcp_figures {
	__u64 sent_bytes; /* payload, once however often it was retransmitted */
	__u64 received_bytes;
	__u64 retransmitted_bytes;
	__u32 sent_segments; /* with and without payload, retransmitted ones included */
	__u32 received_segments;
	__u32 retransmitted_segments;
	__u32 lost_segments;         /* as the sender believes */
	__u32 out_of_order_segments; /* received; 0 where the kernel does not count them */
	__u32 zero_windows; /* sweeps that found the receive window closed, and the one before not
			     */
};

/*
 * One step in a connection's life. The first record of one that began under Sonde has a `start_ns`;
 * one of several CPUs may be told late, so another record than TCP_OPENED may come first.
 */
struct record_tcp {
	struct record record;
	struct record_address address;
	__u64 connection;    /* unique to the connection; 0: it never came to be one */
	__u64 start_ns;      /* established at; 0 when it was open before Sonde was */
	__u64 connect_ns;    /* SYN to established, outbound; 0 when not known */
	__u64 first_byte_ns; /* established to first payload received; 0: none yet, or not known */
	struct tcp_figures growth; /* since the last record; of the first one, since it began */
	/* as it is now */
	__u32 srtt_us; /* smoothed round trip; 0: no sample */
	__u32 min_rtt_us;
	__u32 congestion_window; /* segments */
	__u32 unsent_bytes;
	__u32 unacknowledged_bytes;
	__u32 tgid;          /* the owner as far as known; 0: nobody yet */
	char comm[COMM_LEN]; /* its command name */
	__u8 event;          /* enum tcp_event */
	__u8 direction;      /* enum tcp_direction */
	__u8 state;          /* of the kernel: 1 established … 11 closing */
	__u8 closer;         /* enum tcp_closer */
	__u8 reason;         /* enum tcp_reason */
	__u8 flags;          /* enum tcp_flag */
	__u16 error;         /* errno of the socket */
};

/* A listening socket whose figures changed, or that is gone. */
struct record_tcp_listener {
	struct record record;
	struct record_address address; /* the local half */
	__u64 listener;                /* unique to the socket */
	__u64 overflows;    /* growth: connections dropped because the accept queue was full */
	__u32 queue_length; /* established, and not accepted yet */
	__u32 queue_limit;
	__u32 is_gone;
	__u32 reserved;
};

/* All connections that were open then have been told of since `begin_ns`. */
struct record_tcp_swept {
	struct record record; /* workload: 0 */
	__u64 begin_ns;
};

/* RSTs that the kernel sent for no socket, such as from closed ports: growth. */
struct record_tcp_refusals {
	struct record record; /* workload: 0 */
	__u64 count;
};

/* --- DNS --- */

enum dns_direction { DNS_SENT, DNS_RECEIVED };

/*
 * What one operation moved between a process and a DNS server, the process being the one that asks:
 * a message, or, over TCP, a piece of the stream of messages. Raw, as it is paired in user space.
 * `time_ns` is that of the system call: its begin for a send, where that is known, else its end.
 *
 * Or it moved nothing, and `error` says that the server cannot be reached: then what this socket
 * has asked has no answer.
 */
struct record_dns {
	struct record record;
	/* Received by a socket that is not connected: the remote end may not be known, and all 0.
	 */
	struct record_address address;
	__u32 tgid;
	__u32 length;   /* bytes moved */
	__u16 kept;     /* that travel: the first of them */
	__u8 direction; /* enum dns_direction */
	__u8 is_tcp;
	__u16 error; /* errno, or 0 */
	__u16 reserved;
	__u8 bytes[DNS_BYTES_LEN];
};

/* Which DNS servers programs of this machine are configured to ask; told when it changes. */
struct record_resolvers {
	struct record record; /* workload: 0 */
	__u32 netns;          /* where that holds: the machine's own network namespace */
	__u32 count;
	__u8 servers[RESOLVERS_MAX][16]; /* the first `count` of them */
};

/* --- processes --- */

struct record_exec {
	struct record record;
	__u32 tgid;
	__u32 parent_tgid;
	__u32 uid;
	__u16 arguments_length; /* bytes of `arguments` that travel */
	__u16 arguments_truncated;
	char comm[COMM_LEN];
	char arguments[ARGUMENTS_LEN]; /* NUL-separated, as in /proc/PID/cmdline */
};

struct record_fork {
	struct record record;
	__u32 tgid;
	__u32 parent_tgid;
};

struct record_exit {
	struct record record;
	__u32 tgid;
	__u16 code;  /* exit status, when signal is 0 */
	__u8 signal; /* that ended it, or 0 */
	__u8 oom;    /* 1: killed because memory ran out */
	__u64 lifetime_ns;
	__u64 user_ns; /* CPU time of all its threads */
	__u64 system_ns;
	char comm[COMM_LEN];
};

/* --- latencies --- */

/* One bucket's growth. */
struct record_bucket {
	__u32 index; /* 0 … HISTOGRAM_BUCKETS - 1 */
	__u32 count;
};

/*
 * What a latency is of: ranges, each of which belongs to one type of record (record_types.c in
 * user/record/).
 */
enum operation {
	OPERATION_SYSCALL = 0, /* and the number of the system call */
	OPERATION_RUN_QUEUE = SYSCALLS_MAX,
	OPERATION_HTTP_UNREAD,   /* and a number of protocol/http1/http_unread.h */
	OPERATIONS_MAX = 1 << 18 /* that a key has room for; see LATENCY_KEY */
};

/* Growth of one latency histogram (workload, operation) since the last sweep. */
struct record_latency {
	struct record record;
	__u32 operation; /* from the first of its range, as 0 */
	__u32 bucket_count;
	__u64 sum_ns;
	struct record_bucket buckets[]; /* bucket_count of them, ascending, none of them 0 */
};

/* --- system calls --- */

struct record_syscall_error {
	struct record record;
	__u32 number;
	__u32 error; /* errno, positive */
	__u64 count; /* growth since the last sweep */
};

struct record_slow_syscall {
	struct record record; /* time_ns: when it returned */
	__u32 number;
	__u32 tgid;
	__u32 tid;
	__u32 reserved;
	__s64 result;
	__u64 duration_ns;
	char comm[COMM_LEN]; /* of the thread */
};

#endif
