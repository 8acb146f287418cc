/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of other processes below /proc, read within bounds. What such a file holds is that
 * process's memory: it may be as long as its address space, and a page of it may take for ever to
 * come (userfaultfd, a file system in user space, a lock that is held). So a read takes as many
 * bytes as the caller has room for and no more, and a thread does it that is left behind when it
 * does not come back in time.
 *
 * Used by the main thread alone.
 */
#ifndef SONDE_PROC_READ_H
#define SONDE_PROC_READ_H

#include <stddef.h>
#include <sys/types.h>

#define PROC_READ_MAX     65536        /* bytes that one read brings at most */
#define PROC_READ_WAIT_NS 200000000ULL /* that it may take */

/*
 * Reads the beginning of a file. Returns the bytes that came, 0 at the end of an empty one, or a
 * negative errno: -ETIMEDOUT when it took too long, -EBUSY when too many others do.
 */
ssize_t proc_read(const char *path, void *bytes, size_t size);

/* Ends the thread that waits for the next read; one is made again when it is needed. */
void proc_read_end(void);

#endif
