/* SPDX-License-Identifier: Apache-2.0 */
/* The backend of tests (otlp_backend.h). One connection at a time, as the exporter opens only one.
 */
#include "otlp_backend.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "export/otlp/otlp_messages.pb-c.h"

#define REQUEST_LEN (4 << 20)  /* head and body */
#define SPANS_LEN   (16 << 20) /* a body, unzipped */

struct backend {
	const struct backend_reply *script;
	size_t script_length;
	int listener;
	int stop[2]; /* a pipe: readable means stop */
	bool running;
	pthread_t thread;

	pthread_mutex_t lock;
	size_t connections;
	size_t spans;
	size_t requests;
	struct backend_request seen[BACKEND_REQUESTS_MAX];
};

struct backend *backend_new(const struct backend_reply *script, size_t count)
{
	struct backend *backend = calloc(1, sizeof(*backend));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	assert_non_null(backend);
	backend->script = script;
	backend->script_length = count;
	pthread_mutex_init(&backend->lock, NULL);
	assert_int_equal(pipe(backend->stop), 0);
	backend->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(backend->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	return backend;
}

int backend_port(const struct backend *backend)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(backend->listener, (struct sockaddr *)&address, &length), 0);
	return ntohs(address.sin_port);
}

/* False: it is time to stop. */
static bool wait_readable(struct backend *backend, int fd)
{
	struct pollfd fds[2] = {
		{.fd = fd, .events = POLLIN}, {.fd = backend->stop[0], .events = POLLIN}};

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

/* Bytes of a whole request in `buffer`, or 0 as long as it is not whole. */
static size_t request_size(const char *buffer, size_t *head_size)
{
	const char *end = strstr(buffer, "\r\n\r\n");
	const char *length = strcasestr(buffer, "\r\nContent-Length:");

	if (!end || !length || length > end)
		return 0;
	*head_size = (size_t)(end - buffer) + 4;
	return *head_size + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static bool read_request(
	struct backend *backend, int fd, char *buffer, size_t *head_size, size_t *body_size)
{
	size_t filled = 0, size;

	for (;;) {
		ssize_t got;
		if (!wait_readable(backend, fd))
			return false;
		got = read(fd, buffer + filled, REQUEST_LEN - 1 - filled);
		if (got <= 0)
			return false;
		filled += (size_t)got;
		buffer[filled] = '\0';
		size = request_size(buffer, head_size);
		if (size && filled >= size) {
			*body_size = size - *head_size;
			return true;
		}
	}
}

/* Inflates the body where it is gzipped; returns what it is then, for the caller to free. */
static uint8_t *plain_body(const char *body, size_t *size, bool is_gzipped)
{
	uint8_t *plain = malloc(SPANS_LEN);
	z_stream gzip = {.next_in = (Bytef *)body,
		.avail_in = (uInt)*size,
		.next_out = plain,
		.avail_out = SPANS_LEN};

	if (!plain || *size > SPANS_LEN)
		abort();
	if (!is_gzipped)
		return memcpy(plain, body, *size);
	if (inflateInit2(&gzip, 15 + 16) != Z_OK || inflate(&gzip, Z_FINISH) != Z_STREAM_END)
		abort();
	*size = gzip.total_out;
	inflateEnd(&gzip);
	return plain;
}

static size_t count_spans(const char *body, size_t size, bool is_gzipped)
{
	uint8_t *plain = plain_body(body, &size, is_gzipped);
	Otlp__ExportTraceServiceRequest *request =
		otlp__export_trace_service_request__unpack(NULL, size, plain);
	size_t spans = 0;

	free(plain);
	if (!request)
		abort();
	for (size_t i = 0; i < request->n_resource_spans; i++)
		for (size_t j = 0; j < request->resource_spans[i]->n_scope_spans; j++)
			spans += request->resource_spans[i]->scope_spans[j]->n_spans;
	otlp__export_trace_service_request__free_unpacked(request, NULL);
	return spans;
}

static const struct backend_reply *remember(
	struct backend *backend, const char *request, size_t head_size, size_t body_size)
{
	bool is_traces = strncmp(request, "POST /v1/logs ", 14) != 0;
	const char *encoding = strstr(request, "\r\nContent-Encoding: gzip\r\n");
	bool is_gzipped = encoding && encoding < request + head_size;
	size_t spans = is_traces ? count_spans(request + head_size, body_size, is_gzipped) : 0;
	const struct backend_reply *reply;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&backend->lock);
	reply = &backend->script[backend->requests < backend->script_length
					 ? backend->requests
					 : backend->script_length - 1];
	if (backend->requests < BACKEND_REQUESTS_MAX)
		backend->seen[backend->requests] = (struct backend_request){
			.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
			.head = strndup(request, head_size),
			.spans = spans,
		};
	backend->requests++;
	if (reply->act == BACKEND_ANSWER && reply->status == 200)
		backend->spans += spans;
	pthread_mutex_unlock(&backend->lock);
	return reply;
}

static void answer(int fd, const struct backend_reply *reply)
{
	char head[512];
	int length = snprintf(head, sizeof(head),
		"HTTP/1.1 %d Reason\r\nContent-Type: application/x-protobuf\r\n"
		"Content-Length: %zu\r\n%s%s\r\n",
		reply->status, reply->body_size, reply->header ? reply->header : "",
		reply->header ? "\r\n" : "");

	if (send(fd, head, (size_t)length, MSG_NOSIGNAL) == length && reply->body_size)
		send(fd, reply->body, reply->body_size, MSG_NOSIGNAL);
}

static void serve(struct backend *backend, int fd, char *buffer)
{
	size_t head_size, body_size;

	while (read_request(backend, fd, buffer, &head_size, &body_size)) {
		const struct backend_reply *reply = remember(backend, buffer, head_size, body_size);

		if (reply->act == BACKEND_HANG_UP)
			break;
		if (reply->act == BACKEND_ANSWER)
			answer(fd, reply);
	}
}

static void *backend_thread(void *context)
{
	struct backend *backend = context;
	char *buffer = malloc(REQUEST_LEN);

	while (wait_readable(backend, backend->listener)) {
		int fd = accept(backend->listener, NULL, NULL);
		pthread_mutex_lock(&backend->lock);
		backend->connections++;
		pthread_mutex_unlock(&backend->lock);
		serve(backend, fd, buffer);
		close(fd);
	}
	free(buffer);
	return NULL;
}

void backend_start(struct backend *backend)
{
	assert_int_equal(listen(backend->listener, 16), 0);
	assert_int_equal(pthread_create(&backend->thread, NULL, backend_thread, backend), 0);
	backend->running = true;
}

void backend_stop(struct backend *backend)
{
	if (!backend->running)
		return;
	backend->running = false;
	assert_int_equal(write(backend->stop[1], "", 1), 1);
	pthread_join(backend->thread, NULL);
}

void backend_free(struct backend *backend)
{
	backend_stop(backend);
	for (size_t i = 0; i < backend->requests && i < BACKEND_REQUESTS_MAX; i++)
		free(backend->seen[i].head);
	close(backend->listener);
	close(backend->stop[0]);
	close(backend->stop[1]);
	pthread_mutex_destroy(&backend->lock);
	free(backend);
}

static size_t under_lock(struct backend *backend, const size_t *figure)
{
	size_t value;
	pthread_mutex_lock(&backend->lock);
	value = *figure;
	pthread_mutex_unlock(&backend->lock);
	return value;
}

size_t backend_connections(struct backend *backend)
{
	return under_lock(backend, &backend->connections);
}

size_t backend_requests(struct backend *backend)
{
	return under_lock(backend, &backend->requests);
}

size_t backend_spans(struct backend *backend)
{
	return under_lock(backend, &backend->spans);
}

const struct backend_request *backend_request(struct backend *backend, size_t index)
{
	assert_true(index < backend_requests(backend) && index < BACKEND_REQUESTS_MAX);
	return &backend->seen[index];
}
