/* SPDX-License-Identifier: Apache-2.0 */
/* Whom user/export/server/request_guard.h lets ask, and for what. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "export/server/request_guard.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define REFUSED(denial) (-1 - (int)(denial))
enum verdict { ADMITTED, ADMITTED_AS_LOCAL };

static char *const allowed[] = {"node1.example.org", "Metrics.Test"};
static const struct request_guard nothing_allowed = {NULL, 0}, two_allowed = {allowed, 2};

static void read_address(uint8_t address[16], const char *text)
{
	char mapped[64];

	snprintf(mapped, sizeof(mapped), strchr(text, ':') ? "%s" : "::ffff:%s", text);
	assert_int_equal(inet_pton(AF_INET6, mapped, address), 1);
}

/* Of a request with these headers, each with its line end: a verdict, or REFUSED(why). */
static int verdict(const struct request_guard *guard, const char *peer, const char *local,
	const char *version, const char *headers)
{
	struct request_ends ends;
	struct request_head head;
	enum denial denial;
	bool is_local = false;
	char text[1024];

	read_address(ends.peer, peer);
	read_address(ends.local, local);
	snprintf(text, sizeof(text), "GET /flows HTTP/%s\r\n%s\r\n", version, headers);
	assert_true(request_head_read(&head, text, strlen(text)));
	assert_int_equal(head.status, 0);
	if (!request_guard_admits(guard, &head, &ends, &is_local, &denial)) {
		assert_true(head.status == (denial == DENIED_MALFORMED ? 400 : 403));
		assert_true(strlen(head.problem) > 10);
		return REFUSED(denial);
	}
	return is_local ? ADMITTED_AS_LOCAL : ADMITTED;
}

static int on_loopback(const char *headers)
{
	return verdict(&nothing_allowed, "127.0.0.1", "127.0.0.1", "1.1", headers);
}

/* From a scraper elsewhere. */
static int from_outside(const struct request_guard *guard, const char *headers)
{
	return verdict(guard, "192.0.2.7", "192.0.2.1", "1.1", headers);
}

static void test_on_loopback_names_that_dns_could_give_away_are_refused(void **state)
{
	(void)state;
	static const char *const evil[] = {"evil.example", "evil.example:9760",
		"localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost",
		"127.0.0.1.nip.io", "0x7f.1", "127.1", "2130706433", "127.0.0.01",
		"node1.example.org", "", "::1", "a_b", "xn--80ak6aa92e"};
	char header[64];

	for (size_t i = 0; i < ARRAY_SIZE(evil); i++) {
		snprintf(header, sizeof(header), "Host: %s\r\n", evil[i]);
		int is = on_loopback(header);

		if (is != REFUSED(DENIED_HOST) && is != REFUSED(DENIED_MALFORMED))
			fail_msg("%s is admitted", evil[i]);
	}
}

static void test_on_loopback_addresses_and_this_machine_are_taken(void **state)
{
	(void)state;
	static const char *const good[] = {"localhost", "LocalHost:9760", "localhost.",
		"a.localhost", "127.0.0.1", "127.0.0.1:1", "127.8.9.10", "[::1]", "[::1]:9760"};
	char header[320], host[256];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		snprintf(header, sizeof(header), "Host: %s\r\n", good[i]);
		assert_int_equal(on_loopback(header), ADMITTED_AS_LOCAL);
	}
	/* Another address than loopback's, and this machine's name: for scrapers, not for local
	 * eyes. */
	assert_int_equal(on_loopback("Host: 192.0.2.1:9760\r\n"), ADMITTED);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	snprintf(header, sizeof(header), "Host: %s:9760\r\n", host);
	assert_int_equal(
		on_loopback(header), strcmp(host, "localhost") ? ADMITTED : ADMITTED_AS_LOCAL);
	assert_int_equal(verdict(&nothing_allowed, "::1", "::1", "1.1", "Host: [::1]\r\n"),
		ADMITTED_AS_LOCAL);
}

static void test_what_is_no_host_is_refused_everywhere(void **state)
{
	(void)state;
	static const char *const wrong[] = {"a b", "a/b", "user@localhost", "localhost:80:80",
		"localhost:x", "[::1", "[::1]x", "localhost,evil.example", "a\\b", ":9760", "*"};
	char header[64];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(header, sizeof(header), "Host: %s\r\n", wrong[i]);
		assert_int_equal(on_loopback(header), REFUSED(DENIED_MALFORMED));
		assert_int_equal(from_outside(&nothing_allowed, header), REFUSED(DENIED_MALFORMED));
	}
}

