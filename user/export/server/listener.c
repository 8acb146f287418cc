/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server (listener.h). All that libmicrohttpd does happens on the listener's own thread,
 * which runs its loop here instead of leaving it to the library: so a scrape that the main thread
 * does not serve can be given up, and a client that is too slow be cut off.
 *
 * A scrape is passed to the main thread and back by its `turn`. While it is not the listener's, the
 * connection is suspended: nobody blocks.
 */
#include "export/server/listener.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <microhttpd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/thread.h"
#include "export/flows/flow_query.h"
#include "export/server/gate.h"
#include "export/server/listen_socket.h"
#include "export/server/negotiation.h"
#include "export/server/pages.h"
#include "export/server/scrape.h"
#include "privilege/privilege.h"

/* For a request's head, what libmicrohttpd keeps of its fields, and the buffer of its answer. */
#define CONNECTION_MEMORY 32768
#define ANSWER_BLOCK      4096 /* what goes out at a time to a client of HTTP/1.0 */
#define THREAD_STACK      131072

#define STOP_ROUNDS   20 /* of STOP_ROUND_MS: to let waiting clients have their 503 */
#define STOP_ROUND_MS 10

enum turn { TURN_LISTENER, TURN_MAIN };

/* A `GET` of what the main thread renders. The listener's thread makes and frees it. */
struct request {
	struct request *next; /* these three under the lock */
	enum turn turn;
	bool is_new; /* the registry was not refreshed since it came */

	struct listener *listener; /* these are the listener's thread's */
	struct MHD_Connection *connection;
	struct client *client;
	uint64_t deadline_ms; /* of the main thread's turn */
	bool is_suspended;
	bool is_head;
	const char *failure; /* why it cannot be answered, or NULL */

	struct scrape scrape; /* whose turn it is */
};

struct listener {
	struct MHD_Daemon *daemon;
	pthread_t thread;
	int main_fd; /* eventfd: a scrape waits for the main thread */
	int wake_fd; /* eventfd: something changed for the listener's thread */
	char address[LISTEN_ADDRESS_LEN];
	struct pages pages;
	struct gate gate; /* these two are the listener's thread's */
	bool is_ending;

	pthread_mutex_t lock;
	struct request *requests;
	bool is_stopping;
};

static uint64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

/* --- scrapes --- */

/* Ends the listener's turn: nothing of the scrape may be touched after it. */
static void ask_main(struct request *request)
{
	struct listener *listener = request->listener;

	MHD_suspend_connection(request->connection);
	request->is_suspended = true;
	request->client->is_held = true;
	request->deadline_ms = now_ms() + LISTENER_WAIT_SECONDS * 1000;
	pthread_mutex_lock(&listener->lock);
	request->turn = TURN_MAIN;
	pthread_mutex_unlock(&listener->lock);
	eventfd_write(listener->main_fd, 1);
}

/* At the end the main thread waits for this one: what it has begun can be finished here. */
static void finish_for_main(struct request *request)
{
	scrape_render(&request->scrape, &request->scrape.source);
}

static ssize_t read_scrape(void *context, uint64_t position, char *to, size_t room)
{
	struct request *request = context;
	ssize_t length = SCRAPE_FAILED;
	(void)position;

	request->client->moved_ms = now_ms(); /* there is room again for what goes out */
	while (!request->failure) {
		length = scrape_read(&request->scrape, to, room);
		if (length != SCRAPE_USED_UP)
			break;
		if (!request->listener->is_ending) {
			ask_main(request);
			return 0;
		}
		finish_for_main(request);
	}
	if (length > 0)
		return length;
	return length == SCRAPE_END ? MHD_CONTENT_READER_END_OF_STREAM
				    : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* After the main thread's first turn. */
static enum MHD_Result answer_scrape(struct request *request)
{
	if (request->failure)
		return pages_answer_text(
			request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, request->failure);

	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, ANSWER_BLOCK, read_scrape, request, NULL);
	if (response) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			scrape_content_type(&request->scrape));
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
		if (request->scrape.is_gzip)
			MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
		/* libmicrohttpd 0.9.75 would end a body in chunks that a HEAD does not have. */
		if (request->is_head)
			MHD_set_response_options(
				response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
	}
	return pages_answer_response(request->connection, MHD_HTTP_OK, response);
}

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

/* Only the listener's thread changes the list, so it reads it without the lock. */
static bool has_too_many_flow_pages(const struct listener *listener)
{
	const struct request *request;
	int count = 0;

	LL_FOREACH(listener->requests, request)
		count += request->scrape.is_of_flows;
	return count >= LISTENER_FLOW_PAGES_MAX;
}

