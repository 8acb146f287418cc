/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What user/export/otlp/otlp_encode.h promises, as Google's protobuf library reads it:
 * otlp_decode.py prints a request as text, and the text is compared.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/otlp/otlp_encode.h"
#include "export/otlp/otlp_messages.pb-c.h"
#include "protocol/dns/dns_exchange.h"
#include "protocol/http/http_exchange.h"

static const struct otlp_about about = {.host_name = "node-1", .version = "1.2.3"};

static const struct service shop = {
	.name = "shop",
	.executable = "shopd",
	.container_id = "4f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
};
static const struct service bank = {.name = "bank", .executable = "bankd"};

/* Each test is made twice: with bodies as they are, and gzipped. */
static bool compress;

/* Encodes, and returns what the decoder prints; the caller frees it. */
static char *decoded(const struct exchange *spans, size_t count)
{
	char path[] = "/tmp/sonde-otlp-XXXXXX";
	char source[] = __FILE__;
	char *command = NULL, *text = NULL;
	size_t length = 0;
	struct otlp_body body;
	int file = mkstemp(path), status;
	FILE *pipe;
	ssize_t got;

	assert_true(file >= 0);
	assert_int_equal(otlp_encode(&body, &about, &otlp_spans, spans, count, compress), 0);
	assert_int_equal(write(file, body.data, body.size), body.size);
	close(file);
	free(body.data);

	assert_true(asprintf(&command, "/usr/bin/python3 %s/otlp_decode.py %s", dirname(source),
			    path) > 0);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	got = getdelim(&text, &length, '\0', pipe);
	status = pclose(pipe);
	unlink(path);
	assert_int_equal(status, 0);
	assert_true(got > 0);
	free(command);
	return text;
}

