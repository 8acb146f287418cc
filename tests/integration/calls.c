/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a known number of known things, so that the integration tests know what Sonde must count:
 * `calls getppid=100000 openat=5000` and so on, in the order given. Links statically and goes past
 * libc, so that nothing else makes these calls. Prints the nanoseconds that each step took.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Ends the test with a reason when a call did not answer as it was meant to. */
static void must(int right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "calls: %s answered otherwise: %s\n", what, strerror(errno));
	_exit(99);
}

static void fail_to_open(long n)
{
	while (n--)
		must(syscall(SYS_openat, AT_FDCWD, "/no/such/file", O_RDONLY) < 0 &&
				errno == ENOENT,
			"openat");
}

static void fail_to_close(long n)
{
	while (n--)
		must(syscall(SYS_close, -1) < 0 && errno == EBADF, "close");
}

static void burn(long milliseconds)
{
	uint64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)milliseconds * 1000000;

	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
}

static void eat(long megabytes)
{
	for (long i = 0; i < megabytes; i++) {
		char *piece = mmap(
			NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(piece != MAP_FAILED, "mmap");
		memset(piece, 1, 1 << 20);
	}
}

/* Moves this process into the cgroup whose cgroup.procs this is. */
static void join(const char *path)
{
	int fd = open(path, O_WRONLY);

	must(fd >= 0 && write(fd, "0", 1) == 1, path);
	close(fd);
}

static void *end_later(void *status)
{
	struct timespec later = {.tv_nsec = 50000000};

	nanosleep(&later, NULL);
	return (void *)syscall(SYS_exit, *(long *)status);
}

/* A thread that outlives the first one, if that ends at once, and ends itself with this status. */
static void outlive(long status)
{
	static long its_own;
	pthread_t thread;

	its_own = status;
	must(!pthread_create(&thread, NULL, end_later, &its_own), "pthread_create");
}

/* Writes over the environment, as programs do that show a title there. */
static void forget(void)
{
	for (char **entry = environ; *entry; entry++)
		memset(*entry, 'x', strlen(*entry));
}

static void step(const char *what, const char *argument)
{
	long n = strtol(argument, NULL, 10);
	char byte;

	if (!strcmp(what, "getppid"))
		while (n--)
			syscall(SYS_getppid);
	else if (!strcmp(what, "openat"))
		fail_to_open(n);
	else if (!strcmp(what, "close"))
		fail_to_close(n);
	else if (!strcmp(what, "read"))
		while (n--)
			must(read(STDIN_FILENO, &byte, 1) == 1, "read");
	else if (!strcmp(what, "nanosleep")) /* one call, of so many milliseconds */
		must(!syscall(
			     SYS_nanosleep, &(struct timespec){n / 1000, n % 1000 * 1000000}, NULL),
			"nanosleep");
	else if (!strcmp(what, "burn"))
		burn(n);
	else if (!strcmp(what, "eat"))
		eat(n);
	else if (!strcmp(what, "forget"))
		forget();
	else if (!strcmp(what, "join"))
		join(argument);
	else if (!strcmp(what, "raise"))
		raise((int)n);
	else if (!strcmp(what, "outlive"))
		outlive(n);
	else if (!strcmp(what, "exit-thread"))
		syscall(SYS_exit, n);
	else if (!strcmp(what, "exit"))
		_exit((int)n);
	else
		must(0, what);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *argument = strchr(argv[i], '=');
		uint64_t begin;

		must(argument != NULL, argv[i]);
		*argument++ = '\0';
		begin = clock_ns(CLOCK_MONOTONIC);
		step(argv[i], argument);
		printf("%s %llu\n", argv[i],
			(unsigned long long)(clock_ns(CLOCK_MONOTONIC) - begin));
	}
	return 0;
}
