/* SPDX-License-Identifier: Apache-2.0 */
/* See listener_client.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener_client.h"

#define NO_LIMIT 1000000

static const struct metric_description requests = {
	.name = "requests_total",
	.help = "Requests.",
	.type = METRIC_COUNTER,
	.labels = {"service_name"},
};

static void refresh(void *context)
{
	struct fixture *fixture = context;

	fixture->refreshed++;
	metric_add(metrics_series(fixture->family, (const char *const[]){"refreshed"}), 1);
}

void serve(struct fixture *fixture)
{
	struct scrape_source source = {.metrics = fixture->metrics, .flows = fixture->flows};

	listener_serve(fixture->listener, &source, refresh, fixture);
}

int listener_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct listener_options options = {.address = "127.0.0.1:0", .version = "1.2.3"};
	char error[LISTENER_ERROR_LEN];

	fixture->metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	fixture->family = metrics_family(fixture->metrics, &requests);
	fixture->flows = flows_new(NULL, NULL, NULL, NULL, NULL); /* none, so it asks nobody */
	*state = fixture;
	return listener_start(&fixture->listener, &options, error);
}

int listener_tear_down(void **state)
{
	struct fixture *fixture = *state;

	listener_stop(fixture->listener);
	metrics_free(fixture->metrics);
	flows_free(fixture->flows);
	free(fixture);
	return 0;
}

void fill(struct fixture *fixture, int series)
{
	char service[64];

	for (int i = 0; i < series; i++) {
		snprintf(service, sizeof(service), "a-service-with-the-number-%d", i);
		metric_add(metrics_series(fixture->family, (const char *const[]){service}),
			(uint64_t)i * 7919);
	}
}

struct buffer rendered_bytes(struct fixture *fixture, enum exposition_format format)
{
	struct exposition exposition;
	struct buffer bytes = {0};

	exposition_begin(&exposition, fixture->metrics, format);
	exposition_continue(&exposition, &bytes, SIZE_MAX);
	exposition_end(&exposition);
	return bytes;
}

char *rendered(struct fixture *fixture, enum exposition_format format)
{
	struct buffer text = rendered_bytes(fixture, format);

	buffer_append(&text, "", 1);
	return text.text;
}

/* --- a client --- */

void connect_socket(const struct fixture *fixture, int fd)
{
	const char *address = listener_address(fixture->listener);
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

int connect_to(const struct fixture *fixture)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	connect_socket(fixture, fd);
	return fd;
}

void send_text(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

int ask(const struct fixture *fixture, const char *line, const char *headers)
{
	int fd = connect_to(fixture);

	send_text(fd, line);
	send_text(fd, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
	send_text(fd, headers);
	send_text(fd, "\r\n");
	return fd;
}

struct buffer receive_all(struct fixture *fixture, int fd, enum main_thread main_thread)
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

void join_chunks(struct buffer *answer)
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

struct buffer scrape(struct fixture *fixture, const char *headers)
{
	struct buffer answer = receive_all(fixture, ask(fixture, "GET /metrics", headers), SERVES);

	join_chunks(&answer);
	return answer;
}

char *body_of(const struct buffer *answer)
{
	return strstr(answer->text, "\r\n\r\n") + 4;
}

void assert_begins(const char *text, const char *beginning)
{
	if (strncmp(text, beginning, strlen(beginning)))
		assert_string_equal(text, beginning);
}

void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		assert_string_equal(text, part);
}

void assert_answer(struct fixture *fixture, const char *line, const char *status, const char *body)
{
	struct buffer answer = receive_all(fixture, ask(fixture, line, ""), IS_STUCK);

	assert_begins(answer.text, status);
	assert_string_equal(body_of(&answer), body);
	buffer_free(&answer);
}

void await_scrapes(const struct fixture *fixture, eventfd_t count)
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
