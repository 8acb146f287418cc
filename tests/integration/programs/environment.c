/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts something odd where the kernel looks for this process's arguments and environment, says so,
 * and lives until standard input ends:
 *
 *   zeros GIB    so many GiB of the zero page, half of them arguments
 *   blocks N     N children whose environments nobody can open who lives in the mount namespace
 *                of this process: it waits for ever
 *   orphan       an ordinary one, but the first thread has ended
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void must(int right, const char *what)
{
	if (right)
		return;
	perror(what);
	exit(99);
}

/* Field `number` of proc(5)'s /proc/self/stat. */
static uint64_t stat_field(int number)
{
	static char text[4096];
	char *at;
	FILE *file = fopen("/proc/self/stat", "r");

	must(file && fgets(text, sizeof(text), file), "/proc/self/stat");
	fclose(file);
	at = strrchr(text, ')');
	for (int i = 2; i < number; i++)
		at = strchr(at + 1, ' ');
	return strtoull(at, NULL, 10);
}

static void environment_set(void *memory, uint64_t size)
{
	uint64_t begin = (uint64_t)memory;
	struct prctl_mm_map map = {
		.start_code = stat_field(26),
		.end_code = stat_field(27),
		.start_stack = stat_field(28),
		.start_data = stat_field(45),
		.end_data = stat_field(46),
		.start_brk = stat_field(47),
		.brk = (uint64_t)sbrk(0),
		.arg_start = begin,
		.arg_end = begin + size / 2,
		.env_start = begin + size / 2,
		.env_end = begin + size,
		.exe_fd = (uint32_t)-1,
	};

	must(!prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0), "PR_SET_MM_MAP");
}

static void *pages(uint64_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	return memory;
}

/*
 * Children whose environments are, in a mount namespace of this process's own, a file that nobody
 * may open before fanotify's listener says so, which is this process and says nothing.
 */
static void block(long children)
{
	int listener = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	char file[] = "/tmp/sonde-test-XXXXXX", path[64];
	int temporary = mkstemp(file);
	pid_t child;

	must(listener >= 0, "fanotify_init");
	must(temporary >= 0, "mkstemp");
	must(!unshare(CLONE_NEWNS), "unshare");
	must(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount private");
	while (children--) {
		child = fork();
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
		}
		snprintf(path, sizeof(path), "/proc/%d/environ", child);
		must(!mount(file, path, NULL, MS_BIND, NULL), path);
	}
	must(!fanotify_mark(listener, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, file),
		"fanotify_mark");
	unlink(file);
	close(temporary);
}

/* Says that all is in place; then waits for a line, and does 4321 system calls, in a thread. */
static void *wait_and_call(void *unused)
{
	char byte;

	(void)unused;
	usleep(100000); /* the first thread has ended by then */
	dprintf(STDOUT_FILENO, "ready\n");
	while (read(STDIN_FILENO, &byte, 1) == 1)
		for (int i = 0; i < 4321; i++)
			syscall(SYS_getppid);
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	must(argc > 1, "usage");
	if (!strcmp(argv[1], "zeros"))
		environment_set(pages(strtoull(argv[2], NULL, 10) << 30),
			strtoull(argv[2], NULL, 10) << 30);
	else if (!strcmp(argv[1], "blocks"))
		block(strtol(argv[2], NULL, 10));
	must(!pthread_create(&thread, NULL, wait_and_call, NULL), "pthread_create");
	if (!strcmp(argv[1], "orphan"))
		syscall(SYS_exit, 0);
	pthread_join(thread, NULL);
	return 0;
}
