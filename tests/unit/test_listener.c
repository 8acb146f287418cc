/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What user/export/listener.h promises, over real connections. The test is the main thread: it
 * serves the listener while it waits for an answer. Time can be skipped (skip_seconds), so that
 * what takes a minute is tested at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "export/exposition.h"
#include "export/listener.h"

#define ARRAY_SIZE(array)  (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT           1000000
#define PATIENCE_MS        20000 /* sanitizers and a busy machine included */
#define OPENMETRICS_ACCEPT "Accept: application/openmetrics-text;version=1.0.0\r\n"
#define PROTOBUF_ACCEPT                                                                            \
	"Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"         \
	"encoding=delimited,*/*;q=0.1\r\n"

/* --- a clock that jumps, instead of the C library's, for the listener and libmicrohttpd --- */

static atomic_long skipped_seconds;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += atomic_load(&skipped_seconds);
	return result;
}

static void skip_seconds(long seconds)
{
	atomic_fetch_add(&skipped_seconds, seconds);
}

/* --- a listener with something to show --- */

static const struct metric_description requests = {
	.name = "requests_total",
	.help = "Requests.",
	.type = METRIC_COUNTER,
	.labels = {"service_name"},
};

struct fixture {
	struct listener *listener;
	struct metrics *metrics;
	struct metric_family *family;
	struct flows *flows; /* without any */
	int refreshed;
};

static void refresh(void *context)
{
	struct fixture *fixture = context;

	fixture->refreshed++;
	metric_add(metrics_series(fixture->family, (const char *const[]){"refreshed"}), 1);
}

static void serve(struct fixture *fixture)
{
	struct scrape_source source = {.metrics = fixture->metrics, .flows = fixture->flows};

	listener_serve(fixture->listener, &source, refresh, fixture);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char error[LISTENER_ERROR_LEN];

	fixture->metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	fixture->family = metrics_family(fixture->metrics, &requests);
	fixture->flows = flows_new(NULL, NULL, NULL, NULL); /* none, so it asks nobody */
	*state = fixture;
	return listener_start(&fixture->listener, "127.0.0.1:0", "1.2.3", error);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	listener_stop(fixture->listener);
	metrics_free(fixture->metrics);
	flows_free(fixture->flows);
	free(fixture);
	return 0;
}

static void fill(struct fixture *fixture, int series)
{
	char service[64];

	for (int i = 0; i < series; i++) {
		snprintf(service, sizeof(service), "a-service-with-the-number-%d", i);
		metric_add(metrics_series(fixture->family, (const char *const[]){service}),
			(uint64_t)i * 7919);
	}
}

static struct buffer rendered_bytes(struct fixture *fixture, enum exposition_format format)
{
	struct exposition exposition;
	struct buffer bytes = {0};

	exposition_begin(&exposition, fixture->metrics, format);
	exposition_continue(&exposition, &bytes, SIZE_MAX);
	exposition_end(&exposition);
	return bytes;
}

static char *rendered(struct fixture *fixture, enum exposition_format format)
{
	struct buffer text = rendered_bytes(fixture, format);

	buffer_append(&text, "", 1);
	return text.text;
}

/* --- a client --- */

