/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getppid CPU BLOCKS: what one getppid costs on that CPU, in ns: the median over blocks of calls.
 *
 * Called by tests/bench/run under each variant of tracing. A block is short against a time slice,
 * so that most blocks are free of whatever else the machine does, and the median is one of those.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS       1000 /* in a block: the two clock readings are lost in them */
#define BLOCKS_MAX  10000
#define BLOCKS_WARM 20 /* the first calls of a thread make its task storage and warm caches */

static double block_run(void)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       CALLS;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double blocks[BLOCKS_MAX];
	cpu_set_t cpus;
	int count;

	if (argc != 3 || (count = atoi(argv[2])) < 1 || count > BLOCKS_MAX) {
		fprintf(stderr, "usage: getppid CPU BLOCKS\n");
		return 2;
	}
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus)) {
		perror("getppid: sched_setaffinity");
		return 1;
	}
	for (int i = 0; i < BLOCKS_WARM; i++)
		block_run();
	for (int i = 0; i < count; i++)
		blocks[i] = block_run();
	qsort(blocks, count, sizeof(*blocks), compare);
	printf("%.2f\n", blocks[count / 2]);
	return 0;
}
