/* SPDX-License-Identifier: Apache-2.0 */
/* See http_exchange.h. */
#include "protocol/http/http_exchange.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "protocol/http1/http_unread.h"
#include "protocol/http/http_attributes.h"

/* `error.type` of requests without a complete response. */
static const char *const error_names[] = {
	[HTTP_OK] = NULL,
	[HTTP_CLOSED_BY_PEER] = "closed_by_peer",
	[HTTP_CLOSED_LOCALLY] = "closed_locally",
	[HTTP_RESET] = "connection_reset",
	[HTTP_TIMED_OUT] = "timeout",
	[HTTP_RESPONSE_INVALID] = "response_invalid",
};

/* What follows the line and Host; past the end of the struct's own room for it, perhaps. */
static const char *behind_line(const struct record_http *record)
{
	const char *line = (const char *)record + offsetof(struct record_http, line);

	return line + record->line_length + record->host_length;
}

/* Behind those the socket's path, which is "" where there is none; HTTP_PROXIED. */
static const char *origin_at(const struct record_http *record)
{
	return behind_line(record) + record->path_length;
}

/* HTTP_TRACED. */
static const char *traceparent_at(const struct record_http *record)
{
	return origin_at(record) + (record->flags & HTTP_PROXIED ? sizeof(struct http_origin) : 0);
}

/* Abstract names begin with a NUL and may hold more of them; ss shows each as an @, too. */
static void socket_path_text(char text[HTTP_HOST_LEN + 1], const struct record_http *record)
{
	size_t length = record->path_length;

	memcpy(text, behind_line(record), length);
	if (length && !text[0])
		for (size_t i = 0; i < length; i++)
			if (!text[i])
				text[i] = '@';
	utf8_copy(text, UNIX_PATH_LEN + 1, text, length);
}

/* --- the server --- */

/* As a label value: names in lower case, addresses as they are written. False: it is none. */
static bool host_text(char text[HTTP_HOST_LEN + 1], const struct http1_host *host)
{
	char written[HTTP_HOST_LEN + 1];
	struct in6_addr address;

	if (host->name.length > HTTP_HOST_LEN)
		return false;
	for (size_t i = 0; i < host->name.length; i++)
		written[i] = (char)tolower((unsigned char)host->name.text[i]);
	written[host->name.length] = '\0';
	if (!host->is_address) {
		strcpy(text, written);
		return true;
	}
	if (inet_pton(AF_INET6, written, &address) != 1)
		return false;
	address_text(text, address.s6_addr);
	return true;
}

/* What the target names counts before `Host` (RFC 9112, 3.2.2). */
static void host_read(struct http_exchange *http)
{
	const struct record_http *record = http->record;
	struct http1_part asked = http->line.authority;
	struct http1_host host;

	if (asked.text && asked.text + asked.length == record->line + record->line_length)
		return; /* where the line was cut: the name may go on */
	if (!asked.text && record->host_length)
		asked = (struct http1_part){
			record->line + record->line_length, record->host_length};
	if (!asked.text || !http1_parse_host(asked.text, asked.length, &host) ||
		!host_text(http->host, &host))
		http->host[0] = '\0';
	else
		http->host_port = host.port;
}

static void server_read(struct http_exchange *http)
{
	const struct record_http *record = http->record;

	http->host[0] = http->server[0] = '\0';
	http->host_port = 0;
	http->exchange.server = (struct exchange_end){.address = http->server};
	if (record->flags & HTTP_UNIX) {
		socket_path_text(http->server, record);
	} else if (record->role == HTTP_CLIENT) {
		address_text(http->server, record->address.remote);
		http->exchange.server.port = record->address.remote_port;
		host_read(http);
	}
}

void http_exchange_use_host(struct http_exchange *http)
{
	http->exchange.server.address = http->host;
	if (http->host_port)
		http->exchange.server.port = http->host_port;
}

/* --- the exchange --- */

/* The labels that are known of any request: method, status and error. */
static void outcome_read(
	struct http_exchange *http, enum http_method method, unsigned status, enum http_error error)
{
	struct exchange *exchange = &http->exchange;
	unsigned first_error = exchange->role == EXCHANGE_SERVER ? 500 : 400;

	exchange->operation = http1_method_name(method);
	exchange->status = http->status;
	http->status[0] = '\0';
	if (status)
		number_text(http->status, status);
	exchange->error = error_names[error];
	if (!exchange->error && status >= first_error)
		exchange->error = http->status;
}

static enum exchange_role role_of(unsigned role)
{
	return role == HTTP_SERVER ? EXCHANGE_SERVER : EXCHANGE_CLIENT;
}

int http_exchange_read(
	struct http_exchange *http, const struct record_http *record, const struct service *service)
{
	struct exchange *exchange = &http->exchange;

	if (http1_parse_line(record->line, record->line_length, record->flags & HTTP_LINE_TRUNCATED,
		    &http->line))
		return -EINVAL;
	http->record = record;
	*exchange = (struct exchange){
		.protocol = &http_protocol,
		.service = service,
		.role = role_of(record->role),
		.pid = record->tgid,
		.tid = record->tid,
		.start_ns = record->request_first_ns,
		.duration_ns = http_duration_ns(record),
		.has_first_byte = record->response_first_ns != 0,
		.is_timed = record->end != HTTP_END_UNKNOWN,
		.numbers = {[HTTP_NUMBER_QUEUE_NS] = record->queue_ns,
			[HTTP_NUMBER_SETUP_NS] = record->setup_ns},
	};
	if (exchange->has_first_byte)
		exchange->time_to_first_byte_ns =
			record->response_first_ns - record->request_first_ns;
	outcome_read(http, http->line.method, record->status, record->error);
	server_read(http);
	return 0;
}

