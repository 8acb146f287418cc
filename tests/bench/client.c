/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client PORT REQUESTS [unseen]: asks a server on loopback REQUESTS times for /sonde-bench, on a
 * few connections that are kept alive, and prints how many answers came.
 *
 * Called by tests/bench/run, to tell what a server pays from what its client pays, as both are on
 * this machine: with `unseen`, Sonde takes the client's sockets (and only these) for no HTTP.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 16 /* as many as wrk is given */

/* Operations without HTTP after which Sonde leaves a socket alone: MISSES_MAX in
 * bpf/protocol/http1/http_socket.bpf.h. */
#define MISSES 8

static const char request[] = "GET /sonde-bench HTTP/1.1\r\nHost: bench\r\n\r\n";

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int server_connect(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("client: connect");
	return fd;
}

static void request_send(int fd)
{
	if (send(fd, request, sizeof(request) - 1, 0) != sizeof(request) - 1)
		fail("client: send");
}

/*
 * Empty lines, which a server ignores, each by an operation of its own; they wait in the socket for
 * the request behind them, so the server reads all of it at once and has one such operation only.
 * They have no CR: with that, version 2 of the PROXY protocol could begin.
 */
static void become_unseen(int fd)
{
	for (int i = 0; i < MISSES; i++)
		if (send(fd, "\n", 1, MSG_MORE) != 1)
			fail("client: send");
}

int main(int argc, char **argv)
{
	bool unseen = argc == 4 && strcmp(argv[3], "unseen") == 0;
	int connections[CONNECTIONS];
	ssize_t length = 0;
	long requests, answers = 0;
	char answer[4096];

	if (argc < 3 || (requests = atol(argv[2])) < 1) {
		fprintf(stderr, "usage: client PORT REQUESTS [unseen]\n");
		return 2;
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		connections[i] = server_connect(atoi(argv[1]));
		if (unseen)
			become_unseen(connections[i]);
		request_send(connections[i]);
		length = recv(connections[i], answer, sizeof(answer), 0);
		if (length <= 0)
			fail("client: recv");
		answers++;
	}
	while (answers < requests) {
		for (int i = 0; i < CONNECTIONS; i++)
			request_send(connections[i]);
		for (int i = 0; i < CONNECTIONS; i++, answers++) /* all answers are of one length */
			if (recv(connections[i], answer, length, MSG_WAITALL) != length)
				fail("client: recv");
	}
	printf("%ld\n", answers);
	return 0;
}
