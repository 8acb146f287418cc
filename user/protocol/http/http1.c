/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 request lines by RFC 9112 §3, with the four forms of a target, and traceparent headers. */
#include "protocol/http/http1.h"

#include <errno.h>
#include <string.h>

/* RFC 9110, PATCH and QUERY: what the semantic conventions call known. Case matters. */
static const char *const method_names[HTTP_METHODS] = {
	[HTTP_METHOD_OTHER] = "_OTHER",
	[HTTP_METHOD_GET] = "GET",
	[HTTP_METHOD_POST] = "POST",
	[HTTP_METHOD_HEAD] = "HEAD",
	[HTTP_METHOD_PUT] = "PUT",
	[HTTP_METHOD_DELETE] = "DELETE",
	[HTTP_METHOD_OPTIONS] = "OPTIONS",
	[HTTP_METHOD_PATCH] = "PATCH",
	[HTTP_METHOD_CONNECT] = "CONNECT",
	[HTTP_METHOD_TRACE] = "TRACE",
	[HTTP_METHOD_QUERY] = "QUERY",
};

const char *http1_method_name(enum http_method method)
{
	return method_names[method];
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What a method may consist of (RFC 9110's tchar). */
static bool is_token_char(char c)
{
	return is_alphanumeric(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static enum http_method method_find(struct http1_part method)
{
	for (int i = HTTP_METHOD_OTHER + 1; i < HTTP_METHODS; i++)
		if (strlen(method_names[i]) == method.length &&
			memcmp(method_names[i], method.text, method.length) == 0)
			return (enum http_method)i;
	return HTTP_METHOD_OTHER;
}

static struct http1_part part(const char *begin, const char *end)
{
	return (struct http1_part){begin, (size_t)(end - begin)};
}

/* The first `wanted` in the text, or its end. */
static const char *find(const char *begin, const char *end, char wanted)
{
	const char *found = memchr(begin, wanted, (size_t)(end - begin));

	return found ? found : end;
}

/* After `scheme://`, or NULL when the target does not begin so. */
static const char *skip_scheme(const char *begin, const char *end)
{
	const char *colon = find(begin, end, ':');

	if (colon == begin || end - colon < 3 || memcmp(colon, "://", 3) != 0)
		return NULL;
	for (const char *c = begin; c < colon; c++)
		if (!is_alphanumeric(*c) && *c != '+' && *c != '-' && *c != '.')
			return NULL;
	return colon + 3;
}

/* `user:password@` is a secret and no part of where the request went. */
static struct http1_part without_user(const char *begin, const char *end)
{
	const char *at = memrchr(begin, '@', (size_t)(end - begin));

	return part(at ? at + 1 : begin, end);
}

static void split_target(struct http1_line *out, const char *begin, const char *end)
{
	const char *after_scheme, *query;

	out->path = part(begin, begin);
	if (end - begin == 1 && *begin == '*')
		return;
	if (out->method == HTTP_METHOD_CONNECT && *begin != '/') {
		out->authority = without_user(begin, end);
		return;
	}
	/* A fragment must not be sent; one that is belongs neither to the path nor to the query. */
	end = find(begin, end, '#');
	query = find(begin, end, '?');
	if (query < end)
		out->query = part(query + 1, end);
	after_scheme = *begin == '/' ? NULL : skip_scheme(begin, query);
	if (!after_scheme) {
		out->path = part(begin, query);
		return;
	}
	out->path = part(find(after_scheme, query, '/'), query);
	out->authority = without_user(after_scheme, out->path.text);
	if (!out->path.length)
		out->path = (struct http1_part){"/", 1};
}

/* Cuts ` HTTP/1.x` off the end; false when it does not stand there. */
static bool cut_version(const char *begin, const char **end, const char **version)
{
	const char *space = memrchr(begin, ' ', (size_t)(*end - begin));

	if (!space || *end - space != 9 || memcmp(space + 1, "HTTP/1.", 7) != 0 || space[8] < '0' ||
		space[8] > '9')
		return false;
	*version = space[8] == '0' ? "1.0" : "1.1";
	*end = space;
	return true;
}

int http1_parse_line(const char *line, size_t length, bool truncated, struct http1_line *out)
{
	const char *at = line, *end = line + length;

	*out = (struct http1_line){.version = "1.1"};
	if (length && end[-1] == '\r')
		end--;
	for (const char *c = line; c < end; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return -EINVAL;

	while (at < end && is_token_char(*at))
		at++;
	if (at == line || at == end || *at != ' ')
		return -EINVAL;
	out->method_original = part(line, at);
	out->method = method_find(out->method_original);
	while (at < end && *at == ' ')
		at++;

	if (!cut_version(at - 1, &end, &out->version)) {
		if (!truncated)
			return -EINVAL;
		/* The version itself may have been cut: "/a HTT". */
		out->target_truncated = find(at, end, ' ') == end;
		end = find(at, end, ' ');
	}
	while (end > at && end[-1] == ' ')
		end--;
	if (at >= end)
		return -EINVAL;
	split_target(out, at, end);
	return 0;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool is_host_char(char c)
{
	return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
}

/* `:8080` or nothing. */
static bool parse_port(const char *at, const char *end, uint16_t *port)
{
	unsigned value = 0;

	*port = 0;
	if (at == end)
		return true;
	if (*at++ != ':')
		return false;
	if (at == end) /* RFC 3986, 3.2.3: an empty one is that of the scheme */
		return true;
	for (; at < end && value <= UINT16_MAX; at++) {
		if (*at < '0' || *at > '9')
			return false;
		value = value * 10 + (unsigned)(*at - '0');
	}
	*port = (uint16_t)value;
	return value > 0 && value <= UINT16_MAX;
}

bool http1_parse_host(const char *text, size_t length, struct http1_host *out)
{
	const char *at = text, *end = text + length;

	*out = (struct http1_host){0};
	if (length && *text == '[') {
		at = find(text, end, ']');
		out->name = part(text + 1, at);
		out->is_address = true;
		for (const char *c = text + 1; c < at; c++)
			if (hex_digit((char)(*c | 0x20)) < 0 && *c != ':' && *c != '.')
				return false;
		return at < end && out->name.length && parse_port(at + 1, end, &out->port);
	}
	while (at < end && is_host_char(*at))
		at++;
	out->name = part(text, at);
	if (out->name.length && at[-1] == '.') /* the root of all names */
		out->name.length--;
	/* an empty label, such as in "a..b" */
	return out->name.length && *text != '.' && !memmem(text, out->name.length, "..", 2) &&
	       text[out->name.length - 1] != '.' && parse_port(at, end, &out->port);
}

/* Reads `size` bytes written as digits; returns what follows them, or NULL. Stops at a NUL. */
static const char *parse_hex(const char *text, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; text && i < size; i++, text += 2) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return NULL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return text;
}

static const char *parse_dash(const char *text)
{
	return text && *text == '-' ? text + 1 : NULL;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

bool http1_parse_traceparent(
	const char *text, uint8_t trace_id[16], uint8_t parent_id[8], uint32_t *flags)
{
	uint8_t version, flag_bits;

	text = parse_dash(parse_hex(text, &version, 1));
	text = parse_dash(parse_hex(text, trace_id, 16));
	text = parse_dash(parse_hex(text, parent_id, 8));
	text = parse_hex(text, &flag_bits, 1);
	if (!text || version == 0xff || all_zero(trace_id, 16) || all_zero(parent_id, 8))
		return false;
	if (*text != '\0' && (version == 0 || *text != '-'))
		return false;
	*flags = version == 0 ? flag_bits : flag_bits & 1;
	return true;
}