static bool is_too_busy_for_gzip(const struct listener *listener)
{
	const struct request *request;
	int count = 0;

	LL_FOREACH(listener->requests, request)
		count += request->scrape.is_gzip;
	return count >= LISTENER_GZIP_MAX;
}

/* `query`: for the pages of flows; NULL: metrics. */
static enum MHD_Result begin_scrape(struct listener *listener, struct MHD_Connection *connection,
	bool is_head, const struct flow_query *query, void **request_context)
{
	struct request *request = listener->is_ending ? NULL : calloc(1, sizeof(*request));
	bool want_gzip = !is_too_busy_for_gzip(listener) &&
			 negotiate_gzip(MHD_lookup_connection_value(
				 connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING));

	if (!request)
		return pages_answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			listener->is_ending ? "stopping\n" : "out of memory\n");
	request->listener = listener;
	request->connection = connection;
	request->client = client_of(connection);
	request->is_new = true;
	request->is_head = is_head;
	if (query)
		scrape_begin_flows(&request->scrape, query, want_gzip);
	else
		scrape_begin_metrics(&request->scrape,
			negotiate_format(MHD_lookup_connection_value(
				connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT)),
			want_gzip);
	*request_context = request;
	pthread_mutex_lock(&listener->lock);
	LL_PREPEND(listener->requests, request);
	pthread_mutex_unlock(&listener->lock);
	ask_main(request);
	return MHD_YES;
}

static enum MHD_Result begin_flow_page(struct listener *listener, struct MHD_Connection *connection,
	bool is_head, struct flow_query *query, void **request_context)
{
	char error[FLOW_QUERY_ERROR_LEN];
	unsigned status =
		flow_query_read(connection, client_of(connection)->is_local, query, error);

	if (status != MHD_HTTP_OK)
		return pages_answer_text(connection, status, error);
	if (has_too_many_flow_pages(listener))
		return pages_answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many others ask for this page\n");
	return begin_scrape(listener, connection, is_head, query, request_context);
}

/* Lets go on what came back from the main thread, or what it left waiting for too long. */
static void resume_scrapes(struct listener *listener)
{
	uint64_t now = now_ms();
	struct request *request;

	pthread_mutex_lock(&listener->lock);
	listener->is_ending = listener->is_stopping;
	LL_FOREACH(listener->requests, request) {
		if (!request->is_suspended)
			continue;
		if (request->turn == TURN_MAIN) {
			if (listener->is_ending && request->scrape.has_begun)
				finish_for_main(request);
			else if (listener->is_ending)
				request->failure = "stopping\n";
			else if (now >= request->deadline_ms)
				request->failure = "the daemon is too busy to answer\n";
			else
				continue;
			request->turn = TURN_LISTENER;
		}
		request->is_suspended = false;
		request->client->is_held = false;
		request->client->moved_ms = now;
		MHD_resume_connection(request->connection);
	}
	pthread_mutex_unlock(&listener->lock);
}

/* --- what libmicrohttpd calls --- */

static char head_was_seen; /* its address stands in for a request until there is one */

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *body, size_t *body_size,
	void **request_context)
{
	struct listener *listener = context;
	bool is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	struct flow_query query;
	(void)version, (void)body;

	if (!is_head && strcmp(method, MHD_HTTP_METHOD_GET))
		return pages_answer_wrong_method(connection);
	if (!*request_context || *body_size) { /* a body has nothing to say, but must come first */
		*request_context = &head_was_seen;
		*body_size = 0;
		return MHD_YES;
	}
	if (*request_context != &head_was_seen)
		return answer_scrape(*request_context);

	if (strcmp(url, "/metrics") == 0)
		return begin_scrape(listener, connection, is_head, NULL, request_context);
	if (flow_query_begin(&query, url))
		return begin_flow_page(listener, connection, is_head, &query, request_context);
	return pages_answer(&listener->pages, connection, url);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
	enum MHD_RequestTerminationCode code)
{
	struct listener *listener = context;
	struct request *request = *request_context;
	(void)connection, (void)code;

	if (!request || *request_context == &head_was_seen)
		return;
	pthread_mutex_lock(&listener->lock);
	LL_DELETE(listener->requests, request);
	pthread_mutex_unlock(&listener->lock);
	scrape_end(&request->scrape);
	free(request);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = context;

	if (code != MHD_CONNECTION_NOTIFY_CLOSED)
		*socket_context = gate_started(&listener->gate, connection);
	else
		gate_ended(&listener->gate, *socket_context);
}

/* --- the thread --- */