static void assert_decodes_to(const struct exchange *span, const char *expected)
{
	char *text = decoded(span, 1);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_decoded_has(const struct exchange *span, const char *line)
{
	char *text = decoded(span, 1);
	if (!strstr(text, line))
		fail_msg("no \"%s\" in:\n%s", line, text);
	free(text);
}

static void assert_decoded_lacks(const struct exchange *span, const char *piece)
{
	char *text = decoded(span, 1);
	if (strstr(text, piece))
		fail_msg("\"%s\" in:\n%s", piece, text);
	free(text);
}

static struct exchange server_span(void)
{
	return (struct exchange){
		.protocol = &http_protocol,
		.service = &shop,
		.role = EXCHANGE_SERVER,
		.pid = 4321,
		.tid = 4323,
		.start_ns = 123456789,
		.time_to_first_byte_ns = 2500000,
		.duration_ns = 100000001,
		.operation = "POST",
		.target = "/users/{id}",
		.status = "201",
		.realtime_offset_ns = 1700000000000000000,
		.trace =
			{
				.trace_id = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3,
					0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
				.span_id = {0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18},
				.parent_id = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
				.flags = 1,
			},
		.local = {"10.0.0.5", 8080},
		.peer = {"192.0.2.7", 54321},
		.texts = {[HTTP_TEXT_PATH] = "/users/17",
			[HTTP_TEXT_QUERY] = "verbose=1&page=2",
			[HTTP_TEXT_VERSION] = "1.1",
			[HTTP_TEXT_CLIENT] = "192.0.2.7"},
		.numbers = {[HTTP_NUMBER_STATUS] = 201,
			[HTTP_NUMBER_RESPONSE_BODY] = 5000000000,
			[HTTP_NUMBER_CLIENT_PORT] = 54321},
	};
}

static struct exchange client_span(void)
{
	struct exchange span = server_span();
	span.role = EXCHANGE_CLIENT;
	span.target = NULL;
	span.local.port = 54321;
	span.peer.port = 8080;
	span.server = span.peer;
	return span;
}

static void test_a_server_span_carries_every_field(void **state)
{
	struct exchange span = server_span();

	(void)state;
	assert_decodes_to(&span,
		"resource https://opentelemetry.io/schemas/1.44.0\n"
		"  service.name: string \"shop\"\n"
		"  host.name: string \"node-1\"\n"
		"  os.type: string \"linux\"\n"
		"  process.pid: int 4321\n"
		"  process.executable.name: string \"shopd\"\n"
		"  container.id: string "
		"\"4f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0\"\n"
		"  telemetry.sdk.name: string \"sonde\"\n"
		"  telemetry.sdk.language: string \"c\"\n"
		"  telemetry.sdk.version: string \"1.2.3\"\n"
		"  scope sonde 1.2.3 https://opentelemetry.io/schemas/1.44.0\n"
		"    span \"POST /users/{id}\" SERVER\n"
		"      trace 4bf92f3577b34da6a3ce929d0e0e4736 span a1b2c3d4e5f60718"
		" parent 00f067aa0ba902b7 flags 0x301\n"
		"      start 1700000000123456789 end 1700000000223456790\n"
		"      status UNSET\n"
		"      http.request.method: string \"POST\"\n"
		"      url.scheme: string \"http\"\n"
		"      url.path: string \"/users/17\"\n"
		"      url.query: string \"verbose=1&page=2\"\n"
		"      http.route: string \"/users/{id}\"\n"
		"      server.address: string \"10.0.0.5\"\n"
		"      server.port: int 8080\n"
		"      client.address: string \"192.0.2.7\"\n"
		"      client.port: int 54321\n"
		"      http.response.status_code: int 201\n"
		"      http.request.body.size: int 0\n"
		"      http.response.body.size: int 5000000000\n"
		"      sonde.http.time_to_first_byte: double 0.0025\n"
		"      network.peer.address: string \"192.0.2.7\"\n"
		"      network.peer.port: int 54321\n"
		"      network.local.address: string \"10.0.0.5\"\n"
		"      network.local.port: int 8080\n"
		"      network.protocol.name: string \"http\"\n"
		"      network.protocol.version: string \"1.1\"\n"
		"      thread.id: int 4323\n");
}

static void test_a_failed_client_span_carries_every_field(void **state)
{
	struct exchange span = client_span();

	(void)state;
	memset(span.trace.parent_id, 0, sizeof(span.trace.parent_id));
	span.trace.flags = 0;
	span.service = &bank;
	span.operation = "_OTHER";
	span.texts[HTTP_TEXT_METHOD_ORIGINAL] = "BREW";
	span.error = "connection_reset";
	span.numbers[HTTP_NUMBER_STATUS] = 0;
	span.time_to_first_byte_ns = 0;
	span.numbers[HTTP_NUMBER_TRUNCATED] = 1;
	span.local.address = "2001:db8::1";
	span.peer.address = span.server.address = "2001:db8::2";
	assert_decodes_to(&span,
		"resource https://opentelemetry.io/schemas/1.44.0\n"
		"  service.name: string \"bank\"\n"
		"  host.name: string \"node-1\"\n"
		"  os.type: string \"linux\"\n"
		"  process.pid: int 4321\n"
		"  process.executable.name: string \"bankd\"\n"
		"  telemetry.sdk.name: string \"sonde\"\n"
		"  telemetry.sdk.language: string \"c\"\n"
		"  telemetry.sdk.version: string \"1.2.3\"\n"
		"  scope sonde 1.2.3 https://opentelemetry.io/schemas/1.44.0\n"
		"    span \"HTTP\" CLIENT\n"
		"      trace 4bf92f3577b34da6a3ce929d0e0e4736 span a1b2c3d4e5f60718"
		" parent none flags 0x100\n"
		"      start 1700000000123456789 end 1700000000223456790\n"
		"      status ERROR\n"
		"      http.request.method: string \"_OTHER\"\n"
		"      http.request.method_original: string \"BREW\"\n"
		"      url.scheme: string \"http\"\n"
		"      url.full: string "
		"\"http://[2001:db8::2]:8080/users/17?verbose=1&page=2\"\n"
		"      server.address: string \"2001:db8::2\"\n"
		"      server.port: int 8080\n"
		"      sonde.truncated: bool true\n"
		"      error.type: string \"connection_reset\"\n"
		"      http.request.body.size: int 0\n"
		"      http.response.body.size: int 5000000000\n"
		"      network.peer.address: string \"2001:db8::2\"\n"
		"      network.peer.port: int 8080\n"
		"      network.local.address: string \"2001:db8::1\"\n"
		"      network.local.port: int 54321\n"
		"      network.protocol.name: string \"http\"\n"
		"      network.protocol.version: string \"1.1\"\n"
		"      thread.id: int 4323\n");
}

static void test_the_waits_of_a_request_depend_on_the_side(void **state)
{
	struct exchange span = server_span();

	(void)state;
	span.numbers[HTTP_NUMBER_QUEUE_NS] = 30000;
	span.numbers[HTTP_NUMBER_SETUP_NS] = 1250000000;
	assert_decoded_has(&span, "      sonde.http.time_to_first_byte: double 0.0025\n"
				  "      sonde.http.queue_duration: double 3e-05\n"
				  "      sonde.http.accept_duration: double 1.25\n"
				  "      network.peer.address");
	span = client_span();
	span.numbers[HTTP_NUMBER_SETUP_NS] = 500000;
	assert_decoded_has(&span, "      sonde.http.connect_duration: double 0.0005\n");
	assert_decoded_lacks(&span, "sonde.http.queue_duration");
	assert_decoded_lacks(&span, "sonde.http.accept_duration");
}

static struct exchange over_unix_socket(struct exchange span, const char *path)
{
	span.texts[HTTP_TEXT_TRANSPORT] = "unix";
	span.texts[HTTP_TEXT_SOCKET_PATH] = path;
	span.local = span.peer = (struct exchange_end){NULL, 0};
	span.server = (struct exchange_end){path, 0};
	span.texts[HTTP_TEXT_CLIENT] = NULL;
	span.numbers[HTTP_NUMBER_CLIENT_PORT] = 0;
	return span;
}

static void test_over_a_unix_socket_a_server_has_its_path_and_no_ports(void **state)
{
	struct exchange span = over_unix_socket(server_span(), "/run/shop.sock");

	(void)state;
	span.texts[HTTP_TEXT_QUERY] = NULL;
	assert_decoded_has(&span, "      url.path: string \"/users/17\"\n"
				  "      http.route: string \"/users/{id}\"\n"
				  "      server.address: string \"/run/shop.sock\"\n"
				  "      http.response.status_code: int 201\n"
				  "      http.request.body.size: int 0\n"
				  "      http.response.body.size: int 5000000000\n"
				  "      sonde.http.time_to_first_byte: double 0.0025\n"
				  "      network.transport: string \"unix\"\n"
				  "      network.local.address: string \"/run/shop.sock\"\n"
				  "      network.protocol.name: string \"http\"\n");
	assert_decoded_lacks(&span, ".port: ");
	assert_decoded_lacks(&span, "peer");
}

static void test_over_a_unix_socket_a_client_has_its_path_in_place_of_a_host(void **state)
{
	struct exchange span = over_unix_socket(client_span(), "@shop/1");

	(void)state;
	assert_decoded_has(&span,
		"      url.full: string \"http://%40shop%2F1/users/17?verbose=1&page=2\"\n"
		"      server.address: string \"@shop/1\"\n"
		"      http.response.status_code");
	assert_decoded_has(&span, "      network.transport: string \"unix\"\n"
				  "      network.peer.address: string \"@shop/1\"\n"
				  "      network.protocol.name: string \"http\"\n");
	assert_decoded_lacks(&span, ".port: ");
	assert_decoded_lacks(&span, "local");
}

static void test_a_unix_socket_without_a_path_has_its_transport_only(void **state)
{
	struct exchange span = over_unix_socket(client_span(), "");

	(void)state;
	assert_decoded_has(&span, "      network.transport: string \"unix\"\n"
				  "      network.protocol.name: string \"http\"\n");
	assert_decoded_lacks(&span, "address");
	assert_decoded_lacks(&span, "url.full");
	assert_decoded_has(&span, "      url.path: string \"/users/17\"\n");
}

static void test_a_client_route_is_a_url_template(void **state)
{
	struct exchange span = client_span();

	(void)state;
	span.target = "/users/{id}";
	assert_decoded_has(&span, "span \"POST /users/{id}\" CLIENT\n");
	assert_decoded_has(&span, "      url.template: string \"/users/{id}\"\n");
	assert_decoded_lacks(&span, "http.route");
}

static void test_what_is_no_path_is_left_out_of_a_client_url(void **state)
{
	struct exchange span = client_span();

	(void)state;
	span.operation = "OPTIONS";
	span.texts[HTTP_TEXT_PATH] = "*";
	span.texts[HTTP_TEXT_QUERY] = NULL;
	assert_decoded_has(&span, "      url.full: string \"http://192.0.2.7:8080\"\n");
}

static void test_an_error_is_the_status_of_the_span(void **state)
{
	struct exchange span = server_span();

	(void)state;
	assert_decoded_has(&span, "      status UNSET\n");
	assert_decoded_lacks(&span, "error.type");
	span.error = "connection_closed";
	assert_decoded_has(&span, "      status ERROR\n");
	assert_decoded_has(&span, "      error.type: string \"connection_closed\"\n");
}

static void test_what_is_unknown_is_left_out(void **state)
{
	struct exchange span = {
		.protocol = &http_protocol,
		.service = &(struct service){.name = "_other"},
		.role = EXCHANGE_SERVER,
		.operation = "GET",
		.texts = {[HTTP_TEXT_PATH] = ""},
	};

	(void)state;
	assert_decodes_to(&span,
		"resource https://opentelemetry.io/schemas/1.44.0\n"
		"  service.name: string \"_other\"\n"
		"  host.name: string \"node-1\"\n"
		"  os.type: string \"linux\"\n"
		"  telemetry.sdk.name: string \"sonde\"\n"
		"  telemetry.sdk.language: string \"c\"\n"
		"  telemetry.sdk.version: string \"1.2.3\"\n"
		"  scope sonde 1.2.3 https://opentelemetry.io/schemas/1.44.0\n"
		"    span \"GET\" SERVER\n"
		"      trace 00000000000000000000000000000000 span 0000000000000000"
		" parent none flags 0x100\n"
		"      start 0 end 0\n"
		"      status UNSET\n"
		"      http.request.method: string \"GET\"\n"
		"      url.scheme: string \"http\"\n"
		"      url.path: string \"\"\n"
		"      http.request.body.size: int 0\n"
		"      http.response.body.size: int 0\n"
		"      network.protocol.name: string \"http\"\n");
}

static void test_secrets_in_a_query_are_redacted(void **state)
{
	struct exchange span = server_span();

	(void)state;
	span.texts[HTTP_TEXT_QUERY] =
		"sig=abc%2F&a=1&X-Amz-Signature=00ff&Sig=kept&sig&signature=kept&Signature=";
	assert_decoded_has(&span,
		"      url.query: string \"sig=REDACTED&a=1&X-Amz-Signature=REDACTED&Sig=kept&sig&"
		"signature=kept&Signature=REDACTED\"\n");
	span = client_span();
	span.texts[HTTP_TEXT_QUERY] = "AWSAccessKeyId=AKIA";
	assert_decoded_has(&span, "/users/17?AWSAccessKeyId=REDACTED\"\n");
	assert_decoded_lacks(&span, "AKIA");
}

/* \ufffd as JSON writes it. The decoder fails on any string that is not UTF-8. */
static void test_bytes_that_are_no_utf8_are_replaced(void **state)
{
	static const struct {
		const char *path, *expected;
	} cases[] = {
		{"/gr\xc3\xbc\xc3\x9f", "/gr\\u00fc\\u00df"},
		{"/\xe2\x82\xac\xf0\x9f\x90\x9d", "/\\u20ac\\ud83d\\udc1d"},
		{"/\xff!", "/\\ufffd!"},
		{"/\xc0\xaf", "/\\ufffd\\ufffd"},                       /* overlong */
		{"/\xe0\x9f\xbf", "/\\ufffd\\ufffd\\ufffd"},            /* overlong */
		{"/\xed\xa0\x80", "/\\ufffd\\ufffd\\ufffd"},            /* a surrogate */
		{"/\xf4\x90\x80\x80", "/\\ufffd\\ufffd\\ufffd\\ufffd"}, /* beyond U+10FFFF */
		{"/cut\xe2\x82", "/cut\\ufffd\\ufffd"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct exchange span = server_span();
		char line[128];

		span.texts[HTTP_TEXT_PATH] = cases[i].path;
		snprintf(line, sizeof(line), "      url.path: string \"%s\"\n", cases[i].expected);
		assert_decoded_has(&span, line);
	}
}

static void test_a_request_line_of_bad_bytes_only_fits(void **state)
{
	struct exchange span = client_span();
	char path[HTTP_LINE_LEN] = "/", query[HTTP_LINE_LEN];
	char *text;
	size_t replaced = 0;

	(void)state;
	memset(path + 1, 0xfe, sizeof(path) - 2);
	memset(query, 0xfe, sizeof(query) - 1);
	path[sizeof(path) - 1] = query[sizeof(query) - 1] = '\0';
	span.texts[HTTP_TEXT_PATH] = path;
	span.texts[HTTP_TEXT_QUERY] = query;
	text = decoded(&span, 1);
	for (const char *at = text; (at = strstr(at, "\\ufffd")); at++)
		replaced++;
	assert_int_equal(replaced, sizeof(path) - 2 + sizeof(query) - 1);
	free(text);
}

static void test_strings_beyond_all_bounds_do_no_harm(void **state)
{
	struct exchange span = client_span();
	static char path[1 << 20];
	char *text;

	(void)state;
	memset(path, '/', sizeof(path) - 1);
	span.texts[HTTP_TEXT_PATH] = span.texts[HTTP_TEXT_METHOD_ORIGINAL] = path;
	text = decoded(&span, 1);
	assert_non_null(strstr(text, "      thread.id: int 4323\n"));
	free(text);
}

static size_t occurrences(const char *text, const char *piece)
{
	size_t count = 0;
	for (; (text = strstr(text, piece)); text++)
		count++;
	return count;
}

/* Equality of services is that of their names, not of where they are kept. */
static void test_spans_are_grouped_by_service_and_process(void **state)
{
	struct service shop_again = shop, shop_elsewhere = shop;
	struct exchange spans[6];
	char *text, *first, *second;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		spans[i] = server_span();
		spans[i].tid = (uint32_t)(100 + i);
	}
	spans[1].service = &bank;
	spans[2].service = &shop_again;
	spans[3].pid = 9999;
	spans[4].service = &bank;
	shop_elsewhere.container_id[0] = '5';
	spans[5].service = &shop_elsewhere;
	text = decoded(spans, 6);
	assert_int_equal(occurrences(text, "resource "), 4);
	assert_int_equal(occurrences(text, "service.name: string \"shop\""), 3);
	assert_int_equal(occurrences(text, "service.name: string \"bank\""), 1);
	assert_int_equal(occurrences(text, "    span "), 6);

	/* in order within a resource */
	first = strstr(text, "thread.id: int 101\n");
	second = strstr(text, "thread.id: int 104\n");
	assert_true(first && second && first < second);
	assert_null(memmem(first, (size_t)(second - first), "resource ", 9));
	free(text);
}

static void test_a_large_batch_comes_back_whole(void **state)
{
	enum { COUNT = 2000 };
	struct exchange *spans = calloc(COUNT, sizeof(*spans));
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		spans[i] = server_span();
		spans[i].pid = (uint32_t)(1 + i % 7);
		spans[i].tid = (uint32_t)(1000000 + i);
	}
	text = decoded(spans, COUNT);
	assert_int_equal(occurrences(text, "resource "), 7);
	for (size_t i = 0; i < COUNT; i++) {
		char line[64];
		snprintf(line, sizeof(line), "thread.id: int %zu\n", 1000000 + i);
		assert_int_equal(occurrences(text, line), 1);
	}
	free(text);
	free(spans);
}

