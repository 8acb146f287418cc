/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener with something to show, and its clients, for tests of user/export/server/listener.h
 * over real connections. The test is the main thread: it serves the listener while it waits for an
 * answer. What goes wrong fails the test that called.
 */
#ifndef LISTENER_CLIENT_H
#define LISTENER_CLIENT_H

#include <sys/eventfd.h>

#include "export/prometheus/exposition.h"
#include "export/server/listener.h"

#define PATIENCE_MS        20000 /* sanitizers and a busy machine included */
#define OPENMETRICS_ACCEPT "Accept: application/openmetrics-text;version=1.0.0\r\n"
#define PROTOBUF_ACCEPT                                                                            \
	"Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"         \
	"encoding=delimited,*/*;q=0.1\r\n"

struct fixture {
	struct listener *listener;
	struct metrics *metrics;
	struct metric_family *family;
	struct flows *flows; /* without any */
	int refreshed;
};

/* The fixture becomes the test's state. */
int listener_set_up(void **state);
int listener_tear_down(void **state);

#define LISTENER_TEST(function)                                                                    \
	cmocka_unit_test_setup_teardown(function, listener_set_up, listener_tear_down)

/* What the main thread does when a scrape has asked for it. */
void serve(struct fixture *fixture);

/* Makes so many series. */
void fill(struct fixture *fixture, int series);

/* What there is of them, as a scrape must show it; the caller's to free, as all that follows. */
struct buffer rendered_bytes(struct fixture *fixture, enum exposition_format format);
char *rendered(struct fixture *fixture, enum exposition_format format);

/* --- a client --- */

int connect_to(const struct fixture *fixture);
void connect_socket(const struct fixture *fixture, int fd); /* one that is there */
void send_text(int fd, const char *text);

/* Sends a request: a method and target, and headers, each with its line end. */
int ask(const struct fixture *fixture, const char *line, const char *headers);

enum main_thread { SERVES, IS_STUCK };

/* Everything up to the end of the connection, which is closed then. */
struct buffer receive_all(struct fixture *fixture, int fd, enum main_thread main_thread);

/* Joins the chunks after the head in place; fails where the last one is missing. */
void join_chunks(struct buffer *answer);

struct buffer scrape(struct fixture *fixture, const char *headers);
char *body_of(const struct buffer *answer);

void assert_begins(const char *text, const char *beginning);
void assert_holds(const char *text, const char *part);

/* Of a request without headers, answered without the main thread. */
void assert_answer(struct fixture *fixture, const char *line, const char *status, const char *body);

/* Waits until `count` scrapes have asked for the main thread. */
void await_scrapes(const struct fixture *fixture, eventfd_t count);

#endif
