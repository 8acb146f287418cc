/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP server says besides /metrics: the landing page for a person, /healthz and /readyz
 * for an orchestrator, and what is wrong with a request. For the listener; the states may be set
 * from any thread.
 */
#ifndef SONDE_PAGES_H
#define SONDE_PAGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

#define PAGES_SERVER      "Sonde" /* by which its commands know it */
#define PAGES_REASON_LEN  256
#define PAGES_LANDING_LEN 1024

struct page_state {
	bool is_good;
	char reason[PAGES_REASON_LEN];
};

struct pages {
	char landing[PAGES_LANDING_LEN];
	pthread_mutex_t lock; /* of the states */
	struct page_state ready;
	struct page_state healthy;
};

/* Healthy, and not ready ("starting"). */
void pages_begin(struct pages *pages, const char *version);
void pages_end(struct pages *pages);

/* One of the two states: 200 or 503, and the reason; "" becomes "ok". */
void pages_set_state(
	struct pages *pages, struct page_state *state, bool is_good, const char *reason);

/* Answers a GET or HEAD of any path. */
enum MHD_Result pages_answer(
	struct pages *pages, struct MHD_Connection *connection, const char *path);

enum MHD_Result pages_answer_wrong_method(struct MHD_Connection *connection);
enum MHD_Result pages_answer_text(
	struct MHD_Connection *connection, unsigned status, const char *text);

/*
 * Answers with `response`, which it takes, and that it is the connection's last one; NULL (no
 * memory) closes the connection.
 */
enum MHD_Result pages_answer_response(
	struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);

/* The whole answer that refuses a request, as it goes out. Returns its length, at most `size`. */
size_t pages_refusal(char *answer, size_t size, unsigned status, const char *text);

#endif
