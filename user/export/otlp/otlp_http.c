/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP by libcurl (otlp_http.h). The multi interface drives one transfer at a time: unlike
 * curl_easy_perform(), its wait can be cut short from another thread, which a bounded stop needs.
 */
#include "export/otlp/otlp_http.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/curl_api.h"

#define HEADERS_ENV             "OTEL_EXPORTER_OTLP_HEADERS"
#define RETRY_AFTER_SECONDS_MAX 3600 /* more is taken for a mistake */
#define WAIT_MS_MAX             60000 /* keeps the wait in an int; waking up once a minute costs nothing */

struct otlp_http {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char *url; /* without credentials */
	_Atomic uint64_t deadline_ns;
	size_t body_size;
	char error[CURL_ERROR_SIZE];
	uint8_t body[OTLP_ANSWER_LEN];
};

/* --- endpoint --- */

static bool ends_with(const char *string, const char *end)
{
	size_t length = strlen(string), end_length = strlen(end);
	return length >= end_length && strcmp(string + length - end_length, end) == 0;
}

/* An endpoint that names the path of a signal stands for all of them. */
static void cut_signal_path(char *base)
{
	static const char *const paths[] = {"/v1/traces", "/v1/logs"};

	for (size_t length = strlen(base); length > 0 && base[length - 1] == '/'; length--)
		base[length - 1] = '\0';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (ends_with(base, paths[i]))
			base[strlen(base) - strlen(paths[i])] = '\0';
}

static bool set_path(CURLU *parts, const char *signal_path)
{
	char *base = NULL, *path = NULL;
	bool done = false;

	if (curl.url_get(parts, CURLUPART_PATH, &base, 0) != CURLUE_OK)
		return false;
	cut_signal_path(base);
	if (asprintf(&path, "%s%s", base, signal_path) >= 0) {
		done = curl.url_set(parts, CURLUPART_PATH, path, 0) == CURLUE_OK;
		free(path);
	}
	curl.free(base);
	return done;
}

static bool is_loopback(CURLU *parts)
{
	char *host = NULL;
	bool loopback;

	if (curl.url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return false;
	loopback = strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
		   strcmp(host, "[::1]") == 0;
	curl.free(host);
	return loopback;
}

static int set_endpoint(
	struct otlp_http *http, const char *endpoint, const char *path, char error[OTLP_ERROR_LEN])
{
	CURLU *parts = curl.url();
	char *scheme = NULL, *url = NULL;
	bool valid;

	valid = parts && curl.url_set(parts, CURLUPART_URL, endpoint, 0) == CURLUE_OK &&
		curl.url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		(!path || set_path(parts, path)) &&
		curl.url_get(parts, CURLUPART_URL, &url, 0) == CURLUE_OK;
	if (valid) {
		curl.easy_setopt(http->easy, CURLOPT_URL, url);
		if (is_loopback(parts))
			curl.easy_setopt(http->easy, CURLOPT_PROXY, "");
		curl.url_set(parts, CURLUPART_USER, NULL, 0);
		curl.url_set(parts, CURLUPART_PASSWORD, NULL, 0);
		curl.url_get(parts, CURLUPART_URL, &http->url, 0);
	} else {
		snprintf(error, OTLP_ERROR_LEN,
			"otlp-endpoint: '%s' is not an http:// or https:// URL, such as "
			"http://127.0.0.1:4318",
			endpoint);
	}
	curl.free(url);
	curl.free(scheme);
	curl.url_cleanup(parts);
	return valid ? 0 : -EINVAL;
}

/* --- headers --- */

static bool add_header(struct otlp_http *http, const char *line)
{
	struct curl_slist *longer = curl.slist_append(http->headers, line);
	if (longer)
		http->headers = longer;
	return longer != NULL;
}

/* A character of a header's name (RFC 9110, "token"). */
#define TOKEN                                                                                      \
	"!#$%&'*+-.^_`|~0123456789"                                                                \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* One `key=value`. A line break in the decoded value could smuggle in other headers. */
static bool add_header_pair(struct otlp_http *http, char *pair)
{
	char *value = strchr(pair, '=');
	char *decoded, *line;
	int length;
	bool added = false;

	if (!value)
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	pair += strspn(pair, " \t");
	for (size_t end = strlen(pair); end > 0 && strchr(" \t", pair[end - 1]); end--)
		pair[end - 1] = '\0';
	decoded = curl.easy_unescape(http->easy, value, 0, &length);
	if (!decoded)
		return false;
	if (*pair && pair[strspn(pair, TOKEN)] == '\0' && strlen(decoded) == (size_t)length &&
		decoded[strcspn(decoded, "\r\n")] == '\0') {
		/* libcurl sends an empty header only for `key;` */
		if (asprintf(&line, *decoded ? "%s: %s" : "%s;", pair, decoded) >= 0) {
			added = add_header(http, line);
			free(line);
		}
	}
	curl.free(decoded);
	return added;
}

/* By OpenTelemetry's rules an empty variable is an unset one. */
static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

/* The values are secrets as a rule, so the error gives the place and not the text. */
static int add_headers_of_environment(
	struct otlp_http *http, const char *own, char error[OTLP_ERROR_LEN])
{
	const char *variable = is_set(own) ? own : HEADERS_ENV;
	const char *list = getenv(variable);
	char *copy = strdup(list ? list : "");
	int result = 0, place = 0;
	char *next = copy;

	if (!copy)
		return -ENOMEM;
	for (char *pair; result == 0 && (pair = strsep(&next, ","));) {
		place++;
		if (pair[strspn(pair, " \t")] && !add_header_pair(http, pair)) {
			snprintf(error, OTLP_ERROR_LEN,
				"%s: item %d is not key=value, with a percent-encoded value",
				variable, place);
			result = -EINVAL;
		}
	}
	free(copy);
	return result;
}

static int set_headers(
	struct otlp_http *http, const struct otlp_http_options *options, char error[OTLP_ERROR_LEN])
{
	if (!add_header(http, "Content-Type: application/x-protobuf") ||
		(options->compressed && !add_header(http, "Content-Encoding: gzip")) ||
		!add_header(http, "Expect:")) /* no round trip before a large body */
		return -ENOMEM;
	return add_headers_of_environment(http, options->headers_variable, error);
}

/* --- life --- */

static size_t on_answer(char *data, size_t one, size_t size, void *context)
{
	struct otlp_http *http = context;
	size_t room = sizeof(http->body) - http->body_size;
	size_t kept = size < room ? size : room;

	memcpy(http->body + http->body_size, data, kept);
	http->body_size += kept;
	return one * size;
}

static void set_options(struct otlp_http *http, const char *version, uint64_t timeout_ns)
{
	CURL *easy = http->easy;
	char agent[128];
	long timeout_ms = (long)(timeout_ns / 1000000);

	snprintf(agent, sizeof(agent), "OTel-OTLP-Exporter-Sonde/%s", version);
	curl.easy_setopt(easy, CURLOPT_USERAGENT, agent);
	curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(easy, CURLOPT_POST, 1L);
	curl.easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
	curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms > 0 ? timeout_ms : 1L);
	curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
	curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl.easy_setopt(easy, CURLOPT_WRITEDATA, http);
	/* a name that does not resolve must not hold up a timeout or the stop */
	curl.easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl.multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L);
}