bool http_exchange_read_unread(
	struct http_exchange *http, __u32 number, const struct service *service)
{
	const struct http_unread unread = http_unread_read(number);

	http->exchange = (struct exchange){
		.protocol = &http_protocol,
		.service = service,
		.role = role_of(unread.role),
		.is_timed = unread.is_timed,
	};
	outcome_read(http, unread.method, unread.status, unread.error);
	return unread.is_beyond;
}

/* --- what only a span tells --- */

static const char *part_text(char *room, size_t size, struct http1_part part)
{
	size_t length = part.length < size - 1 ? part.length : size - 1;

	if (!part.text)
		return NULL;
	memcpy(room, part.text, length);
	room[length] = '\0';
	return room;
}

static const char *path_text(struct http_exchange *http)
{
	return part_text(http->path, sizeof(http->path), http->line.path);
}

static const char *method_text(struct http_exchange *http)
{
	return part_text(http->method, sizeof(http->method), http->line.method_original);
}

static uint64_t body_bytes(uint64_t all, uint32_t head)
{
	return all > head ? all - head : 0;
}

static void describe_trace(struct http_exchange *http)
{
	const struct record_http *record = http->record;
	struct exchange *exchange = &http->exchange;
	struct exchange_trace *trace = &exchange->trace, told;
	char traceparent[TRACEPARENT_LEN + 1] = "";

	exchange_identify(
		trace, (const uint64_t[EXCHANGE_IDENTITY]){record->connection,
			       record->request_first_ns, (uint64_t)exchange->realtime_offset_ns,
			       (uint64_t)record->index << 1 | record->role});
	if (record->flags & HTTP_TRACED)
		memcpy(traceparent, traceparent_at(record), TRACEPARENT_LEN);
	if (!http1_parse_traceparent(traceparent, told.trace_id, told.parent_id, &told.flags))
		return;
	memcpy(told.span_id, trace->span_id, sizeof(told.span_id));
	*trace = told;
}

static void describe_ends(struct http_exchange *http)
{
	const struct record_http *record = http->record;
	struct exchange *exchange = &http->exchange;

	if (record->flags & HTTP_UNIX) {
		exchange->texts[HTTP_TEXT_TRANSPORT] = "unix";
		exchange->texts[HTTP_TEXT_SOCKET_PATH] = http->server;
	} else {
		address_text(http->local, record->address.local);
		address_text(http->peer, record->address.remote);
		exchange->local = (struct exchange_end){http->local, record->address.local_port};
		exchange->peer = (struct exchange_end){http->peer, record->address.remote_port};
	}
	exchange->texts[HTTP_TEXT_CLIENT] = exchange->peer.address;
	exchange->numbers[HTTP_NUMBER_CLIENT_PORT] = exchange->peer.port;
	if (record->flags & HTTP_PROXIED) {
		struct http_origin origin;

		memcpy(&origin, origin_at(record), sizeof(origin));
		address_text(http->client, origin.address);
		exchange->texts[HTTP_TEXT_CLIENT] = http->client;
		exchange->numbers[HTTP_NUMBER_CLIENT_PORT] = origin.port;
	}
}

void http_describe(struct exchange *exchange, int64_t realtime_offset_ns)
{
	static const char *const ends[] = {
		[HTTP_END_ESTIMATED] = "estimated", [HTTP_END_UNKNOWN] = "unknown"};
	struct http_exchange *http = (struct http_exchange *)exchange;
	const struct record_http *record = http->record;

	exchange->realtime_offset_ns = realtime_offset_ns;
	describe_trace(http);
	describe_ends(http);
	if (http->line.method == HTTP_METHOD_OTHER)
		exchange->texts[HTTP_TEXT_METHOD_ORIGINAL] = method_text(http);
	exchange->texts[HTTP_TEXT_PATH] = path_text(http);
	exchange->texts[HTTP_TEXT_QUERY] =
		part_text(http->query, sizeof(http->query), http->line.query);
	exchange->texts[HTTP_TEXT_VERSION] = http->line.version;
	exchange->texts[HTTP_TEXT_END] = ends[record->end];
	exchange->numbers[HTTP_NUMBER_STATUS] = record->status;
	exchange->numbers[HTTP_NUMBER_REQUEST_BODY] =
		body_bytes(record->request_bytes, record->request_head_bytes);
	exchange->numbers[HTTP_NUMBER_RESPONSE_BODY] =
		body_bytes(record->response_bytes, record->response_head_bytes);
	exchange->numbers[HTTP_NUMBER_TRUNCATED] = http->line.target_truncated;
}

/* --- log --- */

void http_exchange_log_open(struct http_exchange *http)
{
	const struct record_http *record = http->record;
	char address[ADDRESS_TEXT_LEN], peer[UNIX_PATH_LEN + 1];

	if (record->flags & HTTP_UNIX) {
		strcpy(peer, http->server);
	} else {
		address_text(address, record->address.remote);
		snprintf(peer, sizeof(peer), strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
			record->address.remote_port);
	}
	log_warn("request open for a long time",
		log_str("service_name", http->exchange.service->name),
		log_str("role", record->role == HTTP_SERVER ? "server" : "client"),
		log_str("method", method_text(http)), log_str("path", path_text(http)),
		log_str("route", http->exchange.target), log_str("peer", peer),
		log_int("pid", record->tgid), log_int("tid", record->tid),
		log_int("connection", (int64_t)record->connection),
		log_real("age_seconds",
			(double)(record->record.time_ns - record->request_first_ns) * 1e-9));
}