static struct exchange lookup_span(void)
{
	return (struct exchange){
		.protocol = &dns_protocol,
		.service = &bank,
		.role = EXCHANGE_CLIENT,
		.operation = "AAAA",
		.target = "www.example",
		.status = "NOERROR",
		.peer = {"192.0.2.53", 53},
		.texts = {[DNS_TEXT_ANSWERS] = "2001:db8::1 2001:db8::2",
			[DNS_TEXT_TRANSPORT] = "udp"},
	};
}

static void test_a_lookup_carries_question_and_answers(void **state)
{
	struct exchange span = lookup_span();

	(void)state;
	assert_decoded_has(&span, "    span \"DNS AAAA\" CLIENT\n");
	assert_decoded_has(&span, "      status UNSET\n"
				  "      dns.question.name: string \"www.example\"\n"
				  "      dns.answers: array [\"2001:db8::1\", \"2001:db8::2\"]\n"
				  "      sonde.dns.question.type: string \"AAAA\"\n"
				  "      network.transport: string \"udp\"\n"
				  "      server.address: string \"192.0.2.53\"\n"
				  "      server.port: int 53\n"
				  "      network.peer.address: string \"192.0.2.53\"\n"
				  "      network.peer.port: int 53\n"
				  "      network.protocol.name: string \"dns\"\n");
	assert_decoded_lacks(&span, "http.");
	assert_decoded_lacks(&span, "error.type");
}

