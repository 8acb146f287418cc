/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that Sonde opens once it has started, as rules of Landlock, which Linux has since 5.13:
 * it reads /proc, its configuration, libraries, certificates and what name resolution reads, and it
 * writes to the folder of the flow log. It listens on no further port and signals no other process.
 */
#ifndef SONDE_FILE_RULES_H
#define SONDE_FILE_RULES_H

/* The version of Landlock's interface, from 1; a negative errno: this kernel has none. */
int file_rules_version(void);

/*
 * Makes the rules. `configuration` and `flow_log` are paths, or "": the folders that they are in.
 * 0 or a negative errno.
 */
int file_rules_make(const char *configuration, const char *flow_log);

/* Puts them on the calling thread and on those that it makes. Needs no_new_privs. */
int file_rules_apply(void);

#endif
