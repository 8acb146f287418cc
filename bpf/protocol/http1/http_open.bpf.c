/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP requests that are open: iterators over the connections, which the daemon reads at each
 * sweep. So nothing is counted up and down at each request.
 */
#include "protocol/http1/http_report.bpf.h"

/* Requests that are open for longer are reported before their end; 0: off. Changes while running */
__u64 long_request_ns = 0;

/* One at a time, as there is one reader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct long_record);
} http_report SEC(".maps");

/* Reports once a request that is open for long. False: the reader has no room, and will come
 * again. */
static __always_inline bool report(struct seq_file *seq, struct conn *conn, __u64 now)
{
	struct long_record *record;
	__u32 zero = 0, line, size;

	record = bpf_map_lookup_elem(&http_report, &zero);
	if (!record)
		return true;
	line = current_copy(record, conn);
	if (!conn->active || line > HTTP_LINE_LEN)
		return true; /* it has just ended */
	record->http.record.time_ns = now;
	record->http.flags |= HTTP_OPEN;
	response_progress(&record->http, &conn->streams[RESPONSE]);
	size = HTTP_LINE_AT + current_extend(record, conn, line);
	size = (size + 7) & ~7U;
	if (size > sizeof(*record) || bpf_seq_write(seq, record, size))
		return false;
	conn->reported = record->http.index + 1;
	return true;
}

/* Reports what requests one connection has open; the reader adds them up. */
static __always_inline void open_report(struct seq_file *seq, struct conn *conn)
{
	struct record_http_active active = {.record.type = RECORD_HTTP_ACTIVE};
	__u64 now;

	if (conn->flags & CONN_OPAQUE || conn->asked == conn->answered)
		return;
	workload_mark(conn->current.http.record.workload); /* its process may have ended */
	now = bpf_ktime_get_ns();
	active.record.workload = conn->current.http.record.workload;
	active.record.time_ns = now;
	active.role = conn->role;
	active.method = method_of(conn->current.http.line);
	active.active = conn->asked - conn->answered;
	if (long_request_ns && conn->active &&
		now - conn->current.http.request_first_ns >= long_request_ns) {
		active.long_active = 1;
		if (conn->reported != conn->current.http.index + 1 && !report(seq, conn, now))
			return;
	}
	bpf_seq_write(seq, &active, sizeof(active));
}

CHANNEL_SWEEP(http_sweep, conns, struct conn, open_report)

SEC("iter/bpf_map_elem")
int http_sweep_other(struct bpf_iter__bpf_map_elem *ctx)
{
	const __u64 *key = ctx->key;
	struct conn *conn;
	__u64 cookie;

	if (!key)
		return 0;
	cookie = *key;
	conn = bpf_map_lookup_elem(&other_conns, &cookie);
	if (!conn)
		return 0;
	if (carrier_is_gone(conn->carrier, conn->current.http.connection)) {
		conn_close(conn, HTTP_CLOSED_LOCALLY, true);
		bpf_map_delete_elem(&other_conns, &cookie);
		return 0;
	}
	open_report(ctx->meta->seq, conn);
	return 0;
}
