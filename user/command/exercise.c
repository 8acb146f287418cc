/* SPDX-License-Identifier: Apache-2.0 */
/* See exercise.h. Only the child makes traffic, as Sonde leaves its own alone. */
#include "command/exercise.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel/probes.h"

#define EXERCISE_NS  1000000000ULL
#define DRAIN_MS     50
#define REQUESTS     200 /* of a connection */
#define SYSTEM_CALLS 1000

/* --- the child --- */

/* One request with its response; both ends are ours, and as much fits into their buffers. */
static bool exchange(int client, int server)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char buffer[128];

	return send(client, request, strlen(request), MSG_NOSIGNAL) > 0 &&
	       recv(server, buffer, sizeof(buffer), 0) > 0 &&
	       send(server, response, strlen(response), MSG_NOSIGNAL) > 0 &&
	       recv(client, buffer, sizeof(buffer), 0) > 0;
}

static void exchange_all(int client, int server)
{
	for (int i = 0; i < REQUESTS && exchange(client, server); i++)
		;
	close(client);
	close(server);
}

/* At any free port of the loopback interface. */
static int listener_open(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (listener >= 0 &&
		(bind(listener, (struct sockaddr *)address, size) || listen(listener, 1) ||
			getsockname(listener, (struct sockaddr *)address, &size))) {
		close(listener);
		return -1;
	}
	return listener;
}

static void requests_make(int listener, const struct sockaddr_in *address)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];

	if (client >= 0 && !connect(client, (const struct sockaddr *)address, sizeof(*address)))
		exchange_all(client, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	else
		close(client);
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		exchange_all(pair[0], pair[1]);
}

/* A connection to a port that nobody listens on, which is reset. */
static void connection_refuse(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!bind(bound, (struct sockaddr *)&address, length) &&
		!getsockname(bound, (struct sockaddr *)&address, &length))
		connect(client, (struct sockaddr *)&address, length);
	close(client);
	close(bound);
}

/* Another Sonde, which says its version to nobody. */
static void process_start(void)
{
	char *const arguments[] = {"sonde", "version", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ))
		waitpid(pid, NULL, 0);
	posix_spawn_file_actions_destroy(&actions);
}

static void child_run(void)
{
	uint64_t end_ns = clock_monotonic_ns() + EXERCISE_NS;
	struct sockaddr_in address;
	int listener = listener_open(&address);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (clock_monotonic_ns() < end_ns) {
		if (listener >= 0)
			requests_make(listener, &address);
		for (int i = 0; i < SYSTEM_CALLS; i++)
			getppid();
		connection_refuse();
		process_start();
	}
}

/* --- the parent --- */

static void cost_take(void *context, const struct probe_figures *figures)
{
	const struct program *program = program_find(figures->program);
	struct program_cost *costs = context;

	if (program)
		costs[program - program_table] =
			(struct program_cost){.runs = figures->runs, .run_ns = figures->run_ns};
}

/* Until the child has ended, as the daemon would. */
static void probes_serve(struct probes *probes, pid_t child)
{
	struct pollfd ready = {.fd = probes_fd(probes), .events = POLLIN};

	while (waitpid(child, NULL, WNOHANG) == 0) {
		poll(&ready, 1, DRAIN_MS);
		while (probes_drain(probes))
			;
	}
	probes_sweep(probes);
}

int exercise_run(struct probes *probes, struct program_cost costs[PROGRAMS_MAX])
{
	struct program_cost before[PROGRAMS_MAX] = {0};
	int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
	pid_t child;

	if (statistics < 0)
		return statistics;
	memset(costs, 0, program_count * sizeof(*costs));
	probes_visit_programs(probes, cost_take, before);
	child = fork();
	if (child == 0) {
		child_run();
		_exit(0);
	}
	if (child > 0) {
		probes_serve(probes, child);
		probes_visit_programs(probes, cost_take, costs);
	}
	close(statistics);
	for (size_t i = 0; i < program_count; i++) {
		costs[i].runs -= before[i].runs;
		costs[i].run_ns -= before[i].run_ns;
	}
	return child < 0 ? -EAGAIN : 0;
}
