/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that Sonde makes once it has started, as a seccomp filter (libseccomp). Others
 * fail with ENOSYS, for which a newer C library has an answer, and are in the kernel's log (audit
 * type 1326); those that no part of Sonde makes under any C library (execve, ptrace, …) kill it.
 * bpf(2) neither loads nor makes anything, memory is never both written to and executed, and no
 * process is made.
 */
#ifndef SONDE_CALL_FILTER_H
#define SONDE_CALL_FILTER_H

/* Makes the filter; 0 or a negative errno. Before there are threads. */
int call_filter_make(void);

/* Puts it on the calling thread and on those that it makes. Needs no_new_privs. */
int call_filter_apply(void);

/* Whether this kernel has seccomp filters: 0 or a negative errno. */
int call_filter_try(void);

#endif