static int connect_to(const struct fixture *fixture)
{
	const char *address = listener_address(fixture->listener);
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static int ask(const struct fixture *fixture, const char *line, const char *headers)
{
	int fd = connect_to(fixture);

	send_text(fd, line);
	send_text(fd, " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
	send_text(fd, headers);
	send_text(fd, "\r\n");
	return fd;
}

enum main_thread { SERVES, IS_STUCK };

/* Everything up to the end of the connection. */
static struct buffer receive_all(struct fixture *fixture, int fd, enum main_thread main_thread)
{
	struct buffer answer = {0};

	for (;;) {
		struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			{.fd = listener_fd(fixture->listener), .events = POLLIN}};

		assert_true(poll(fds, main_thread == SERVES ? 2 : 1, PATIENCE_MS) > 0);
		if (fds[1].revents)
			serve(fixture);
		if (!fds[0].revents)
			continue;
		char *end = buffer_reserve(&answer, 65536);
		ssize_t length = recv(fd, end, 65536, 0);
		if (length <= 0)
			break;
		answer.length += (size_t)length;
	}
	buffer_append(&answer, "", 1);
	answer.length--;
	close(fd);
	return answer;
}

/* Joins the chunks after the head in place; fails where the last one is missing. */
static void join_chunks(struct buffer *answer)
{
	char *body = strstr(answer->text, "\r\n\r\n") + 4, *to = body, *at = body;

	for (;;) {
		char *data;
		size_t length = strtoul(at, &data, 16);

		assert_true(data > at && data + 2 + length < answer->text + answer->length);
		data += 2;
		if (!length)
			break;
		memmove(to, data, length);
		to += length;
		at = data + length + 2;
	}
	*to = '\0';
	answer->length = (size_t)(to - answer->text);
}

static struct buffer scrape(struct fixture *fixture, const char *headers)
{
	struct buffer answer = receive_all(fixture, ask(fixture, "GET /metrics", headers), SERVES);

	join_chunks(&answer);
	return answer;
}

static char *body_of(const struct buffer *answer)
{
	return strstr(answer->text, "\r\n\r\n") + 4;
}

static void assert_begins(const char *text, const char *beginning)
{
	if (strncmp(text, beginning, strlen(beginning)))
		assert_string_equal(text, beginning);
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		assert_string_equal(text, part);
}

/* Without the main thread. */
static void assert_answer(
	struct fixture *fixture, const char *line, const char *status, const char *body)
{
	struct buffer answer = receive_all(fixture, ask(fixture, line, ""), IS_STUCK);

	assert_begins(answer.text, status);
	assert_string_equal(body_of(&answer), body);
	buffer_free(&answer);
}

/* --- scrapes --- */

static void test_a_scrape_is_the_registry_as_text_after_a_refresh(void **state)
{
	struct fixture *fixture = *state;
	struct buffer answer = scrape(fixture, "");

	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_string_equal(body_of(&answer), "# HELP requests_total Requests.\n"
					      "# TYPE requests_total counter\n"
					      "requests_total{service_name=\"refreshed\"} 1\n");
	assert_int_equal(fixture->refreshed, 1);
	buffer_free(&answer);
}

static void test_openmetrics_comes_to_whom_asks_for_it(void **state)
{
	struct buffer answer = scrape(*state, OPENMETRICS_ACCEPT);

	assert_holds(answer.text, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
				  "charset=utf-8\r\n");
	assert_holds(answer.text, "\r\nVary: Accept, Accept-Encoding\r\n");
	assert_string_equal(body_of(&answer), "# HELP requests Requests.\n"
					      "# TYPE requests counter\n"
					      "requests_total{service_name=\"refreshed\"} 1\n"
					      "# EOF\n");
	buffer_free(&answer);
}

static char *gunzip(const char *from, size_t length, size_t size)
{
	char *text = malloc(size + 1);
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)from,
		.avail_in = (uInt)length,
		.next_out = (Bytef *)text,
		.avail_out = (uInt)size};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	text[stream.total_out] = '\0';
	inflateEnd(&stream);
	return text;
}

static void test_gzip_holds_the_same_text(void **state)
{
	struct fixture *fixture = *state;
	struct buffer answer = scrape(fixture, "Accept-Encoding: gzip\r\n");
	size_t head = (size_t)(body_of(&answer) - answer.text);
	char *expected = rendered(fixture, EXPOSITION_TEXT);
	char *text = gunzip(answer.text + head, answer.length - head, strlen(expected));

	assert_holds(answer.text, "\r\nContent-Encoding: gzip\r\n");
	assert_string_equal(text, expected);
	free(text);
	free(expected);
	buffer_free(&answer);
}

static void test_protobuf_comes_to_whom_prefers_it_plain_and_gzipped(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 5000); /* of one family, so that there are pieces with nothing in them */
	struct buffer plain = scrape(fixture, PROTOBUF_ACCEPT);
	size_t head = (size_t)(body_of(&plain) - plain.text);
	struct buffer expected = rendered_bytes(fixture, EXPOSITION_PROTOBUF);
	assert_holds(plain.text, "\r\nContent-Type: application/vnd.google.protobuf; "
				 "proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n");
	assert_int_equal(plain.length - head, expected.length);
	assert_memory_equal(plain.text + head, expected.text, expected.length);
	buffer_free(&plain);
	buffer_free(&expected);

	struct buffer gzipped = scrape(fixture, "Accept-Encoding: gzip\r\n" PROTOBUF_ACCEPT);
	head = (size_t)(body_of(&gzipped) - gzipped.text);
	expected = rendered_bytes(fixture, EXPOSITION_PROTOBUF);
	char *bytes = gunzip(gzipped.text + head, gzipped.length - head, expected.length);
	assert_memory_equal(bytes, expected.text, expected.length);
	free(bytes);
	buffer_free(&gzipped);
	buffer_free(&expected);
}

