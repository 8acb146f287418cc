/* SPDX-License-Identifier: Apache-2.0 */
/* See request_guard.h. */
#include "export/server/request_guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/address.h"

#define ORIGIN_SCHEME "http://" /* the only one that is spoken here */

static bool refuse(struct request_head *head, const char *problem, enum denial *to, enum denial why)
{
	head->status = 403;
	head->problem = problem;
	*to = why;
	return false;
}

/* --- Host --- */

static bool is_port(const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
	}
	return true;
}

/*
 * The name of a Host without its port and a last dot, brackets stay; false: it is no host. Names
 * are letters, digits, "-", "_" and ".", as DNS and container runtimes have them.
 */
static bool host_name(const struct request_text *host, struct request_text *name)
{
	const char *at = host->bytes, *end = host->bytes + host->length;

	if (at < end && *at == '[') {
		while (at < end && *at != ']')
			at++;
		if (at++ == end)
			return false;
	} else {
		while (at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
					   (*at >= '0' && *at <= '9') || strchr("-_.", *at)))
			at++;
	}
	*name = (struct request_text){host->bytes, (size_t)(at - host->bytes)};
	if (at < end && *at++ != ':')
		return false;
	if (name->length > 1 && name->bytes[name->length - 1] == '.')
		name->length--;
	return name->length > 0 && is_port(at, end);
}

/* Reads IPv4, or IPv6 in brackets. */
static bool host_address(const struct request_text *name, uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];
	bool is_v6 = name->bytes[0] == '[';
	size_t length = is_v6 ? name->length - 2 : name->length;

	if (length >= sizeof(text))
		return false;
	memcpy(text, name->bytes + is_v6, length);
	text[length] = '\0';
	memcpy(address, address_mapped, sizeof(address_mapped));
	return inet_pton(is_v6 ? AF_INET6 : AF_INET, text,
		       is_v6 ? address : address + ADDRESS_MAPPED_BYTES) == 1;
}

/* Nobody looks up these by DNS (RFC 6761). */
static bool is_localhost(const struct request_text *name)
{
	static const char suffix[] = ".localhost";
	size_t length = sizeof(suffix) - 1;

	return request_text_is(name, "localhost") ||
	       (name->length > length &&
		       strncasecmp(name->bytes + name->length - length, suffix, length) == 0);
}

/* The machine's name, which /etc/hosts often gives an address of 127.0.0.0/8. */
static bool is_of_this_machine(const struct request_text *name)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) || !*host)
		return false;
	if (request_text_is(name, host))
		return true;
	host[strcspn(host, ".")] = '\0';
	return request_text_is(name, host);
}

static bool is_allowed(const struct request_guard *guard, const struct request_text *name)
{
	for (size_t i = 0; i < guard->allowed_host_count; i++) {
		if (request_text_is(name, guard->allowed_hosts[i]))
			return true;
	}
	return false;
}

static bool host_is_right(const struct request_guard *guard, const struct request_text *name,
	const struct request_ends *ends)
{
	uint8_t address[16];

	if (!guard->allowed_host_count && !address_is_loopback(ends->local))
		return true;
	return host_address(name, address) || is_localhost(name) || is_of_this_machine(name) ||
	       is_allowed(guard, name);
}

/* --- other sites --- */

/* A page of this server: its scheme, and the same host and port as it asks. */
static bool is_own_origin(const struct request_head *head)
{
	const struct request_text *origin = &head->origin;
	size_t scheme = sizeof(ORIGIN_SCHEME) - 1;

	return origin->length == scheme + head->host.length &&
	       strncasecmp(origin->bytes, ORIGIN_SCHEME, scheme) == 0 &&
	       strncasecmp(origin->bytes + scheme, head->host.bytes, head->host.length) == 0;
}

static bool is_of_another_site(const struct request_head *head)
{
	const struct request_text *site = &head->fetch_site;

	if (head->origin.bytes && !is_own_origin(head))
		return true;
	if (!site->bytes || request_text_is(site, "same-origin") || request_text_is(site, "none"))
		return false;
	return !request_text_is(&head->fetch_mode, "navigate") ||
	       !request_text_is(&head->fetch_dest, "document");
}

/* --- pages for local eyes --- */

static bool is_from_here(const struct request_head *head, const struct request_text *name,
	const struct request_ends *ends)
{
	uint8_t address[16];

	return address_is_loopback(ends->peer) && address_is_loopback(ends->local) &&
	       !head->is_http_1_0 && !head->is_forwarded &&
	       (is_localhost(name) ||
		       (host_address(name, address) && address_is_loopback(address)));
}

bool request_guard_admits(const struct request_guard *guard, struct request_head *head,
	const struct request_ends *ends, bool *is_local, enum denial *denial)
{
	struct request_text name = {"", 0};

	if (head->host.length && !host_name(&head->host, &name)) {
		head->status = 400;
		head->problem = "the header Host is no host\n";
		*denial = DENIED_MALFORMED;
		return false;
	}
	/* No browser speaks HTTP/1.0, which can do without Host. */
	if (head->host.bytes && !host_is_right(guard, &name, ends))
		return refuse(head,
			"this name in the header Host is not known here; allowed-hosts adds "
			"names\n",
			denial, DENIED_HOST);
	if (is_of_another_site(head))
		return refuse(head, "a page of another site asks\n", denial, DENIED_CROSS_SITE);
	*is_local = is_from_here(head, &name, ends);
	return true;
}
