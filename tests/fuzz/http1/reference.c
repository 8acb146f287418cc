/* SPDX-License-Identifier: Apache-2.0 */
/* The strict HTTP/1 framer. It shares nothing with the one that it judges. */
#include "http1/reference.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct text {
	const char *at;
	size_t length;
};

/* What the headers say of the body. */
struct framing {
	bool has_length;
	bool has_coding;
	bool chunked;
	bool expects;
	size_t length;
	struct text traceparent;
	struct text host;
};

static bool is_token(struct text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!isalnum((unsigned char)text.at[i]) &&
			(!text.at[i] || !strchr("!#$%&'*+-.^_`|~", text.at[i])))
			return false;
	return text.length > 0;
}

/* Anything but control characters; obs-text is allowed. */
static bool is_printable(struct text text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.at[i] < ' ' ? text.at[i] != '\t' : text.at[i] == 0x7f)
			return false;
	return true;
}

static struct text trim(struct text text)
{
	while (text.length && strchr(" \t", *text.at) && *text.at)
		text.at++, text.length--;
	while (text.length && text.at[text.length - 1] && strchr(" \t", text.at[text.length - 1]))
		text.length--;
	return text;
}

static bool equals(struct text text, const char *wanted)
{
	return text.length == strlen(wanted) && strncasecmp(text.at, wanted, text.length) == 0;
}

/* The line at `at`. Returns where the next one begins, or 0 when this one has no end. */
static size_t line_take(const char *stream, size_t length, size_t at, struct text *line)
{
	const char *end = memchr(stream + at, '\n', length - at);

	if (!end)
		return 0;
	*line = (struct text){stream + at, (size_t)(end - stream) - at};
	if (line->length && end[-1] == '\r')
		line->length--;
	return (size_t)(end - stream) + 1;
}