static void test_a_failed_lookup_has_its_code_and_no_answers(void **state)
{
	struct exchange span = lookup_span();

	(void)state;
	span.status = span.error = "NXDOMAIN";
	span.texts[DNS_TEXT_ANSWERS] = "";
	span.texts[DNS_TEXT_TRANSPORT] = "tcp";
	assert_decoded_has(&span, "      status ERROR\n");
	assert_decoded_has(&span, "      error.type: string \"NXDOMAIN\"\n"
				  "      network.transport: string \"tcp\"\n");
	assert_decoded_lacks(&span, "dns.answers");
}

/*
 * protobuf-c, which the encoder does without, is the reference: what it makes of the request that
 * it reads is the same, byte by byte. So lengths are as short as can be, and fields in order.
 */
static void assert_is_canonical(const struct otlp_signal *signal, const void *items, size_t count)
{
	struct otlp_body body;
	Otlp__ExportTraceServiceRequest *request;
	uint8_t *again;

	assert_int_equal(otlp_encode(&body, &about, signal, items, count, false), 0);
	request = otlp__export_trace_service_request__unpack(
		NULL, body.size, (const uint8_t *)body.data);
	assert_non_null(request);
	assert_int_equal(otlp__export_trace_service_request__get_packed_size(request), body.size);
	again = malloc(body.size);
	assert_non_null(again);
	otlp__export_trace_service_request__pack(request, again);
	assert_memory_equal(body.data, again, body.size);
	otlp__export_trace_service_request__free_unpacked(request, NULL);
	free(again);
	free(body.data);
}

