/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/server/request_head.h takes for a head, and what it refuses, however it comes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "export/server/request_head.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define LINE "GET /metrics HTTP/1.1\r\n"
#define HOST "Host: localhost\r\n"

/*
 * The status with which `bytes` are refused, 0: none; -1: more must come. In memory of just that
 * size, so that a sanitizer sees a byte too far.
 */
static int status_of(const char *bytes, size_t length)
{
	char *exact = memcpy(malloc(length ? length : 1), bytes, length);
	struct request_head head;
	bool is_whole = request_head_read(&head, exact, length);

	if (is_whole)
		assert_int_equal(head.status != 0, head.problem != NULL);
	free(exact);
	return is_whole ? (int)head.status : -1;
}

static void assert_status(const char *text, int status)
{
	if (status_of(text, strlen(text)) != status)
		fail_msg("%d instead of %d: %s", status_of(text, strlen(text)), status, text);
}

static void test_what_clients_send_is_taken(void **state)
{
	(void)state;
	static const char *const heads[] = {
		LINE HOST "\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"HEAD /readyz?a=b%20c HTTP/1.1\r\nhost:localhost\r\n\r\n",
		"POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		LINE "Host: \t[::1]:9760 \t\r\nX-Empty:\r\nX-Latin: caf\xe9\r\n\r\n",
		LINE "Host:\r\n\r\n",
		LINE HOST "TE: trailers\r\nAccept: a\r\nAccept: b\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		assert_status(heads[i], 0);
}

static void test_what_can_be_read_in_two_ways_is_refused(void **state)
{
	(void)state;
	static const char *const heads[] = {
		LINE "\r\n",                            /* no Host */
		LINE HOST HOST "\r\n",                  /* two of them */
		LINE HOST "hOST: evil.example\r\n\r\n", /* in whatever case */
		"GET / HTTP/1.0\r\n" HOST HOST "\r\n",  /* also where none is needed */
		LINE "Host : localhost\r\n\r\n",        /* a blank before the colon */
		LINE "Host\t: localhost\r\n\r\n",
		LINE HOST "X: a\r\n b\r\n\r\n", /* a line that goes on */
		LINE HOST "X: a\r\n\tHost: evil.example\r\n\r\n",
		LINE " " HOST "\r\n",                  /* before the first field, too */
		"GET /metrics HTTP/1.1\n" HOST "\r\n", /* a LF by itself */
		LINE "Host: localhost\n\r\n", LINE HOST "\n",
		LINE "Host: a\rb\r\n\r\n",                               /* a CR by itself */
		LINE HOST "X: a\r\r\n\r\n", LINE HOST ": value\r\n\r\n", /* no name */
		LINE HOST "no colon\r\n\r\n", LINE HOST "N\xc3\xa4me: a\r\n\r\n",
		LINE HOST "(X): a\r\n\r\n",
		LINE HOST "X: \x1b[2J\r\n\r\n", /* what a terminal would obey */
		LINE HOST "X: \x7f\r\n\r\n",
		LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		LINE HOST "Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n",
		"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
		LINE HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
		LINE HOST "Content-Length: 5, 5\r\n\r\n", LINE HOST "Content-Length: +5\r\n\r\n",
		LINE HOST "Content-Length: -1\r\n\r\n", LINE HOST "Content-Length: 0x5\r\n\r\n",
		LINE HOST "Content-Length:\r\n\r\n",
		LINE HOST "Origin: null\r\nOrigin: http://localhost\r\n\r\n",
		LINE HOST "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n\r\n",
		"GET /metrics\r\n" HOST "\r\n", /* HTTP/0.9 */
		"GET  /metrics HTTP/1.1\r\n" HOST "\r\n", "GET /metrics  HTTP/1.1\r\n" HOST "\r\n",
		"GET /metrics HTTP/1.1 \r\n" HOST "\r\n", "GET /a b HTTP/1.1\r\n" HOST "\r\n",
		"GET\t/metrics\tHTTP/1.1\r\n" HOST "\r\n", " GET /metrics HTTP/1.1\r\n" HOST "\r\n",
		"\r\nGET /metrics HTTP/1.1\r\n" HOST "\r\n",
		"GET http://evil.example/metrics HTTP/1.1\r\n" HOST "\r\n",
		"GET metrics HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
		"CONNECT localhost:1 HTTP/1.1\r\n" HOST "\r\n",
		"GET /\xff HTTP/1.1\r\n" HOST "\r\n", "GET / http/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.10\r\n" HOST "\r\n", "GET / HTTP/11\r\n" HOST "\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" LINE HOST "\r\n",
		"\x16\x03\x01\x02\x01\x01", /* TLS */
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		assert_status(heads[i], 400);
	assert_int_equal(status_of(LINE HOST "X: a\0b\r\n\r\n", sizeof(LINE HOST) + 9), 400);
}

static void test_what_is_not_spoken_here_is_told_so(void **state)
{
	(void)state;
	assert_status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
	assert_status("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
	assert_status("GET / HTTP/1.2\r\n" HOST "\r\n", 505);
	assert_status(LINE HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411);
	assert_status(LINE HOST "Content-Length: 65536\r\n\r\n", 0);
	assert_status(LINE HOST "Content-Length: 65537\r\n\r\n", 413);
	assert_status(LINE HOST "Content-Length: 99999999999999999999999999999999\r\n\r\n", 413);
}

static void test_a_head_is_8_kib_at_most_and_has_100_headers(void **state)
{
	(void)state;
	const char *const begin = LINE HOST "X: ", *const end = "\r\n\r\n";
	char head[REQUEST_HEAD_MAX + 1];
	char many[REQUEST_HEAD_MAX] = LINE HOST;

	memset(head, 'x', sizeof(head));
	memcpy(head, begin, strlen(begin));
	memcpy(head + REQUEST_HEAD_MAX - 4, end, 4);
	assert_int_equal(status_of(head, REQUEST_HEAD_MAX), 0);
	memset(head, 'x', sizeof(head));
	memcpy(head, begin, strlen(begin));
	memcpy(head + REQUEST_HEAD_MAX + 1 - 4, end, 4);
	assert_int_equal(status_of(head, REQUEST_HEAD_MAX + 1), 431);
	assert_int_equal(status_of(head, REQUEST_HEAD_MAX), 431);
	assert_int_equal(status_of(head, REQUEST_HEAD_MAX - 1), -1);

	for (int i = 1; i < REQUEST_FIELDS_MAX; i++)
		strcat(many, "X: a\r\n");
	size_t length = strlen(many);
	strcpy(many + length, "\r\n");
	assert_status(many, 0);
	strcpy(many + length, "X: a\r\n\r\n");
	assert_status(many, 431);
}

static void test_a_head_may_come_byte_by_byte(void **state)
{
	(void)state;
	static const char whole[] = LINE HOST "Accept: */*\r\n\r\n";
	static const char wrong[] = LINE "Host: a\nX: b\r\n\r\n";
	size_t length = sizeof(whole) - 1, first_wrong = (size_t)(strchr(wrong + 23, '\n') - wrong);

	for (size_t i = 0; i < length; i++)
		assert_int_equal(status_of(whole, i), -1);
	assert_int_equal(status_of(whole, length), 0);

	/* What is wrong shows with its first byte. */
	assert_int_equal(status_of(wrong, first_wrong), -1);
	assert_int_equal(status_of(wrong, first_wrong + 1), 400);
}

static void test_what_the_rules_ask_for_is_found(void **state)
{
	(void)state;
	static const char text[] = "GET /flows?by=peer HTTP/1.1\r\nHost: a.example:1 \r\n"
				   "ORIGIN: http://b\r\nSec-Fetch-Site:cross-site\r\n"
				   "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n";
	struct request_head head;

	assert_true(request_head_read(&head, text, sizeof(text) - 1));
	assert_int_equal(head.status, 0);
	assert_true(request_text_is(&head.target, "/flows?by=peer"));
	assert_true(request_text_is(&head.host, "A.example:1"));
	assert_true(request_text_is(&head.origin, "http://b"));
	assert_true(request_text_is(&head.fetch_site, "cross-site"));
	assert_true(request_text_is(&head.fetch_mode, "navigate"));
	assert_true(request_text_is(&head.fetch_dest, "document"));
	assert_false(head.is_forwarded);
	assert_false(head.is_http_1_0);
	assert_false(request_text_is(&head.host, "a.example:12"));
	assert_false(request_text_is(&head.host, "a.example"));
}

static void test_headers_of_proxies_are_known(void **state)
{
	(void)state;
	static const char *const headers[] = {"Forwarded: for=192.0.2.1",
		"forwarded:", "Via: 1.1 a", "X-Forwarded-For: 192.0.2.1", "x-forwarded-proto: http",
		"X-Forwarded: a", "X-Real-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.1",
		"True-Client-IP: 192.0.2.1"};
	struct request_head head;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		strcat(strcat(strcpy(text, LINE HOST), headers[i]), "\r\n\r\n");
		assert_true(request_head_read(&head, text, strlen(text)));
		assert_int_equal(head.status, 0);
		assert_true(head.is_forwarded);
	}
}

/* Of whole heads with a byte changed, none makes it read what is not there, or go on for ever. */
static void test_changed_heads_are_taken_or_refused(void **state)
{
	(void)state;
	static const char whole[] = LINE HOST "Content-Length: 5\r\nOrigin: http://a\r\n\r\n";
	size_t length = sizeof(whole) - 1;
	char changed[sizeof(whole)];

	for (size_t at = 0; at < length; at++) {
		for (int byte = 0; byte < 256; byte++) {
			memcpy(changed, whole, sizeof(whole));
			changed[at] = (char)byte;
			int status = status_of(changed, length);

			if ((unsigned char)byte < ' ' && byte != '\t' && changed[at] != whole[at])
				assert_true(status >= 400 || (status == -1 && at >= length - 4));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_clients_send_is_taken),
		cmocka_unit_test(test_what_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(test_what_is_not_spoken_here_is_told_so),
		cmocka_unit_test(test_a_head_is_8_kib_at_most_and_has_100_headers),
		cmocka_unit_test(test_a_head_may_come_byte_by_byte),
		cmocka_unit_test(test_what_the_rules_ask_for_is_found),
		cmocka_unit_test(test_headers_of_proxies_are_known),
		cmocka_unit_test(test_changed_heads_are_taken_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