static void test_scrapers_elsewhere_may_use_any_name_until_names_are_listed(void **state)
{
	(void)state;
	assert_int_equal(from_outside(&nothing_allowed, "Host: node1:9760\r\n"), ADMITTED);
	assert_int_equal(
		from_outside(&nothing_allowed, "Host: sonde.monitoring.svc\r\n"), ADMITTED);
	assert_int_equal(
		from_outside(&nothing_allowed, "Host: [fe80::1%25eth0]:9760\r\n"), ADMITTED);
	assert_int_equal(from_outside(&two_allowed, "Host: node1:9760\r\n"), REFUSED(DENIED_HOST));
	assert_int_equal(from_outside(&two_allowed, "Host: NODE1.example.org.:9760\r\n"), ADMITTED);
	assert_int_equal(from_outside(&two_allowed, "Host: metrics.test\r\n"), ADMITTED);
	assert_int_equal(from_outside(&two_allowed, "Host: 192.0.2.1:9760\r\n"), ADMITTED);
	assert_int_equal(
		from_outside(&two_allowed, "Host: a.node1.example.org\r\n"), REFUSED(DENIED_HOST));
	/* A name that is listed is right on loopback, but not for local eyes: a proxy may bear it.
	 */
	assert_int_equal(
		verdict(&two_allowed, "127.0.0.1", "127.0.0.1", "1.1", "Host: metrics.test\r\n"),
		ADMITTED);
}

static void test_pages_of_other_sites_may_not_ask(void **state)
{
	(void)state;
#define LOCAL "Host: localhost:9760\r\n"
	static const char *const refused[] = {
		LOCAL "Origin: http://evil.example\r\n",
		LOCAL "Origin: null\r\n",
		LOCAL "Origin:\r\n",
		LOCAL "Origin: https://localhost:9760\r\n",
		LOCAL "Origin: http://localhost\r\n",
		LOCAL "Origin: http://localhost:9760.evil.example\r\n",
		LOCAL "Sec-Fetch-Site: cross-site\r\n",
		LOCAL "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
		LOCAL "Sec-Fetch-Site: whatever-comes\r\n",
		LOCAL "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
		LOCAL "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
		      "Sec-Fetch-Dest: iframe\r\n",
		LOCAL "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
		      "Sec-Fetch-Dest: object\r\n",
	};
	static const char *const admitted[] = {
		LOCAL "Origin: http://LOCALHOST:9760\r\n",
		LOCAL "Sec-Fetch-Site: same-origin\r\n",
		LOCAL "Sec-Fetch-Site: none\r\n",
		/* a link that somebody follows, e.g. in the list of targets of Prometheus */
		LOCAL "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n"
		      "Sec-Fetch-Dest: document\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_int_equal(on_loopback(refused[i]), REFUSED(DENIED_CROSS_SITE));
		assert_int_equal(
			from_outside(&nothing_allowed, refused[i]), REFUSED(DENIED_CROSS_SITE));
	}
	for (size_t i = 0; i < ARRAY_SIZE(admitted); i++)
		assert_int_equal(on_loopback(admitted[i]), ADMITTED_AS_LOCAL);
}

static void test_through_a_proxy_or_from_elsewhere_nobody_is_local(void **state)
{
	(void)state;
	static const char *const proxied[] = {LOCAL "Forwarded: for=192.0.2.1\r\n",
		LOCAL "X-Forwarded-For: 127.0.0.1\r\n", LOCAL "X-Real-IP: 127.0.0.1\r\n",
		LOCAL "Via: 1.1 proxy\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(proxied); i++)
		assert_int_equal(on_loopback(proxied[i]), ADMITTED);
	/* nginx without proxy_http_version and proxy_set_header */
	assert_int_equal(
		verdict(&nothing_allowed, "127.0.0.1", "127.0.0.1", "1.0", LOCAL), ADMITTED);
	assert_int_equal(verdict(&nothing_allowed, "127.0.0.1", "127.0.0.1", "1.0", ""), ADMITTED);
	assert_int_equal(
		verdict(&nothing_allowed, "192.0.2.7", "192.0.2.1", "1.1", LOCAL), ADMITTED);
	assert_int_equal(
		verdict(&nothing_allowed, "192.0.2.1", "192.0.2.1", "1.1", LOCAL), ADMITTED);
	assert_int_equal(verdict(&nothing_allowed, "2001:db8::7", "::1", "1.1", LOCAL), ADMITTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_loopback_names_that_dns_could_give_away_are_refused),
		cmocka_unit_test(test_on_loopback_addresses_and_this_machine_are_taken),
		cmocka_unit_test(test_what_is_no_host_is_refused_everywhere),
		cmocka_unit_test(test_scrapers_elsewhere_may_use_any_name_until_names_are_listed),
		cmocka_unit_test(test_pages_of_other_sites_may_not_ask),
		cmocka_unit_test(test_through_a_proxy_or_from_elsewhere_nobody_is_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