int otlp_http_open(
	struct otlp_http **out, const struct otlp_http_options *options, char error[OTLP_ERROR_LEN])
{
	struct otlp_http *http;
	int result = curl_api_load(error, OTLP_ERROR_LEN);

	if (result < 0)
		return result;
	result = -ENOMEM;
	snprintf(error, OTLP_ERROR_LEN, "no memory for the OTLP exporter");
	http = calloc(1, sizeof(*http));
	if (!http)
		return result;
	curl.global_init(CURL_GLOBAL_DEFAULT);
	atomic_init(&http->deadline_ns, UINT64_MAX);
	http->multi = curl.multi_init();
	http->easy = curl.easy_init();
	if (http->multi && http->easy)
		result = set_endpoint(http, options->endpoint, options->path, error);
	if (result == 0)
		result = set_headers(http, options, error);
	if (result < 0) {
		otlp_http_close(http);
		return result;
	}
	set_options(http, options->version, options->timeout_ns);
	*out = http;
	return 0;
}

void otlp_http_close(struct otlp_http *http)
{
	curl.easy_cleanup(http->easy);
	curl.multi_cleanup(http->multi);
	curl.slist_free_all(http->headers);
	curl.free(http->url);
	free(http);
	curl.global_cleanup();
}

const char *otlp_http_url(const struct otlp_http *http)
{
	return http->url;
}

/* --- one request --- */

void otlp_http_set_deadline(struct otlp_http *http, uint64_t deadline_ns)
{
	atomic_store(&http->deadline_ns, deadline_ns);
	curl.multi_wakeup(http->multi);
}

/* Runs the transfer to its end. NULL: it ended with an answer, else why not. */
static const char *transfer(struct otlp_http *http)
{
	int running = 1;
	CURLMsg *message;

	for (;;) {
		uint64_t now, deadline, wait_ms;

		if (curl.multi_perform(http->multi, &running) != CURLM_OK)
			return "libcurl failed";
		if (!running)
			break;
		now = clock_monotonic_ns();
		deadline = atomic_load(&http->deadline_ns);
		if (now >= deadline)
			return "cut short by the end of the daemon";
		wait_ms = (deadline - now) / 1000000 + 1;
		curl.multi_poll(http->multi, NULL, 0,
			wait_ms < WAIT_MS_MAX ? (int)wait_ms : WAIT_MS_MAX, NULL);
	}
	message = curl.multi_info_read(http->multi, &running);
	if (!message || message->data.result == CURLE_OK)
		return NULL;
	return http->error[0] ? http->error : curl.easy_strerror(message->data.result);
}

void otlp_http_post(
	struct otlp_http *http, const void *body, size_t size, struct otlp_answer *answer)
{
	long status = 0;
	curl_off_t retry_after_seconds = 0;

	http->body_size = 0;
	http->error[0] = '\0';
	curl.easy_setopt(http->easy, CURLOPT_POSTFIELDS, body);
	curl.easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
	curl.multi_add_handle(http->multi, http->easy);
	*answer = (struct otlp_answer){.error = transfer(http)};
	if (!answer->error) {
		curl.easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
		curl.easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &retry_after_seconds);
		answer->status = (int)status;
		answer->body = http->body;
		answer->body_size = http->body_size;
		if (retry_after_seconds > RETRY_AFTER_SECONDS_MAX)
			retry_after_seconds = RETRY_AFTER_SECONDS_MAX;
		if (retry_after_seconds > 0) /* a date in the past gives a negative number */
			answer->retry_after_ns = (uint64_t)retry_after_seconds * 1000000000;
	}
	curl.multi_remove_handle(http->multi, http->easy);
}
