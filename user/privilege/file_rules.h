/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that Sonde opens once it has started, as rules of Landlock, which Linux has since 5.13:
 * it reads /proc, its configuration, libraries, certificates, what name resolution reads and the
 * token for an API server, and it writes to the folders of its logs. It listens on no further
 * port and signals no other process.
 */
#ifndef SONDE_FILE_RULES_H
#define SONDE_FILE_RULES_H

#define FILE_RULES_LOGS 2 /* the flow log and the event log */

/* The version of Landlock's interface, from 1; a negative errno: this kernel has none. */
int file_rules_version(void);

/*
 * Makes the rules. All are paths, or "": the folders that they are in, as each file may be
 * replaced by another. 0 or a negative errno.
 */
int file_rules_make(const char *configuration, const char *const logs[FILE_RULES_LOGS],
	const char *token, const char *ca);

/* Puts them on the calling thread and on those that it makes. Needs no_new_privs. */
int file_rules_apply(void);

#endif
