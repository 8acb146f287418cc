/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens and closes TCP connections to itself, and meanwhile sweeps, as often as it can, each map of
 * sockets' storage that an iterator of anybody on the machine is attached to: what becomes of
 * sockets that end just when an iterator is there would take years of Sonde's own sweeps to see.
 * Its iterators only look. `sweeps 1000`
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TARGET "bpf_sk_storage_map"

enum { MAPS_MAX = 32, OPEN_AT_ONCE = 100 };

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static void connect_and_close(int count)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger at_once = {.l_onoff = 1}; /* leaves no port behind in TIME_WAIT */
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);

	need(!bind(listener, (void *)&address, size) && !listen(listener, 1), "listen");
	need(!getsockname(listener, (void *)&address, &size), "getsockname");
	while (count > 0) {
		int clients[OPEN_AT_ONCE], servers[OPEN_AT_ONCE], open = 0;

		for (; open < OPEN_AT_ONCE && count; open++, count--) {
			clients[open] = socket(AF_INET, SOCK_STREAM, 0);
			need(!connect(clients[open], (void *)&address, size), "connect");
			servers[open] = accept(listener, NULL, NULL);
			need(servers[open] >= 0, "accept");
			need(!setsockopt(clients[open], SOL_SOCKET, SO_LINGER, &at_once,
				     sizeof(at_once)),
				"SO_LINGER");
		}
		while (open--) {
			close(clients[open]);
			close(servers[open]);
		}
	}
}

/* The maps that are swept; returns how many there are. */
static int maps_find(int maps[MAPS_MAX])
{
	int count = 0;

	for (__u32 id = 0; count < MAPS_MAX && !bpf_link_get_next_id(id, &id);) {
		char target[64] = "";
		struct bpf_link_info info = {
			.iter = {.target_name = (__u64)target, .target_name_len = sizeof(target)}};
		__u32 size = sizeof(info);
		int link = bpf_link_get_fd_by_id(id);

		if (link < 0)
			continue; /* it has just gone */
		if (!bpf_obj_get_info_by_fd(link, &info, &size) &&
			info.type == BPF_LINK_TYPE_ITER && !strcmp(target, TARGET)) {
			maps[count] = bpf_map_get_fd_by_id(info.iter.map.map_id);
			need(maps[count++] >= 0, "the map of an iterator");
		}
		close(link);
	}
	return count;
}

/* An iterator that does nothing with what it sees. */
static int iterator_make(int map)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_iter_link_info info = {.map.map_fd = (__u32)map};
	int type = libbpf_find_vmlinux_btf_id(TARGET, BPF_TRACE_ITER), program, link;
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = BPF_TRACE_ITER,
		.attach_btf_id = (__u32)type);
	LIBBPF_OPTS(
		bpf_link_create_opts, attach, .iter_info = &info, .iter_info_len = sizeof(info));

	need(type > 0, "the type of iterators");
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "nothing", "GPL", nothing, 2, &load);
	need(program >= 0, "the iterator's program");
	link = bpf_link_create(program, 0, BPF_TRACE_ITER, &attach);
	need(link >= 0, "the iterator's link");
	return link;
}

static void iterator_run(int link)
{
	int iterator = bpf_iter_create(link);
	char nothing;

	need(iterator >= 0 && !read(iterator, &nothing, sizeof(nothing)), "the iterator");
	close(iterator);
}

int main(int argc, char *argv[])
{
	int maps[MAPS_MAX], links[MAPS_MAX], count, status;
	pid_t child;

	if (argc != 2) {
		fprintf(stderr, "usage: sweeps CONNECTIONS\n");
		return 2;
	}
	count = maps_find(maps);
	for (int i = 0; i < count; i++)
		links[i] = iterator_make(maps[i]);
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		connect_and_close(atoi(argv[1]));
		return 0;
	}
	while (!waitpid(child, &status, WNOHANG))
		for (int i = 0; i < count; i++)
			iterator_run(links[i]);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}
