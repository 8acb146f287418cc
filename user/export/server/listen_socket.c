/* SPDX-License-Identifier: Apache-2.0 */
/* A socket that listens (listen_socket.h). */
#include "export/server/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Clients that may wait for the listener's thread: a crowd that connects at once must not make
 * others connect again, a second later.
 */
#define BACKLOG 4096

/* Of each connection, in the kernel: for the head of a request, and for what goes out. */
#define RECEIVE_BUFFER 32768
#define SEND_BUFFER    131072

/* What nobody takes after the connection was closed stays so long. */
#define UNTAKEN_MS 20000

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool parse_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*port = htons((uint16_t)number);
	return *text >= '0' && *text <= '9' && !*end && number <= UINT16_MAX;
}

/* Returns the length of the address; 0: it is none. */
static socklen_t parse_address(const char *text, union socket_address *address)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	in_port_t port;

	if (!colon || !parse_port(colon + 1, &port))
		return 0;
	size_t length = (size_t)(colon - text);
	bool is_v6 = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	if (is_v6) {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return 0;
	memcpy(host, text, length);
	host[length] = '\0';

	memset(address, 0, sizeof(*address));
	address->any.sa_family = is_v6 ? AF_INET6 : AF_INET;
	if (is_v6)
		address->v6.sin6_port = port;
	else
		address->v4.sin_port = port;
	void *to = is_v6 ? (void *)&address->v6.sin6_addr : &address->v4.sin_addr;
	if (inet_pton(address->any.sa_family, host, to) != 1)
		return 0;
	return is_v6 ? sizeof(address->v6) : sizeof(address->v4);
}

static void format_address(const union socket_address *address, char text[LISTEN_ADDRESS_LEN])
{
	bool is_v6 = address->any.sa_family == AF_INET6;
	char host[INET6_ADDRSTRLEN];

	inet_ntop(address->any.sa_family,
		is_v6 ? (const void *)&address->v6.sin6_addr : &address->v4.sin_addr, host,
		sizeof(host));
	snprintf(text, LISTEN_ADDRESS_LEN, is_v6 ? "[%s]:%u" : "%s:%u", host,
		ntohs(is_v6 ? address->v6.sin6_port : address->v4.sin_port));
}

static void explain(int code, const char *address, char *error, size_t size)
{
	switch (code) {
	case EADDRINUSE:
		snprintf(error, size, "%s is in use: choose another with --listen", address);
		break;
	case EADDRNOTAVAIL:
		snprintf(error, size,
			"%s is not an address of this machine: choose another with --listen",
			address);
		break;
	case EACCES:
		snprintf(error, size,
			"%s may not be listened on: choose a port above 1023 with --listen, or "
			"grant CAP_NET_BIND_SERVICE",
			address);
		break;
	default: snprintf(error, size, "cannot listen on %s: %s", address, strerror(code));
	}
}

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

int listen_socket_open(
	const char *address, char bound[LISTEN_ADDRESS_LEN], char *error, size_t error_size)
{
	union socket_address parsed;
	socklen_t length = parse_address(address, &parsed);

	if (!length) {
		snprintf(error, error_size,
			"\"%s\" is no address to listen on: write IPv4:PORT or [IPv6]:PORT, e.g. "
			"127.0.0.1:9760",
			address);
		return -EINVAL;
	}

	/*
	 * What is set here each connection inherits. Without SO_REUSEADDR, connections of a Sonde
	 * that just ended would keep its port busy.
	 */
	int fd = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || !set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
		!set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER) ||
		!set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER) ||
		!set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNTAKEN_MS) ||
		bind(fd, &parsed.any, length) || listen(fd, BACKLOG) ||
		getsockname(fd, &parsed.any, &length)) {
		int code = errno;

		explain(code, address, error, error_size);
		if (fd >= 0)
			close(fd);
		return -code;
	}
	format_address(&parsed, bound);
	return fd;
}
