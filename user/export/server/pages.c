/* SPDX-License-Identifier: Apache-2.0 */
/* The small pages of the HTTP server (pages.h). */
#include "export/server/pages.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TYPE_PLAIN "text/plain; charset=utf-8"
#define TYPE_HTML  "text/html; charset=utf-8"

/*
 * What each answer says of itself. To browsers: it is what its type says, it loads and runs
 * nothing, and no other site's page may show, load or keep it.
 */
static const char *const common_headers[][2] = {
	{MHD_HTTP_HEADER_CONNECTION, "close"},
	{MHD_HTTP_HEADER_SERVER, PAGES_SERVER},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Content-Security-Policy",
		"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Referrer-Policy", "no-referrer"},
	{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
};

#define COMMON_HEADERS (sizeof(common_headers) / sizeof(common_headers[0]))

void pages_begin(struct pages *pages, const char *version)
{
	pthread_mutex_init(&pages->lock, NULL);
	pages_set_state(pages, &pages->ready, false, "starting");
	pages_set_state(pages, &pages->healthy, true, "");
	snprintf(pages->landing, sizeof(pages->landing),
		"<!DOCTYPE html>\n"
		"<html lang=\"en\">\n"
		"<head><meta charset=\"utf-8\"><title>Sonde</title></head>\n"
		"<body>\n"
		"<h1>Sonde %s</h1>\n"
		"<p>Watches the system calls, connections, HTTP requests and processes of this "
		"machine.</p>\n"
		"<ul>\n"
		"<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
		"<li><a href=\"/flows\">/flows</a>, <a href=\"/connections\">/connections</a>: "
		"TCP, for this machine's own users</li>\n"
		"<li><a href=\"/readyz\">/readyz</a>: is everything attached?</li>\n"
		"<li><a href=\"/healthz\">/healthz</a>: does it work?</li>\n"
		"</ul>\n"
		"</body>\n"
		"</html>\n",
		version);
}

void pages_end(struct pages *pages)
{
	pthread_mutex_destroy(&pages->lock);
}

void pages_set_state(
	struct pages *pages, struct page_state *state, bool is_good, const char *reason)
{
	pthread_mutex_lock(&pages->lock);
	state->is_good = is_good;
	snprintf(state->reason, sizeof(state->reason), "%s", *reason ? reason : "ok");
	pthread_mutex_unlock(&pages->lock);
}

enum MHD_Result pages_answer_response(
	struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < COMMON_HEADERS; i++)
		MHD_add_response_header(response, common_headers[i][0], common_headers[i][1]);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static struct MHD_Response *text_response(const char *type, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return response;
}

enum MHD_Result pages_answer_text(
	struct MHD_Connection *connection, unsigned status, const char *text)
{
	return pages_answer_response(connection, status, text_response(TYPE_PLAIN, text));
}

enum MHD_Result pages_answer_wrong_method(struct MHD_Connection *connection)
{
	struct MHD_Response *response = text_response(TYPE_PLAIN, "only GET and HEAD\n");

	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return pages_answer_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

static enum MHD_Result answer_state(
	struct pages *pages, struct MHD_Connection *connection, const struct page_state *state)
{
	char text[PAGES_REASON_LEN + 1];

	pthread_mutex_lock(&pages->lock);
	bool is_good = state->is_good;
	snprintf(text, sizeof(text), "%s\n", state->reason);
	pthread_mutex_unlock(&pages->lock);
	return pages_answer_text(
		connection, is_good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

enum MHD_Result pages_answer(
	struct pages *pages, struct MHD_Connection *connection, const char *path)
{
	if (strcmp(path, "/healthz") == 0)
		return answer_state(pages, connection, &pages->healthy);
	if (strcmp(path, "/readyz") == 0)
		return answer_state(pages, connection, &pages->ready);
	if (strcmp(path, "/") == 0)
		return pages_answer_response(
			connection, MHD_HTTP_OK, text_response(TYPE_HTML, pages->landing));
	return pages_answer_text(
		connection, MHD_HTTP_NOT_FOUND, "not found; / says what there is\n");
}

size_t pages_refusal(char *answer, size_t size, unsigned status, const char *text)
{
	size_t length = (size_t)snprintf(answer, size,
		"HTTP/1.1 %u %s\r\nContent-Type: " TYPE_PLAIN "\r\nContent-Length: %zu\r\n", status,
		MHD_get_reason_phrase_for(status), strlen(text));

	for (size_t i = 0; i < COMMON_HEADERS && length < size; i++)
		length += (size_t)snprintf(answer + length, size - length, "%s: %s\r\n",
			common_headers[i][0], common_headers[i][1]);
	if (length < size)
		length += (size_t)snprintf(answer + length, size - length, "\r\n%s", text);
	return length < size ? length : size;
}