static void wait_for_events(struct listener *listener, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
			.events = POLLIN},
		{.fd = listener->wake_fd, .events = POLLIN},
		{.fd = gate_fd(&listener->gate), .events = POLLIN},
	};
	MHD_UNSIGNED_LONG_LONG library_ms;
	eventfd_t count;

	if (MHD_get_timeout(listener->daemon, &library_ms) == MHD_YES &&
		library_ms < (MHD_UNSIGNED_LONG_LONG)timeout_ms)
		timeout_ms = (int)library_ms;
	poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms);
	eventfd_read(listener->wake_fd, &count);
}

static void *run_listener(void *context)
{
	struct listener *listener = context;

	privilege_drop_thread(); /* before a byte of anybody's is read */
	while (!listener->is_ending) {
		wait_for_events(listener, gate_wait_ms(&listener->gate));
		gate_run(&listener->gate, listener->daemon);
		resume_scrapes(listener);
		MHD_run(listener->daemon);
	}
	for (int i = 0; i < STOP_ROUNDS && listener->requests; i++) {
		wait_for_events(listener, STOP_ROUND_MS);
		MHD_run(listener->daemon);
	}
	return NULL;
}

/* Connections come from the gate, and their times are kept there. */
static struct MHD_Daemon *start_daemon(struct listener *listener)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET,
		0, NULL, NULL, on_request, listener, MHD_OPTION_CONNECTION_LIMIT,
		CLIENTS_SERVED_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, listener, MHD_OPTION_END);
}

static void listener_free(struct listener *listener)
{
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	gate_end(&listener->gate);
	if (listener->main_fd >= 0)
		close(listener->main_fd);
	if (listener->wake_fd >= 0)
		close(listener->wake_fd);
	pages_end(&listener->pages);
	pthread_mutex_destroy(&listener->lock);
	free(listener);
}

int listener_start(struct listener **started, const struct listener_options *options,
	char error[LISTENER_ERROR_LEN])
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int socket, code;

	if (!listener) {
		snprintf(error, LISTENER_ERROR_LEN, "no memory for the HTTP server");
		return -ENOMEM;
	}
	pthread_mutex_init(&listener->lock, NULL);
	pages_begin(&listener->pages, options->version);
	listener->main_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	listener->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	socket = listen_socket_open(options->address, listener->address, error, LISTENER_ERROR_LEN);
	code = gate_begin(&listener->gate, socket, &options->guard);
	if (socket < 0) {
		listener_free(listener);
		return socket;
	}
	if (!code && listener->main_fd >= 0 && listener->wake_fd >= 0)
		listener->daemon = start_daemon(listener);
	if (!code)
		code = listener->daemon ? thread_start(&listener->thread, NULL, THREAD_STACK,
						  run_listener, listener)
					: -ENOMEM;
	if (code) {
		snprintf(error, LISTENER_ERROR_LEN, "cannot start the HTTP server: %s",
			strerror(-code));
		listener_free(listener);
		return code;
	}
	*started = listener;
	return 0;
}

const char *listener_address(const struct listener *listener)
{
	return listener->address;
}

/* --- the main thread's side --- */

int listener_fd(const struct listener *listener)
{
	return listener->main_fd;
}

/* Are there new requests? From now on they may be rendered. */
static bool take_new_requests(struct listener *listener)
{
	struct request *request;
	bool has_new = false;

	pthread_mutex_lock(&listener->lock);
	LL_FOREACH(listener->requests, request) {
		has_new |= request->is_new;
		request->is_new = false;
	}
	pthread_mutex_unlock(&listener->lock);
	return has_new;
}

void listener_serve(struct listener *listener, const struct scrape_source *source,
	void (*refresh)(void *context), void *context)
{
	struct request *request;
	eventfd_t count;

	eventfd_read(listener->main_fd, &count);
	if (refresh && take_new_requests(listener))
		refresh(context);

	/* Under the lock, so that no request ends meanwhile: some 50 µs for each that waits. */
	pthread_mutex_lock(&listener->lock);
	LL_FOREACH(listener->requests, request) {
		if (request->turn != TURN_MAIN || request->is_new)
			continue;
		scrape_render(&request->scrape, source);
		request->turn = TURN_LISTENER;
	}
	pthread_mutex_unlock(&listener->lock);
	eventfd_write(listener->wake_fd, 1);
}

void listener_set_ready(struct listener *listener, bool is_ready, const char *reason)
{
	pages_set_state(&listener->pages, &listener->pages.ready, is_ready, reason);
}

void listener_set_healthy(struct listener *listener, bool is_healthy, const char *reason)
{
	pages_set_state(&listener->pages, &listener->pages.healthy, is_healthy, reason);
}

void listener_stop(struct listener *listener)
{
	if (!listener)
		return;
	pthread_mutex_lock(&listener->lock);
	listener->is_stopping = true;
	pthread_mutex_unlock(&listener->lock);
	eventfd_write(listener->wake_fd, 1);
	pthread_join(listener->thread, NULL);
	listener_free(listener);
}