static void test_megabytes_arrive_whole_plain_and_gzipped(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 40000);
	struct buffer plain = scrape(fixture, OPENMETRICS_ACCEPT);
	char *expected = rendered(fixture, EXPOSITION_OPENMETRICS);
	assert_true(strlen(expected) > 2000000);
	assert_true(strcmp(body_of(&plain), expected) == 0);
	free(expected);

	struct buffer gzipped = scrape(fixture, "Accept-Encoding: gzip\r\n" OPENMETRICS_ACCEPT);
	size_t head = (size_t)(body_of(&gzipped) - gzipped.text);
	expected = rendered(fixture, EXPOSITION_OPENMETRICS);
	char *text = gunzip(gzipped.text + head, gzipped.length - head, strlen(expected));
	assert_true(gzipped.length < plain.length / 5);
	assert_true(strcmp(text, expected) == 0);
	assert_int_equal(fixture->refreshed, 2);
	free(text);
	free(expected);
	buffer_free(&plain);
	buffer_free(&gzipped);
}

static void test_a_client_of_http_1_0_gets_the_text_without_chunks(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	fill(fixture, 2000);
	send_text(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	struct buffer answer = receive_all(fixture, fd, SERVES);
	char *expected = rendered(fixture, EXPOSITION_TEXT);
	assert_true(strcmp(body_of(&answer), expected) == 0);
	free(expected);
	buffer_free(&answer);
}

/* Waits until `count` scrapes have asked for the main thread. */
static void await_scrapes(const struct fixture *fixture, eventfd_t count)
{
	int fd = listener_fd(fixture->listener);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	eventfd_t sum = 0, more;

	while (sum < count) {
		assert_int_equal(poll(&waiting, 1, PATIENCE_MS), 1);
		assert_int_equal(eventfd_read(fd, &more), 0);
		sum += more;
	}
	eventfd_write(fd, sum);
}

static void test_scrapes_that_wait_together_are_answered_after_one_refresh(void **state)
{
	struct fixture *fixture = *state;
	int plain = ask(fixture, "GET /metrics", "");
	int other = ask(fixture, "GET /metrics", OPENMETRICS_ACCEPT);

	await_scrapes(fixture, 2);
	struct buffer first = receive_all(fixture, plain, SERVES);
	struct buffer second = receive_all(fixture, other, SERVES);
	join_chunks(&first);
	join_chunks(&second);
	assert_holds(first.text, "refreshed\"} 1\n");
	assert_holds(second.text, "refreshed\"} 1\n# EOF\n");
	assert_int_equal(fixture->refreshed, 1);
	buffer_free(&first);
	buffer_free(&second);
}

static void test_a_connection_is_kept_for_the_next_scrape(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	send_text(fd, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n"
		      "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
	struct buffer answer = receive_all(fixture, fd, SERVES);
	assert_holds(answer.text, "refreshed\"} 1\n");
	assert_holds(answer.text, "refreshed\"} 2\n");
	buffer_free(&answer);
}

static void test_head_is_answered_like_get_without_a_body(void **state)
{
	struct buffer answer = receive_all(*state, ask(*state, "HEAD /metrics", ""), SERVES);

	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_null(strstr(answer.text, "\r\nContent-Length: "));
	assert_string_equal(body_of(&answer), "");
	buffer_free(&answer);
}

static void test_a_client_that_leaves_while_it_waits_disturbs_nobody(void **state)
{
	struct fixture *fixture = *state;

	close(ask(fixture, "GET /metrics", ""));
	struct buffer answer = scrape(fixture, "");
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
}

static void test_a_scrape_fails_when_the_main_thread_does_not_come(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /metrics", "");

	await_scrapes(fixture, 1);
	skip_seconds(LISTENER_WAIT_SECONDS + 1);
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 503 ");
	assert_string_equal(body_of(&answer), "the daemon is too busy to answer\n");
	buffer_free(&answer);

	/* When it comes at last, the next one works. */
	answer = scrape(fixture, "");
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
}

static void test_a_scrape_that_is_given_up_half_way_is_not_taken_for_whole(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 40000);
	int fd = ask(fixture, "GET /metrics", "");

	for (int pieces = 0; pieces < 2; pieces++) {
		await_scrapes(fixture, 1);
		serve(fixture);
	}
	await_scrapes(fixture, 1);
	skip_seconds(LISTENER_WAIT_SECONDS + 1);
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_true(answer.length > 50000);
	assert_null(strstr(answer.text, "\r\n0\r\n")); /* the last chunk */
	buffer_free(&answer);
}

static void test_on_stop_a_scrape_that_was_begun_is_finished(void **state)
{
	struct fixture *fixture = *state;
	char *expected, *answer = calloc(1, 1 << 20);
	struct buffer text = {.text = answer};
	ssize_t length;

	fill(fixture, 2000); /* several pieces, and yet the socket takes it all */
	int fd = ask(fixture, "GET /metrics", "");
	await_scrapes(fixture, 1);
	serve(fixture);
	await_scrapes(fixture, 1);
	expected = rendered(fixture, EXPOSITION_TEXT);
	listener_stop(fixture->listener);
	fixture->listener = NULL;

	while ((length = recv(fd, answer + text.length, (1 << 20) - 1 - text.length, 0)) > 0)
		text.length += (size_t)length;
	join_chunks(&text);
	assert_true(text.length > 3 * 32768);
	assert_true(strcmp(body_of(&text), expected) == 0);
	free(expected);
	free(answer);
	close(fd);
}

static void test_on_stop_a_waiting_scrape_is_told(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /metrics", "");
	char answer[1024] = "";

	await_scrapes(fixture, 1);
	listener_stop(fixture->listener);
	fixture->listener = NULL;
	assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0);
	assert_begins(answer, "HTTP/1.1 503 ");
	assert_holds(answer, "\r\n\r\nstopping\n");
	close(fd);
}

