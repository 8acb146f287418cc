/* SPDX-License-Identifier: Apache-2.0 */
/* Captured request lines, whole, cut and broken; and traceparent headers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/http/http1.h"
#include "record.h"

/* NULL: the line has no such part. */
static void assert_part(struct http1_part part, const char *wanted)
{
	if (!wanted) {
		assert_null(part.text);
		return;
	}
	assert_non_null(part.text);
	assert_int_equal(part.length, strlen(wanted));
	assert_memory_equal(part.text, wanted, part.length);
}

static struct http1_line parse(const char *line)
{
	struct http1_line out;

	assert_int_equal(http1_parse_line(line, strlen(line), false, &out), 0);
	return out;
}

static void assert_target(
	const char *line, const char *path, const char *query, const char *authority)
{
	struct http1_line out = parse(line);

	assert_part(out.path, path);
	assert_part(out.query, query);
	assert_part(out.authority, authority);
	assert_false(out.target_truncated);
}

static void test_origin_form_gives_path_and_query(void **state)
{
	(void)state;
	assert_target("GET / HTTP/1.1", "/", NULL, NULL);
	assert_target("GET /a/b?x=1&y=/c?d HTTP/1.1", "/a/b", "x=1&y=/c?d", NULL);
	assert_target("GET /a? HTTP/1.1", "/a", "", NULL);
	assert_target("GET //a:b@c HTTP/1.1", "//a:b@c", NULL, NULL);
	assert_target("GET /a?u=http://b/c HTTP/1.1", "/a", "u=http://b/c", NULL);
	assert_target("GET /a#top?x HTTP/1.1", "/a", NULL, NULL);
	assert_target("GET /caf\xc3\xa9 HTTP/1.1", "/caf\xc3\xa9", NULL, NULL);
}

static void test_absolute_form_gives_authority_without_password(void **state)
{
	(void)state;
	assert_target("GET http://h:80/a?b HTTP/1.1", "/a", "b", "h:80");
	assert_target("GET http://h HTTP/1.1", "/", NULL, "h");
	assert_target("GET http://h?b/c HTTP/1.1", "/", "b/c", "h");
	assert_target("GET https://me:secret@h/a HTTP/1.1", "/a", NULL, "h");
	assert_target("GET http://[::1]:80/a HTTP/1.1", "/a", NULL, "[::1]:80");
}

static void test_targets_without_a_path_have_an_empty_one(void **state)
{
	(void)state;
	assert_target("OPTIONS * HTTP/1.1", "", NULL, NULL);
	assert_target("CONNECT h.example:443 HTTP/1.1", "", NULL, "h.example:443");
	assert_target("CONNECT me:secret@h:443 HTTP/1.1", "", NULL, "h:443");
}

static void test_known_methods_are_kept_and_others_are_other(void **state)
{
	static const char *const known[] = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH",
		"POST", "PUT", "TRACE", "QUERY"};
	static const char *const others[] = {
		"get", "GETX", "GE", "PROPFIND", "M-SEARCH", "X!#$%&'*+-.^_`|~9", "PRI"};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s /a HTTP/1.1", known[i]);
		assert_string_equal(http1_method_name(parse(line).method), known[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s /a HTTP/1.1", others[i]);
		assert_string_equal(http1_method_name(parse(line).method), "_OTHER");
		assert_part(parse(line).method_original, others[i]);
	}
}

static void test_version_is_one_of_two(void **state)
{
	(void)state;
	assert_string_equal(parse("GET / HTTP/1.0").version, "1.0");
	assert_string_equal(parse("GET / HTTP/1.1").version, "1.1");
	assert_string_equal(parse("GET / HTTP/1.9").version, "1.1");
	assert_string_equal(parse("GET / HTTP/1.0\r").version, "1.0");
}

/* They get a 400, and a 400 is a response to count. */
static void test_odd_targets_are_requests_too(void **state)
{
	(void)state;
	assert_target("GET /a b HTTP/1.1", "/a b", NULL, NULL);
	assert_target("GET   /a   HTTP/1.1", "/a", NULL, NULL);
	assert_target("GET index.html HTTP/1.1", "index.html", NULL, NULL);
	assert_target("GET ://x HTTP/1.1", "://x", NULL, NULL);
	assert_target("GET * HTTP/1.1", "", NULL, NULL);
	assert_target("GET /a HTTP/1.1 HTTP/1.1", "/a HTTP/1.1", NULL, NULL);
}

