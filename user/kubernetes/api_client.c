/* SPDX-License-Identifier: Apache-2.0 */
/* See api_client.h. The multi interface drives one request, so that its wait can be cut short. */
#include "kubernetes/api_client.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/curl_api.h"

#define TOKEN_LEN       (16 * 1024) /* some are 4 KB */
#define REFUSAL_LEN     1024
#define CONNECT_SECONDS 10L
#define KEEPALIVE       30L /* seconds: a server that has vanished is noticed after some of these */
#define POLL_MS         10000
#define RECEIVE_BYTES   (16 * 1024L)

struct api_client {
	CURLM *multi;
	CURL *easy;
	struct api_client_options options;
	atomic_bool stopping;

	/* of the request that is under way */
	const struct api_request *request;
	int result; /* of `take` */
	char curl_error[CURL_ERROR_SIZE];
	size_t refusal_length;
	char refusal[REFUSAL_LEN]; /* what came with another status than 200 */
};

/* --- what comes --- */

static void keep_refusal(struct api_client *client, const char *bytes, size_t length)
{
	size_t room = sizeof(client->refusal) - client->refusal_length;

	if (length > room)
		length = room;
	memcpy(client->refusal + client->refusal_length, bytes, length);
	client->refusal_length += length;
}

/* The head ends with an empty line. */
static size_t on_head(char *line, size_t one, size_t length, void *context)
{
	struct api_client *client = context;
	long status = 0;

	curl.easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && length <= 2 && *line != ' ' && client->request->begin)
		client->request->begin(client->request->context);
	return one * length;
}

static size_t on_bytes(char *bytes, size_t one, size_t length, void *context)
{
	struct api_client *client = context;
	long status = 0;

	curl.easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		keep_refusal(client, bytes, length);
		return one * length;
	}
	client->result = client->request->take(client->request->context, bytes, length);
	return client->result ? 0 : one * length;
}

/* --- what is asked --- */

/* The token ends at the first character that no token has, such as the line's end. */
static bool token_read(const char *path, char token[TOKEN_LEN])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t length = fd < 0 ? -1 : read(fd, token, TOKEN_LEN - 1);

	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return false;
	token[length] = '\0';
	for (char *at = token; *at; at++)
		if (!isgraph((unsigned char)*at))
			*at = '\0';
	return *token;
}

static int headers_make(
	const struct api_client *client, struct curl_slist **headers, char error[API_ERROR_LEN])
{
	static const char begin[] = "Authorization: Bearer ";
	char line[sizeof(begin) + TOKEN_LEN];
	const char *path = client->options.token_file;

	*headers = curl.slist_append(NULL, "Accept: application/json");
	if (!*headers)
		return -ENOMEM;
	if (!*path)
		return 0;
	strcpy(line, begin);
	if (!token_read(path, line + strlen(begin))) {
		snprintf(error, API_ERROR_LEN, "the token cannot be read from %.150s", path);
		return -EIO;
	}
	return curl.slist_append(*headers, line) ? 0 : -ENOMEM;
}

static int url_set(struct api_client *client, const char *path)
{
	char *url;

	if (asprintf(&url, "%s%s", client->options.url, path) < 0)
		return -ENOMEM;
	curl.easy_setopt(client->easy, CURLOPT_URL, url);
	free(url);
	return 0;
}

/* --- how it ends --- */

/* The server's own words, where it says them as it should. */
static void describe_refusal(const struct api_client *client, long status, char *error)
{
	json_t *said = json_loadb(client->refusal, client->refusal_length, 0, NULL);

	snprintf(error, API_ERROR_LEN, "status %ld: %.200s", status,
		json_string_value(json_object_get(said, "message")) ?: "no reason is given");
	json_decref(said);
}

static int transfer(struct api_client *client, char error[API_ERROR_LEN])
{
	int running = 1;
	CURLMsg *message;

	while (running) {
		if (atomic_load(&client->stopping))
			return -ECANCELED;
		if (curl.multi_perform(client->multi, &running) != CURLM_OK)
			return -EIO;
		if (running)
			curl.multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
	}
	message = curl.multi_info_read(client->multi, &running);
	if (client->result)
		return client->result;
	if (!message || message->data.result == CURLE_OK)
		return 0;
	snprintf(error, API_ERROR_LEN, "%s",
		client->curl_error[0] ? client->curl_error
				      : curl.easy_strerror(message->data.result));
	return -EIO;
}

int api_client_get(
	struct api_client *client, const struct api_request *request, char error[API_ERROR_LEN])
{
	struct curl_slist *headers = NULL;
	long status = 0;
	int result;

	snprintf(error, API_ERROR_LEN, "the transfer failed");
	client->request = request;
	client->result = 0;
	client->refusal_length = 0;
	client->curl_error[0] = '\0';
	result = headers_make(client, &headers, error) ?: url_set(client, request->path);
	if (!result) {
		curl.easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
		curl.easy_setopt(client->easy, CURLOPT_TIMEOUT, request->timeout_seconds);
		curl.multi_add_handle(client->multi, client->easy);
		result = transfer(client, error);
		curl.easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
		curl.multi_remove_handle(client->multi, client->easy);
		curl.easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
	}
	curl.slist_free_all(headers);
	if (result)
		return result;
	if (status != 200)
		describe_refusal(client, status, error);
	return (int)status;
}

void api_client_stop(struct api_client *client)
{
	atomic_store(&client->stopping, true);
	curl.multi_wakeup(client->multi);
}

/* --- life --- */

static void set_options(struct api_client *client)
{
	CURL *easy = client->easy;
	char agent[64];

	snprintf(agent, sizeof(agent), "sonde/%s", client->options.version);
	curl.easy_setopt(easy, CURLOPT_USERAGENT, agent);
	curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(easy, CURLOPT_PROXY, ""); /* it is the cluster's own */
	curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl.easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl.easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE);
	curl.easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE);
	curl.easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
	curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, client->curl_error);
	curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	curl.easy_setopt(easy, CURLOPT_HEADERDATA, client);
	curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl.easy_setopt(easy, CURLOPT_WRITEDATA, client);
	if (*client->options.ca_file)
		curl.easy_setopt(easy, CURLOPT_CAINFO, client->options.ca_file);
	curl.multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 1L);
}

static int options_copy(struct api_client *client, const struct api_client_options *options)
{
	client->options = (struct api_client_options){
		.url = strdup(options->url),
		.token_file = strdup(options->token_file),
		.ca_file = strdup(options->ca_file),
		.version = options->version,
	};
	return client->options.url && client->options.token_file && client->options.ca_file
		       ? 0
		       : -ENOMEM;
}

int api_client_open(struct api_client **out, const struct api_client_options *options,
	char error[API_ERROR_LEN])
{
	struct api_client *client;
	int result = curl_api_load(error, API_ERROR_LEN);

	if (result)
		return result;
	snprintf(error, API_ERROR_LEN, "no memory to ask the API server");
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	curl.global_init(CURL_GLOBAL_DEFAULT);
	client->multi = curl.multi_init();
	client->easy = curl.easy_init();
	if (!client->multi || !client->easy || options_copy(client, options)) {
		api_client_close(client);
		return -ENOMEM;
	}
	set_options(client);
	*out = client;
	return 0;
}

void api_client_close(struct api_client *client)
{
	curl.easy_cleanup(client->easy);
	curl.multi_cleanup(client->multi);
	free((char *)client->options.url);
	free((char *)client->options.token_file);
	free((char *)client->options.ca_file);
	free(client);
	curl.global_cleanup();
}