/* 1 to 15 digits, and where they end. */
static bool number_take(struct text *text, int base, size_t *value)
{
	size_t digits = 0;

	for (*value = 0; text->length && digits < 16; text->at++, text->length--, digits++) {
		unsigned char c = (unsigned char)*text->at;

		if (base == 16 ? !isxdigit(c) : !isdigit(c))
			break;
		*value = *value * (size_t)base +
			 (size_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	return digits > 0 && digits < 16;
}

static bool coding_take(struct text value, struct framing *framing)
{
	const char *comma = memrchr(value.at, ',', value.length);
	struct text last = value;

	if (framing->has_coding)
		return false;
	if (comma)
		last = trim(
			(struct text){comma + 1, value.length - (size_t)(comma + 1 - value.at)});
	framing->has_coding = true;
	framing->chunked = equals(last, "chunked");
	return is_token(last);
}

static bool header_take(struct text line, struct framing *framing)
{
	const char *colon = memchr(line.at, ':', line.length);
	struct text name, value;

	if (!colon)
		return false;
	name = (struct text){line.at, (size_t)(colon - line.at)};
	value = trim((struct text){colon + 1, line.length - name.length - 1});
	if (!is_token(name) || !is_printable(value))
		return false;
	if (equals(name, "transfer-encoding"))
		return coding_take(value, framing);
	if (equals(name, "content-length")) {
		size_t known = framing->length;

		if (!number_take(&value, 10, &framing->length) || value.length ||
			(framing->has_length && framing->length != known))
			return false;
		framing->has_length = true;
		return true;
	}
	if (equals(name, "host")) {
		if (framing->host.at)
			return false;
		framing->host = value;
	}
	if (equals(name, "expect"))
		framing->expects = equals(value, "100-continue");
	if (equals(name, "traceparent")) {
		if (framing->traceparent.at)
			return false;
		framing->traceparent = value;
	}
	return true;
}

/* Header or trailer lines and the empty one. False: wrong; *at is 0 when the end has not come. */
static bool headers_take(const char *stream, size_t length, size_t *at, struct framing *framing)
{
	struct text line;

	*framing = (struct framing){0};
	while ((*at = line_take(stream, length, *at, &line)) && line.length)
		if (!header_take(line, framing))
			return false;
	return !framing->has_length || !framing->has_coding;
}

/* The same for a chunked body. */
static bool chunks_take(const char *stream, size_t length, size_t *at)
{
	struct framing trailers;
	struct text line;
	size_t size;

	do {
		*at = line_take(stream, length, *at, &line);
		if (!*at)
			return true;
		if (!number_take(&line, 16, &size) || !is_printable(line))
			return false;
		if (line.length && *trim(line).at != ';')
			return false;
		if (size) {
			if (length - *at < size + 2) {
				*at = 0;
				return true;
			}
			*at += size;
			if (stream[*at] != '\r' || stream[*at + 1] != '\n')
				return false;
			*at += 2;
		}
	} while (size);
	return headers_take(stream, length, at, &trailers) && !trailers.has_length &&
	       !trailers.has_coding;
}

static bool body_take(
	const char *stream, size_t length, const struct framing *framing, struct message *message)
{
	size_t at = message->head_end;

	if (framing->chunked) {
		if (!chunks_take(stream, length, &at))
			return false;
	} else {
		at = framing->length <= length - at ? at + framing->length : 0;
	}
	message->complete = at > 0;
	message->end = at ? at : length;
	return true;
}

/* The headers of a message whose first line ends at `at`. */
static bool head_take(const char *stream, size_t length, size_t at, struct framing *framing,
	struct message *message)
{
	if (!headers_take(stream, length, &at, framing))
		return false;
	message->head_end = at;
	if (framing->traceparent.at) {
		message->traceparent = (size_t)(framing->traceparent.at - stream);
		message->traceparent_length = framing->traceparent.length;
	}
	if (framing->host.length) {
		message->host = (size_t)(framing->host.at - stream);
		message->host_length = framing->host.length;
	}
	return true;
}

size_t reference_request_line(const char *text, size_t length)
{
	const char *first, *last, *end;
	struct text line;
	size_t after = line_take(text, length, 0, &line);

	if (!after)
		return 0;
	end = line.at + line.length;
	first = memchr(line.at, ' ', line.length);
	last = memrchr(line.at, ' ', line.length);
	if (!first || last <= first + 1 || end - last != 9 || memcmp(last, " HTTP/1.", 8) != 0 ||
		!isdigit((unsigned char)last[8]))
		return 0;
	if (memchr(first + 1, ' ', (size_t)(last - first - 1)) || !is_printable(line) ||
		memchr(line.at, '\t', line.length))
		return 0;
	return is_token((struct text){line.at, (size_t)(first - line.at)}) ? after : 0;
}

bool reference_knows_method(const char *line)
{
	static const char *const known[] = {"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ",
		"PATCH ", "CONNECT ", "TRACE ", "QUERY "};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(line, known[i], strlen(known[i])) == 0)
			return true;
	return false;
}

static bool can_begin_request(const char *text, size_t length)
{
	const char *space = memchr(text, ' ', length);
	size_t method = space ? (size_t)(space - text) : length;

	return method < METHOD_LIMIT && is_token((struct text){text, method});
}

/* Follows a body that was to be waited for. False: nobody can say what became of it. */
static bool fate_follow(struct message *message, enum body_fate fate)
{
	if (fate == BODY_DECLINED) {
		message->complete = false;
		message->end = message->head_end;
	}
	return fate != BODY_AMBIGUOUS;
}

#define ADDRESS_LIMIT 40 /* of the longest text of an address, and its end */

static bool address_take(const char *text, bool ipv6, struct preamble *out)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	out->has_address = true;
	if (ipv6) /* the deprecated ones that end as an IPv4 address does are nobody's */
		return inet_pton(AF_INET6, text, out->address) == 1 &&
		       (!strchr(text, '.') || strncasecmp(text, "::ffff:", 7) == 0);
	memcpy(out->address, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, out->address + sizeof(mapped)) == 1;
}

static bool preamble_line(const char *stream, size_t length, struct preamble *out)
{
	char text[128] = "", family, from[64], to[64], port[6], to_port[6], behind;
	struct text line;

	out->length = line_take(stream, length, 0, &line);
	if (!out->length || line.length > 105 || memchr(line.at, '\0', line.length))
		return false;
	memcpy(text, line.at, line.length);
	if (strcmp(text, "PROXY UNKNOWN") == 0 || strncmp(text, "PROXY UNKNOWN ", 14) == 0)
		return true;
	/* sscanf() takes any white space for one; in the line there is a single space between words
	 */
	if (strstr(text, "  ") || strpbrk(text, "\t\n\v\f\r") ||
		sscanf(text, "PROXY TCP%c %63s %63s %5[0-9] %5[0-9]%c", &family, from, to, port,
			to_port, &behind) != 5)
		return false;
	out->port = (unsigned)strtoul(port, NULL, 10);
	return strlen(to) < ADDRESS_LIMIT && out->port <= 65535 &&
	       (family == '4' || family == '6') && address_take(from, family == '6', out);
}

