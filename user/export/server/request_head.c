/* SPDX-License-Identifier: Apache-2.0 */
/* See request_head.h. */
#include "export/server/request_head.h"

#include <string.h>
#include <strings.h>

struct reading {
	struct request_head *head;
	struct request_text content_length;
	struct request_text transfer_encoding;
};

static bool refuse(struct request_head *head, unsigned status, const char *problem)
{
	head->status = status;
	head->problem = problem;
	return true;
}

bool request_text_is(const struct request_text *text, const char *word)
{
	return text->bytes && text->length == strlen(word) &&
	       strncasecmp(text->bytes, word, text->length) == 0;
}

/* --- characters --- */

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_of_value(char c)
{
	return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static size_t token_length(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && is_token(*at))
		at++;
	return (size_t)(at - from);
}

/* --- the first line --- */

static bool read_version(struct request_head *head, const char *at, const char *end)
{
	if (end - at != 8 || memcmp(at, "HTTP/", 5) != 0 || at[6] != '.')
		return refuse(head, 400, "the request line is not METHOD TARGET HTTP/1.1\n");
	if (at[5] != '1' || (at[7] != '0' && at[7] != '1'))
		return refuse(head, 505, "HTTP/1.1 and HTTP/1.0 are spoken here\n");
	head->is_http_1_0 = at[7] == '0';
	return false;
}

/* Each returns whether the request is refused. */
static bool read_first_line(struct request_head *head, const char *at, const char *end)
{
	size_t method = token_length(at, end);

	at += method;
	if (!method || at == end || *at != ' ')
		return refuse(head, 400, "the request line is not METHOD TARGET HTTP/1.1\n");
	head->target.bytes = ++at;
	while (at<end && * at> ' ' && *at < 0x7f)
		at++;
	head->target.length = (size_t)(at - head->target.bytes);
	if (at == end || *at != ' ')
		return refuse(head, 400, "the request line is not METHOD TARGET HTTP/1.1\n");
	if (!head->target.length || *head->target.bytes != '/')
		return refuse(head, 400, "the target does not begin with /\n");
	return read_version(head, at + 1, end);
}

/* --- fields --- */

/* Whatever a proxy tells of the client behind it, in the words of those in use. */
static bool is_of_proxy(const struct request_text *name)
{
	static const char *const names[] = {"Forwarded", "Via", "X-Real-IP", "X-Client-IP",
		"X-Cluster-Client-IP", "X-Envoy-External-Address", "X-Envoy-Original-Path",
		"X-Original-Forwarded-For", "X-Original-Host", "X-Original-URL", "X-Remote-Addr",
		"X-Remote-IP", "X-Originating-IP", "X-ProxyUser-Ip", "X-Scheme", "X-Rewrite-URL",
		"Client-IP", "Proxy-Client-IP", "True-Client-IP", "CF-Connecting-IP",
		"CF-Connecting-IPv6", "Fastly-Client-IP", "Fly-Client-IP", "X-Azure-ClientIP",
		"X-AppEngine-User-IP", "Max-Forwards", "CDN-Loop"};

	if (name->length >= 11 && strncasecmp(name->bytes, "X-Forwarded", 11) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (request_text_is(name, names[i]))
			return true;
	}
	return false;
}

/* Where to keep the value of a field that may be there once; NULL: of another field. */
static struct request_text *single(struct reading *reading, const struct request_text *name)
{
	struct request_head *head = reading->head;
	const struct {
		const char *name;
		struct request_text *value;
	} fields[] = {
		{"Host", &head->host},
		{"Content-Length", &reading->content_length},
		{"Transfer-Encoding", &reading->transfer_encoding},
		{"Origin", &head->origin},
		{"Sec-Fetch-Site", &head->fetch_site},
		{"Sec-Fetch-Mode", &head->fetch_mode},
		{"Sec-Fetch-Dest", &head->fetch_dest},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (request_text_is(name, fields[i].name))
			return fields[i].value;
	}
	return NULL;
}

/* Blanks before the colon, lines that go on and fields without a name end here. */
static bool read_field(struct reading *reading, const char *at, const char *end)
{
	struct request_text name = {at, token_length(at, end)}, value;
	struct request_text *kept;

	at += name.length;
	if (!name.length || at == end || *at != ':')
		return refuse(reading->head, 400, "a header is not NAME: VALUE\n");
	at++;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	value = (struct request_text){at, (size_t)(end - at)};

	reading->head->is_forwarded |= is_of_proxy(&name);
	kept = single(reading, &name);
	if (kept && kept->bytes)
		return refuse(
			reading->head, 400, "a header that may be there once is there twice\n");
	if (kept)
		*kept = value;
	return false;
}

static bool is_number(const struct request_text *text)
{
	for (size_t i = 0; i < text->length; i++) {
		if (text->bytes[i] < '0' || text->bytes[i] > '9')
			return false;
	}
	return text->length > 0;
}

static bool check_body(struct reading *reading)
{
	const struct request_text *text = &reading->content_length;
	size_t bytes = 0;

	if (reading->transfer_encoding.bytes && (text->bytes || reading->head->is_http_1_0))
		return refuse(reading->head, 400,
			"Transfer-Encoding comes with Content-Length, or in HTTP/1.0\n");
	if (reading->transfer_encoding.bytes)
		return refuse(reading->head, 411, "a body needs a Content-Length\n");
	if (!text->bytes)
		return false;
	if (!is_number(text))
		return refuse(reading->head, 400, "Content-Length is no number\n");
	for (size_t i = 0; i < text->length && bytes <= REQUEST_BODY_MAX; i++)
		bytes = bytes * 10 + (size_t)(text->bytes[i] - '0');
	reading->head->has_body = bytes > 0;
	return bytes > REQUEST_BODY_MAX && refuse(reading->head, 413, "the body is too long\n");
}

static bool check_all(struct reading *reading)
{
	if (!reading->head->host.bytes && !reading->head->is_http_1_0)
		return refuse(reading->head, 400, "the header Host is missing\n");
	check_body(reading);
	return true;
}

/* --- lines --- */

/*
 * The length of the line at `at` without its CR LF; or -1: it is not whole yet; -2: it has a byte
 * that no head has, a CR or LF by itself among them.
 */
static ptrdiff_t line_length(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && is_of_value(*at))
		at++;
	if (at == end || (*at == '\r' && at + 1 == end))
		return -1;
	return *at == '\r' && at[1] == '\n' ? at - from : -2;
}

bool request_head_read(struct request_head *head, const char *bytes, size_t length)
{
	struct reading reading = {.head = head};
	const char *at = bytes, *end = bytes + length;
	ptrdiff_t line;

	*head = (struct request_head){0};
	if (length > REQUEST_HEAD_MAX)
		end = bytes + REQUEST_HEAD_MAX;
	for (int lines = 0;; lines++, at += line + 2) {
		line = line_length(at, end);
		if (line == -2)
			return refuse(head, 400, "the head has bytes that none has\n");
		if (line == -1)
			return length >= REQUEST_HEAD_MAX &&
			       refuse(head, 431, "the head is longer than 8 KiB\n");
		if (lines > REQUEST_FIELDS_MAX && line > 0)
			return refuse(head, 431, "the head has more than 100 headers\n");
		if (lines == 0 ? read_first_line(head, at, at + line)
			       : line > 0 && read_field(&reading, at, at + line))
			return true;
		if (lines > 0 && line == 0)
			return check_all(&reading);
	}
}
