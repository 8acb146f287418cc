/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More TCP connections than a script could make: both ends of each, in one thread on loopback.
 *
 *   tcp_crowd burst COUNT   opens and closes so many, one after the other as fast as it can
 *   tcp_crowd hold COUNT    opens so many, moves a byte each way over each and says "moved"; does
 *                           the latter again for each line on its standard input, and ends with it
 *
 * The addresses 127.0.0.1 … 127.0.0.16 take turns, so that the ports of connections that linger in
 * TIME_WAIT are not in the way.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES 16

static int listener_open(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	if (listener < 0 || bind(listener, (struct sockaddr *)address, length) ||
		listen(listener, 128) || getsockname(listener, (struct sockaddr *)address, &length))
		err(1, "listen");
	return listener;
}

static void connect_both(int listener, struct sockaddr_in *address, unsigned index, int ends[2])
{
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % ADDRESSES);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (ends[0] < 0 || connect(ends[0], (struct sockaddr *)address, sizeof(*address)))
		err(1, "connect %u", index);
	ends[1] = accept(listener, NULL, NULL);
	if (ends[1] < 0)
		err(1, "accept %u", index);
}

static void move_byte(int from, int to)
{
	char byte = 0;

	if (write(from, &byte, 1) != 1 || read(to, &byte, 1) != 1)
		err(1, "a byte");
}

static void files_allow(rlim_t files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "getrlimit");
	limit.rlim_cur = files;
	if (limit.rlim_max < files)
		limit.rlim_max = files;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "a limit of %ju open files", (uintmax_t)files);
}

static void burst(int listener, struct sockaddr_in *address, unsigned count)
{
	int ends[2];

	for (unsigned i = 0; i < count; i++) {
		connect_both(listener, address, i, ends);
		if (close(ends[0]) || close(ends[1]))
			err(1, "close");
	}
}

static void hold(int listener, struct sockaddr_in *address, unsigned count)
{
	int(*ends)[2] = calloc(count, sizeof(*ends));
	int line;

	if (!ends)
		err(1, "calloc");
	for (unsigned i = 0; i < count; i++)
		connect_both(listener, address, i, ends[i]);
	do {
		for (unsigned i = 0; i < count; i++) {
			move_byte(ends[i][0], ends[i][1]);
			move_byte(ends[i][1], ends[i][0]);
		}
		puts("moved");
		fflush(stdout);
		line = getchar();
	} while (line == '\n');
	free(ends);
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	const bool holds = argc == 3 && !strcmp(argv[1], "hold");
	struct sockaddr_in address;
	int listener;

	if (!count)
		errx(2, "usage: tcp_crowd burst|hold COUNT");
	files_allow(holds ? 2 * (rlim_t)count + 16 : 64);
	listener = listener_open(&address);
	(holds ? hold : burst)(listener, &address, count);
	return 0;
}
