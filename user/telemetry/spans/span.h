/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finished span of one HTTP request or DNS lookup, ready for export. Strings are borrowed for the
 * call.
 */
#ifndef SONDE_SPAN_H
#define SONDE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "identity/service.h"
#include "record.h"

struct span {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t parent_id[8]; /* all zero: a root span */
	uint32_t trace_flags; /* W3C: bit 0 sampled */
	enum http_role role;  /* kind SERVER or CLIENT */
	uint64_t start_unix_ns;
	uint64_t end_unix_ns;

	const struct service *service;
	uint32_t pid; /* of the process; with the service it names the resource */
	uint32_t tid;

	/* Of a lookup. dns_name: what was asked for; NULL: it is a request. */
	const char *dns_name;
	const char *dns_type;    /* "AAAA" */
	const char *dns_answers; /* addresses with spaces between, or "" */
	bool is_tcp;

	/* Of a request, but for error_type and the addresses. */
	const char *method;           /* known one, or "_OTHER" */
	const char *method_original;  /* as sent, when method is "_OTHER"; else NULL */
	const char *route;            /* template, or NULL */
	const char *path;             /* url.path; "" when the target has none */
	const char *query;            /* url.query without "?", or NULL */
	const char *error_type;       /* or NULL */
	const char *protocol_version; /* "1.1", "1.0" */
	uint16_t status;              /* 0: none came */
	uint64_t request_body_bytes;
	uint64_t response_body_bytes;
	char local_address[46]; /* text of the address without mapping; "" for Unix sockets */
	char remote_address[46];
	uint16_t local_port;
	uint16_t remote_port;
	const char *server_host;        /* that a client asked; NULL: where it was connected to */
	uint16_t server_port;           /* with it */
	const char *client_address;     /* that a proxy told of; NULL: who connected */
	uint16_t client_port;           /* with it */
	const char *socket_path;        /* of a Unix socket, or ""; NULL: it is TCP */
	uint64_t time_to_first_byte_ns; /* start to first response byte; 0: none */
	uint64_t queue_ns;              /* these two as in struct record_http */
	uint64_t setup_ns;
	enum http_end end; /* how well end_unix_ns is known */
	bool truncated;    /* the target was longer than kept */
};

/*
 * For identifiers that a replay makes again: a mixing function with good avalanche, the finalizer
 * of SplitMix64 (Steele, Lea, Flood 2014).
 */
uint64_t span_mix(uint64_t value);

#endif
