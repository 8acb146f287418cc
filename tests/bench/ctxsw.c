/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctxsw CPU BLOCKS: what one context switch costs on that CPU, in ns. Two processes there hand a
 * byte to and fro through two pipes: a round trip is two switches.
 *
 * Called by tests/bench/run under each variant of tracing. A block is short against a time slice.
 * What is printed is the 10th percentile of the blocks: of one that others disturb, much is theirs.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIPS       200 /* in a block */
#define BLOCKS_MAX  10000
#define BLOCKS_WARM 20

static int there[2], back[2];

static void trip(void)
{
	char byte = 0;

	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		exit(1);
}

/* Until the other end is closed. */
static void answer(void)
{
	char byte;

	close(there[1]);
	while (read(there[0], &byte, 1) == 1)
		if (write(back[1], &byte, 1) != 1)
			break;
	_exit(0);
}

static double block_run(void)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < TRIPS; i++)
		trip();
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       (2 * TRIPS);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double blocks[BLOCKS_MAX];
	int count = argc == 3 ? atoi(argv[2]) : 0;
	cpu_set_t cpus;

	if (count < 1 || count > BLOCKS_MAX) {
		fprintf(stderr, "usage: ctxsw CPU BLOCKS\n");
		return 2;
	}
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) || pipe(there) || pipe(back)) {
		perror("ctxsw");
		return 1;
	}
	switch (fork()) {
	case -1: perror("ctxsw: fork"); return 1;
	case 0: answer();
	}
	for (int i = 0; i < BLOCKS_WARM; i++)
		block_run();
	for (int i = 0; i < count; i++)
		blocks[i] = block_run();
	close(there[1]);
	wait(NULL);
	qsort(blocks, (size_t)count, sizeof(*blocks), compare);
	printf("%.1f\n", blocks[count / 10]);
	return 0;
}