static void test_what_is_no_request_line_is_refused(void **state)
{
	static const char *const lines[] = {"", " ", "GET", "GET ", "GET /a", "GET /a ",
		"GET  HTTP/1.1", "GET HTTP/1.1", " GET / HTTP/1.1", "GET\t/ HTTP/1.1",
		"G(T / HTTP/1.1", "GET / HTTP/2.0", "GET / HTTP/1.", "GET / HTTP/1.1x",
		"GET / http/1.1", "GET /HTTP/1.1", "GET /a\tb HTTP/1.1", "GET /a\nb HTTP/1.1",
		"GET /\x7f HTTP/1.1", "HTTP/1.1 200 OK", "\xff\xfe / HTTP/1.1"};
	struct http1_line out;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(
			http1_parse_line(lines[i], strlen(lines[i]), false, &out), -EINVAL);
	assert_int_equal(http1_parse_line("GET /\0 HTTP/1.1", 15, false, &out), -EINVAL);
}

static void test_truncated_line_keeps_what_is_there(void **state)
{
	static const struct {
		const char *line, *path, *query, *version;
		bool truncated;
	} cases[] = {
		{"GET /aaa", "/aaa", NULL, "1.1", true},
		{"GET /aaa?b=1", "/aaa", "b=1", "1.1", true},
		{"GET /aaa HTTP/1.", "/aaa", NULL, "1.1", false},
		{"GET /aaa ", "/aaa", NULL, "1.1", false},
		{"GET /aaa HTTP/1.0", "/aaa", NULL, "1.0", false},
	};
	struct http1_line out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			http1_parse_line(cases[i].line, strlen(cases[i].line), true, &out), 0);
		assert_part(out.path, cases[i].path);
		assert_part(out.query, cases[i].query);
		assert_string_equal(out.version, cases[i].version);
		assert_int_equal(out.target_truncated, cases[i].truncated);
	}
	assert_int_equal(http1_parse_line("AAAAAAAAAA", 10, true, &out), -EINVAL);
	assert_int_equal(http1_parse_line("GET ", 4, true, &out), -EINVAL);
}

static void assert_within(struct http1_part part, const char *line, size_t length)
{
	bool root = part.length == 1 && part.text[0] == '/';

	if (part.text && !root)
		assert_true(part.text >= line && part.text + part.length <= line + length);
}