bool reference_preamble(const char *stream, size_t length, struct preamble *out)
{
	static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
	const unsigned char *head = (const unsigned char *)stream;
	char text[INET6_ADDRSTRLEN];

	*out = (struct preamble){0};
	if (length >= 6 && memcmp(stream, "PROXY ", 6) == 0)
		return preamble_line(stream, length, out);
	if (!length || stream[0] != '\r')
		return true;
	if (memcmp(stream, signature, length < 12 ? length : 12) != 0)
		return true;
	if (length < 16)
		return false;
	out->length = 16 + (size_t)(head[14] << 8 | head[15]);
	if (out->length > length || (head[12] != 0x20 && head[12] != 0x21))
		return false;
	if (head[12] == 0x21 && head[13] == 0x11 && out->length >= 28) {
		out->port = (unsigned)(head[24] << 8 | head[25]);
		return inet_ntop(AF_INET, head + 16, text, sizeof(text)) &&
		       address_take(text, false, out);
	}
	if (head[12] == 0x21 && head[13] == 0x21 && out->length >= 52) {
		out->port = (unsigned)(head[48] << 8 | head[49]);
		out->has_address = true;
		memcpy(out->address, head + 16, 16);
	}
	return true;
}

int reference_requests(const char *stream, size_t length, struct message *found, int most,
	body_fate_ask ask, const void *context)
{
	struct preamble preamble;
	struct framing framing;
	struct text line;
	int count = 0;
	size_t at;

	if (!reference_preamble(stream, length, &preamble))
		return -1;
	at = preamble.length;
	while (at < length) {
		struct message *message = &found[count];
		size_t next = line_take(stream, length, at, &line);

		if (next && !line.length && count) { /* RFC 9112, 2.2 */
			at = next;
			continue;
		}
		if (count == most)
			return -1;
		*message = (struct message){.begin = at, .line = at, .end = length};
		count++;
		if (!next)
			return can_begin_request(stream + at, length - at) ? count : -1;
		if (!reference_request_line(stream + at, length - at))
			return -1;
		message->line_end = at + line.length;
		message->headers = next;
		if (!head_take(stream, length, next, &framing, message))
			return -1;
		if (!message->head_end)
			return count;
		if ((framing.has_coding && !framing.chunked) ||
			!body_take(stream, length, &framing, message))
			return -1;
		message->expects = framing.expects && (framing.chunked || framing.length);
		if (message->expects && !fate_follow(message, ask(context, found, count)))
			return -1;
		at = message->end;
	}
	return count;
}

static bool status_line(struct text line, int *status)
{
	if (line.length < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 ||
		!isdigit((unsigned char)line.at[7]) || line.at[8] != ' ' || !is_printable(line))
		return false;
	*status = 0;
	for (int i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line.at[i]))
			return false;
		*status = *status * 10 + line.at[i] - '0';
	}
	return *status >= 100 && (line.length == 12 || line.at[12] == ' ');
}

/* An incomplete one; it may be too short to tell. */
static bool can_begin_response(const char *text, size_t length)
{
	int status;

	if (memcmp(text, "HTTP/1.", length < 7 ? length : 7) != 0)
		return false;
	return length < 12 || status_line((struct text){text, length < 13 ? length : 13}, &status);
}

/* One response, after the interim ones before it. Returns its end, or -1. */
static long response_take(
	const char *stream, size_t length, size_t at, struct text method, struct message *message)
{
	/* unlike names of headers, methods know case */
	bool connect = method.length == 7 && memcmp(method.at, "CONNECT", 7) == 0;
	bool head = method.length == 4 && memcmp(method.at, "HEAD", 4) == 0;
	struct framing framing;
	struct text line;
	size_t next;

	*message = (struct message){.begin = at, .end = length};
	do {
		message->continued |= message->status == 100;
		message->line = at;
		message->line_end = message->head_end = 0;
		message->status = 0;
		next = line_take(stream, length, at, &line);
		if (!next)
			return can_begin_response(stream + at, length - at) ? (long)length : -1;
		if (!status_line(line, &message->status))
			return -1;
		message->line_end = at + line.length;
		message->headers = next;
		if (!head_take(stream, length, next, &framing, message))
			return -1;
		if (!message->head_end)
			return (long)length;
		at = message->head_end;
	} while (message->status / 100 == 1 && message->status != 101);
	message->upgrade = message->status == 101 || (connect && message->status / 100 == 2);
	if (message->upgrade || head || message->status == 204 || message->status == 304) {
		message->complete = true;
		message->end = at;
	} else if (framing.has_coding ? !framing.chunked : !framing.has_length) {
		message->complete = message->until_close = true;
	} else if (!body_take(stream, length, &framing, message)) {
		return -1;
	}
	return (long)message->end;
}

int reference_responses(const char *stream, size_t length, const char *request_stream,
	const struct message *requests, int request_count, bool all, struct message *found)
{
	long at = 0;
	int count;

	for (count = 0; (size_t)at < length; count++) {
		const char *method = request_stream + requests[count].line;

		if (count == request_count && !all)
			return count;
		if (count == request_count || !requests[count].line_end)
			return -1;
		at = response_take(stream, length, (size_t)at,
			(struct text){method, strcspn(method, " ")}, &found[count]);
		if (at < 0)
			return -1;
		if (found[count].upgrade)
			return count + 1;
	}
	return count;
}