/* Text of any length up to `most`, a third of it with bytes that are not ASCII or not UTF-8. */
static char *random_text(char *room, size_t most)
{
	size_t length = (size_t)rand() % (most + 1);
	bool is_ascii = rand() % 3 != 0;

	for (size_t i = 0; i < length; i++)
		room[i] = (char)(is_ascii ? 32 + rand() % 95 : 1 + rand() % 255);
	room[length] = '\0';
	return room;
}

static void test_requests_are_what_the_reference_makes_of_them(void **state)
{
	static const size_t mosts[] = {3, 126, 130, 300, 6000};
	static char path[3][8001], query[3][8001], route[3][8001], error[3][8001];
	struct exchange spans[3];

	(void)state;
	srand(1);
	for (int round = 0; round < 3000; round++) {
		size_t most = mosts[round % 5];

		for (size_t i = 0; i < 3; i++) {
			struct exchange *span = &spans[i];

			*span = rand() % 2 ? server_span() : client_span();
			span->texts[HTTP_TEXT_PATH] = random_text(path[i], most);
			span->texts[HTTP_TEXT_QUERY] =
				rand() % 2 ? random_text(query[i], most) : NULL;
			span->numbers[HTTP_NUMBER_STATUS] = (uint64_t)rand() % 600;
			span->numbers[HTTP_NUMBER_REQUEST_BODY] = (uint64_t)rand() << (rand() % 34);
			span->numbers[HTTP_NUMBER_RESPONSE_BODY] = rand() % 2 ? 0 : UINT64_MAX;
			if (rand() % 4 == 0) {
				*span = lookup_span();
				if (rand() % 2)
					span->texts[DNS_TEXT_ANSWERS] = "";
			}
			span->service = rand() % 2 ? &shop : &bank;
			span->pid = (uint32_t)rand() % 3;
			span->target = rand() % 2 ? random_text(route[i], most) : NULL;
			span->error = rand() % 2 ? random_text(error[i], most) : NULL;
			span->start_ns = 1 + ((uint64_t)rand() << 32);
		}
		assert_is_canonical(&otlp_spans, spans, 3);
	}
}

