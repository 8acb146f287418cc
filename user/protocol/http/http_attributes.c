/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP's attributes, by the HTTP semantic conventions v1.44: the conventions' required and
 * recommended ones as far as a socket tells them; of the opt-in ones, body sizes, `client.port`,
 * `network.local.…` (both ends of a connection can so be matched), `network.transport` of Unix
 * sockets and, on a client span with a route, `url.template`. Our own are the times
 * `sonde.http.…` and `sonde.truncated`. Values of query parameters that carry signatures are
 * replaced by REDACTED.
 */
#include "protocol/http/http_attributes.h"

#include <string.h>

#include "protocol/http/http_exchange.h"

static void http_put_name(struct text *text, const struct exchange *exchange)
{
	text_put(text, strcmp(exchange->operation, "_OTHER") == 0 ? "HTTP" : exchange->operation);
	if (exchange->target) {
		text_put(text, " ");
		text_put(text, exchange->target);
	}
}

/* Signatures and credentials of pre-signed URLs, as the conventions list them. */
static bool query_key_is_secret(const char *key, size_t length)
{
	static const char *const secrets[] = {"X-Amz-Signature", "X-Amz-Credential",
		"X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (strlen(secrets[i]) == length && memcmp(secrets[i], key, length) == 0)
			return true;
	return false;
}

static void put_query(struct text *text, const char *query)
{
	for (const char *at = query;; at++) {
		size_t length = strcspn(at, "&");
		size_t key = strcspn(at, "=&");

		if (key < length && query_key_is_secret(at, key)) {
			text_put_bytes(text, at, key);
			text_put(text, "=REDACTED");
		} else {
			text_put_bytes(text, at, length);
		}
		at += length;
		if (!*at)
			return;
		text_put(text, "&");
	}
}

/* A socket pair has no address that a URL could begin with. */
static bool has_url(const struct exchange *exchange)
{
	const char *address = exchange->server.address;

	return address && *address;
}

/*
 * With the host that the client asked, or else the peer's address; the path of a Unix socket in
 * escapes, as a host may be written.
 */
static bool compose_url(struct text *text, const struct exchange *exchange)
{
	const char *address = exchange->server.address;
	const char *path = exchange->texts[HTTP_TEXT_PATH];

	if (!has_url(exchange))
		return false;
	text_put(text, "http://");
	if (exchange->texts[HTTP_TEXT_SOCKET_PATH]) {
		text_put_escaped(text, address);
	} else {
		bool is_ipv6 = strchr(address, ':') != NULL;

		text_put(text, is_ipv6 ? "[" : "");
		text_put(text, address);
		text_put(text, is_ipv6 ? "]:" : ":");
		text_put_number(text, exchange->server.port);
	}
	if (path[0] == '/') /* neither `*` nor an authority is a path */
		text_put(text, path);
	if (exchange->texts[HTTP_TEXT_QUERY]) {
		text_put(text, "?");
		put_query(text, exchange->texts[HTTP_TEXT_QUERY]);
	}
	return true;
}

static bool compose_query(struct text *text, const struct exchange *exchange)
{
	if (!exchange->texts[HTTP_TEXT_QUERY])
		return false;
	put_query(text, exchange->texts[HTTP_TEXT_QUERY]);
	return true;
}

/* A client span has these two where it has no URL. */
static bool compose_client_path(struct text *text, const struct exchange *exchange)
{
	if (has_url(exchange))
		return false;
	text_put(text, exchange->texts[HTTP_TEXT_PATH]);
	return true;
}

static bool compose_client_query(struct text *text, const struct exchange *exchange)
{
	return !has_url(exchange) && compose_query(text, exchange);
}

#define BOTH   EXCHANGE_BY_BOTH
#define SERVER EXCHANGE_BY_SERVER
#define CLIENT EXCHANGE_BY_CLIENT

/* Of a Unix socket's ends only the server's has a name. */
static const struct exchange_attribute attributes[] = {
	EXCHANGE_TEXT("http.request.method", BOTH, operation),
	EXCHANGE_TEXT("http.request.method_original", BOTH, texts[HTTP_TEXT_METHOD_ORIGINAL]),
	EXCHANGE_SAME("url.scheme", BOTH, "http"),
	EXCHANGE_TEXT_OR_EMPTY("url.path", SERVER, texts[HTTP_TEXT_PATH]),
	EXCHANGE_COMPOSED("url.query", SERVER, compose_query),
	EXCHANGE_TEXT("http.route", SERVER, target),
	EXCHANGE_END("server", SERVER, local),
	EXCHANGE_TEXT("client.address", SERVER, texts[HTTP_TEXT_CLIENT]),
	EXCHANGE_NUMBER("client.port", SERVER, numbers[HTTP_NUMBER_CLIENT_PORT]),
	EXCHANGE_TEXT("server.address", SERVER, texts[HTTP_TEXT_SOCKET_PATH]),
	EXCHANGE_COMPOSED("url.full", CLIENT, compose_url),
	EXCHANGE_COMPOSED("url.path", CLIENT, compose_client_path),
	EXCHANGE_COMPOSED("url.query", CLIENT, compose_client_query),
	EXCHANGE_TEXT("url.template", CLIENT, target),
	EXCHANGE_END("server", CLIENT, server),
	EXCHANGE_BOOLEAN("sonde.truncated", BOTH, numbers[HTTP_NUMBER_TRUNCATED]),
	EXCHANGE_TEXT("sonde.http.end", BOTH, texts[HTTP_TEXT_END]),
	EXCHANGE_NUMBER("http.response.status_code", BOTH, numbers[HTTP_NUMBER_STATUS]),
	EXCHANGE_TEXT("error.type", BOTH, error),
	EXCHANGE_COUNT("http.request.body.size", BOTH, numbers[HTTP_NUMBER_REQUEST_BODY]),
	EXCHANGE_COUNT("http.response.body.size", BOTH, numbers[HTTP_NUMBER_RESPONSE_BODY]),
	EXCHANGE_SECONDS("sonde.http.time_to_first_byte", BOTH, time_to_first_byte_ns),
	EXCHANGE_SECONDS("sonde.http.queue_duration", BOTH, numbers[HTTP_NUMBER_QUEUE_NS]),
	EXCHANGE_SECONDS("sonde.http.accept_duration", SERVER, numbers[HTTP_NUMBER_SETUP_NS]),
	EXCHANGE_SECONDS("sonde.http.connect_duration", CLIENT, numbers[HTTP_NUMBER_SETUP_NS]),
	EXCHANGE_TEXT("network.transport", BOTH, texts[HTTP_TEXT_TRANSPORT]),
	EXCHANGE_TEXT("network.local.address", SERVER, texts[HTTP_TEXT_SOCKET_PATH]),
	EXCHANGE_TEXT("network.peer.address", CLIENT, texts[HTTP_TEXT_SOCKET_PATH]),
	EXCHANGE_END("network.peer", BOTH, peer),
	EXCHANGE_END("network.local", BOTH, local),
	EXCHANGE_TEXT("service.peer.name", BOTH, peer_name),
	EXCHANGE_TEXT("service.peer.namespace", BOTH, peer_namespace),
	EXCHANGE_SAME("network.protocol.name", BOTH, "http"),
	EXCHANGE_TEXT("network.protocol.version", BOTH, texts[HTTP_TEXT_VERSION]),
	EXCHANGE_NUMBER("thread.id", BOTH, tid),
};

const struct exchange_protocol http_protocol = {
	.put_name = http_put_name,
	.describe = http_describe,
	.attributes = attributes,
	.attribute_count = sizeof(attributes) / sizeof(attributes[0]),
};
