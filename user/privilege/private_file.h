/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that hold what only Sonde's owner may read: the recording and the flow log. Whoever else
 * can write to the folder (/tmp), or made the file before us, gets nothing of it and leads nothing
 * astray: no symbolic link is followed, no file of another user and none with a second name is
 * written to, and one that others may read becomes its owner's alone.
 */
#ifndef SONDE_PRIVATE_FILE_H
#define SONDE_PRIVATE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#define PRIVATE_FILE_ERROR_LEN 256

/*
 * Opens `path` for writing, or makes it, with mode 0600. `append`: what it holds stays, and what is
 * written goes behind it; else a regular file is emptied. Pipes and character devices are taken as
 * they are; the descriptor does not block. Returns it, or a negative errno, and in `error` a line
 * that begins with the path.
 */
int private_file_open(const char *path, bool append, char error[PRIVATE_FILE_ERROR_LEN]);

/* Whom files are given to: the user that Sonde becomes. */
void private_file_set_owner(uid_t user, gid_t group);

#endif