static void test_a_full_batch_is_what_the_reference_makes_of_it(void **state)
{
	static struct exchange spans[500];

	(void)state;
	for (size_t i = 0; i < 500; i++) {
		spans[i] = server_span();
		spans[i].pid = 1 + (uint32_t)i % 2;
	}
	assert_is_canonical(&otlp_spans, spans, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_server_span_carries_every_field),
		cmocka_unit_test(test_a_failed_client_span_carries_every_field),
		cmocka_unit_test(test_the_waits_of_a_request_depend_on_the_side),
		cmocka_unit_test(test_over_a_unix_socket_a_server_has_its_path_and_no_ports),
		cmocka_unit_test(test_over_a_unix_socket_a_client_has_its_path_in_place_of_a_host),
		cmocka_unit_test(test_a_unix_socket_without_a_path_has_its_transport_only),
		cmocka_unit_test(test_a_client_route_is_a_url_template),
		cmocka_unit_test(test_what_is_no_path_is_left_out_of_a_client_url),
		cmocka_unit_test(test_an_error_is_the_status_of_the_span),
		cmocka_unit_test(test_what_is_unknown_is_left_out),
		cmocka_unit_test(test_secrets_in_a_query_are_redacted),
		cmocka_unit_test(test_bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(test_a_request_line_of_bad_bytes_only_fits),
		cmocka_unit_test(test_strings_beyond_all_bounds_do_no_harm),
		cmocka_unit_test(test_spans_are_grouped_by_service_and_process),
		cmocka_unit_test(test_a_large_batch_comes_back_whole),
		cmocka_unit_test(test_a_lookup_carries_question_and_answers),
		cmocka_unit_test(test_a_failed_lookup_has_its_code_and_no_answers),
		cmocka_unit_test(test_requests_are_what_the_reference_makes_of_them),
		cmocka_unit_test(test_a_full_batch_is_what_the_reference_makes_of_it),
	};
	if (cmocka_run_group_tests(tests, NULL, NULL))
		return 1;
	compress = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