/* --- pages of flows --- */

static void test_flows_are_served_to_loopback_clients(void **state)
{
	struct buffer answer = receive_all(*state, ask(*state, "GET /flows?by=peer", ""), SERVES);

	join_chunks(&answer);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
	assert_begins(body_of(&answer), "0 connections\nPEER ");
	buffer_free(&answer);
	answer = receive_all(*state, ask(*state, "GET /connections", ""), SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: application/x-ndjson\r\n");
	buffer_free(&answer);
}

static void test_a_wrong_parameter_of_flows_is_refused(void **state)
{
	assert_answer(*state, "GET /flows?by=port", "HTTP/1.1 400 ",
		"by is one of service, peer, process\n");
	assert_answer(*state, "GET /connections?limit", "HTTP/1.1 400 ",
		"limit is a number up to 1000000\n");
}

static void test_only_so_many_pages_of_flows_are_made_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct buffer answer;
	int fds[LISTENER_FLOW_PAGES_MAX];

	for (int i = 0; i < LISTENER_FLOW_PAGES_MAX; i++)
		fds[i] = ask(fixture, "GET /connections", "");
	await_scrapes(fixture, LISTENER_FLOW_PAGES_MAX);
	assert_answer(
		fixture, "GET /flows", "HTTP/1.1 503 ", "too many others ask for this page\n");
	answer = scrape(fixture, ""); /* which does not count */
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
	for (int i = 0; i < LISTENER_FLOW_PAGES_MAX; i++) {
		answer = receive_all(fixture, fds[i], SERVES);
		assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
		buffer_free(&answer);
	}
	answer = receive_all(fixture, ask(fixture, "GET /flows", ""), SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
}

/* --- other pages --- */

static void test_the_landing_page_has_the_version_and_links(void **state)
{
	struct buffer answer = receive_all(*state, ask(*state, "GET /", ""), SERVES);

	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
	assert_holds(answer.text, "<h1>Sonde 1.2.3</h1>");
	assert_holds(answer.text, "<a href=\"/metrics\">");
	assert_holds(answer.text, "</html>\n");
	buffer_free(&answer);
}

static void test_readiness_and_health_are_what_they_were_set_to(void **state)
{
	struct fixture *fixture = *state;

	assert_answer(fixture, "GET /readyz", "HTTP/1.1 503 ", "starting\n");
	assert_answer(fixture, "GET /healthz", "HTTP/1.1 200 ", "ok\n");
	listener_set_ready(fixture->listener, true, "");
	listener_set_healthy(fixture->listener, false, "the kernel is gone");
	assert_answer(fixture, "GET /readyz", "HTTP/1.1 200 ", "ok\n");
	assert_answer(fixture, "GET /healthz", "HTTP/1.1 503 ", "the kernel is gone\n");
}

static void test_an_unknown_path_is_not_found(void **state)
{
	assert_answer(
		*state, "GET /metrics/", "HTTP/1.1 404 ", "not found; / says what there is\n");
}

static void test_only_get_and_head_are_allowed(void **state)
{
	struct buffer answer = receive_all(
		*state, ask(*state, "POST /metrics", "Content-Length: 5\r\n\r\nhello"), SERVES);

	assert_begins(answer.text, "HTTP/1.1 405 ");
	assert_holds(answer.text, "\r\nAllow: GET, HEAD\r\n");
	buffer_free(&answer);
}

static void test_a_body_that_comes_with_a_get_is_ignored(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /healthz", "Content-Length: 5\r\n");

	send_text(fd, "hello");
	struct buffer answer = receive_all(fixture, fd, SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
}

/* --- bounds --- */

static void test_a_head_that_is_too_long_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char header[40000] = "X-Long: ";

	memset(header + strlen(header), 'x', sizeof(header) - 16);
	strcpy(header + sizeof(header) - 3, "\r\n");
	struct buffer answer = receive_all(fixture, ask(fixture, "GET /healthz", header), SERVES);
	if (answer.length) /* or the connection was reset before it could be read */
		assert_begins(answer.text, "HTTP/1.1 4");
	buffer_free(&answer);
	assert_answer(fixture, "GET /healthz", "HTTP/1.1 200 ", "ok\n");
}

static void test_idle_clients_cannot_keep_all_places(void **state)
{
	struct fixture *fixture = *state;
	int idle[LISTENER_CONNECTIONS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		idle[i] = connect_to(fixture);
	int fd = ask(fixture, "GET /healthz", "");
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&waiting, 1, 300), 0); /* there is no place */

	skip_seconds(30);
	struct buffer answer = receive_all(fixture, fd, SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		close(idle[i]);
}

static void test_a_client_that_sends_a_byte_now_and_then_is_cut_off(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);
	char byte;

	send_text(fd, "GET /healthz HT");
	for (int i = 0; i < 3; i++) {
		usleep(50000); /* for the listener to take the byte before time goes on */
		skip_seconds(20);
		send_text(fd, "T");
	}
	struct pollfd end = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_scrape_is_the_registry_as_text_after_a_refresh),
		TEST(test_openmetrics_comes_to_whom_asks_for_it),
		TEST(test_gzip_holds_the_same_text),
		TEST(test_protobuf_comes_to_whom_prefers_it_plain_and_gzipped),
		TEST(test_megabytes_arrive_whole_plain_and_gzipped),
		TEST(test_a_client_of_http_1_0_gets_the_text_without_chunks),
		TEST(test_scrapes_that_wait_together_are_answered_after_one_refresh),
		TEST(test_a_connection_is_kept_for_the_next_scrape),
		TEST(test_head_is_answered_like_get_without_a_body),
		TEST(test_a_client_that_leaves_while_it_waits_disturbs_nobody),
		TEST(test_a_scrape_fails_when_the_main_thread_does_not_come),
		TEST(test_a_scrape_that_is_given_up_half_way_is_not_taken_for_whole),
		TEST(test_on_stop_a_scrape_that_was_begun_is_finished),
		TEST(test_on_stop_a_waiting_scrape_is_told),
		TEST(test_flows_are_served_to_loopback_clients),
		TEST(test_a_wrong_parameter_of_flows_is_refused),
		TEST(test_only_so_many_pages_of_flows_are_made_at_a_time),
		TEST(test_the_landing_page_has_the_version_and_links),
		TEST(test_readiness_and_health_are_what_they_were_set_to),
		TEST(test_an_unknown_path_is_not_found),
		TEST(test_only_get_and_head_are_allowed),
		TEST(test_a_body_that_comes_with_a_get_is_ignored),
		TEST(test_a_head_that_is_too_long_is_refused),
		TEST(test_idle_clients_cannot_keep_all_places),
		TEST(test_a_client_that_sends_a_byte_now_and_then_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