/* Exact-sized heap copies, so that the sanitizer sees each byte too many. */
static void test_any_bytes_stay_within_the_line(void **state)
{
	static const char alphabet[] = "GETCONNECT  /:@?#*.1HTTP/1.1http://\t\xc3\xa9";

	(void)state;
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		size_t length = (size_t)random() % 24;
		char *line = malloc(length ? length : 1);
		struct http1_line out;

		for (size_t i = 0; i < length; i++)
			line[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		if (round % 2 && length >= 4)
			memcpy(line, "GET ", 4);
		if (round % 4 == 3 && length >= 13)
			memcpy(line + length - 9, " HTTP/1.1", 9);
		if (http1_parse_line(line, length, round % 8 > 3, &out) == 0) {
			assert_within(out.path, line, length);
			assert_within(out.query, line, length);
			assert_within(out.authority, line, length);
			assert_within(out.method_original, line, length);
		}
		free(line);
	}
}

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static void test_hosts_are_names_or_addresses_with_a_port(void **state)
{
	static const struct {
		const char *text, *name;
		uint16_t port;
	} good[] = {
		{"shop.example", "shop.example", 0},
		{"Shop.Example:8080", "Shop.Example", 8080},
		{"localhost:", "localhost", 0},
		{"192.0.2.1:80", "192.0.2.1", 80},
		{"[2001:db8::1]:65535", "2001:db8::1", 65535},
		{"[::1]", "::1", 0},
		{"my_service.default.svc.cluster.local.", "my_service.default.svc.cluster.local",
			0},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", 0},
	};
	static const char *const bad[] = {"", ":80", "a b", "a..b", ".a", "..", ".", "a:b", "a:0",
		"a:65536", "a:99999999999999999999", "user@host", "user:pw@host:80", "a/b", "a\"b",
		"a\nb", "a,b", "a:80:80", "[::1", "[]", "[zz]", "[::1]x", "b\xc3\xbc",
		"\xe2\x80\xae", "a{b}", "%61", "2001:db8::1", "-1:-1"};
	struct http1_host host;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(http1_parse_host(good[i].text, strlen(good[i].text), &host));
		assert_int_equal(host.name.length, strlen(good[i].name));
		assert_memory_equal(host.name.text, good[i].name, host.name.length);
		assert_int_equal(host.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (http1_parse_host(bad[i], strlen(bad[i]), &host))
			fail_msg("\"%s\" is taken for a host", bad[i]);
	assert_false(http1_parse_host("a\0b", 3, &host));
}

static void test_traceparent_gives_ids_and_flags(void **state)
{
	uint8_t trace[16], parent[8];
	uint32_t flags;

	(void)state;
	assert_true(http1_parse_traceparent("00-" TRACE "-" PARENT "-03", trace, parent, &flags));
	assert_memory_equal(
		trace, "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c", 16);
	assert_memory_equal(parent, "\xb7\xad\x6b\x71\x69\x20\x33\x31", 8);
	assert_int_equal(flags, 3);
}

static void test_later_traceparent_is_read_by_its_beginning(void **state)
{
	uint8_t trace[16], parent[8];
	uint32_t flags;

	(void)state;
	assert_true(
		http1_parse_traceparent("01-" TRACE "-" PARENT "-ff-more", trace, parent, &flags));
	assert_int_equal(flags, 1);
	assert_true(http1_parse_traceparent("fe-" TRACE "-" PARENT "-00", trace, parent, &flags));
	assert_int_equal(flags, 0);
	assert_false(http1_parse_traceparent("01-" TRACE "-" PARENT "-00x", trace, parent, &flags));
}

static void test_invalid_traceparent_is_refused(void **state)
{
	static const char *const bad[] = {"", "00", "00-" TRACE, "00-" TRACE "-" PARENT,
		"00-" TRACE "-" PARENT "-", "00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-01-x", "00-" TRACE "-" PARENT "-011",
		"ff-" TRACE "-" PARENT "-01", "00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01", "00_" TRACE "-" PARENT "-01",
		" 00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-0g",
		"0-" TRACE "-" PARENT "-01"};
	uint8_t trace[16], parent[8];
	uint32_t flags;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* as in the record, and with not one byte more to read */
		char *text = strndup(bad[i], TRACEPARENT_LEN + 1);

		assert_false(http1_parse_traceparent(text, trace, parent, &flags));
		free(text);
	}
}

static void test_traceparent_without_its_nul_is_not_read_beyond(void **state)
{
	char *text = malloc(TRACEPARENT_LEN + 1);
	uint8_t trace[16], parent[8];
	uint32_t flags;

	(void)state;
	memcpy(text, "00-" TRACE "-" PARENT "-013", TRACEPARENT_LEN + 1);
	assert_false(http1_parse_traceparent(text, trace, parent, &flags));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origin_form_gives_path_and_query),
		cmocka_unit_test(test_absolute_form_gives_authority_without_password),
		cmocka_unit_test(test_targets_without_a_path_have_an_empty_one),
		cmocka_unit_test(test_known_methods_are_kept_and_others_are_other),
		cmocka_unit_test(test_version_is_one_of_two),
		cmocka_unit_test(test_odd_targets_are_requests_too),
		cmocka_unit_test(test_what_is_no_request_line_is_refused),
		cmocka_unit_test(test_truncated_line_keeps_what_is_there),
		cmocka_unit_test(test_any_bytes_stay_within_the_line),
		cmocka_unit_test(test_hosts_are_names_or_addresses_with_a_port),
		cmocka_unit_test(test_traceparent_gives_ids_and_flags),
		cmocka_unit_test(test_later_traceparent_is_read_by_its_beginning),
		cmocka_unit_test(test_invalid_traceparent_is_refused),
		cmocka_unit_test(test_traceparent_without_its_nul_is_not_read_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
