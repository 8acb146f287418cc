/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Return probes of functions in which many threads may wait at once. The kernel keeps a place for
 * each thread that is inside, ten or two for each CPU unless it is asked for more, and of whom it
 * has no place for the return is not seen. More can be asked for by tracefs only.
 */
#ifndef SONDE_KRETPROBE_H
#define SONDE_KRETPROBE_H

struct bpf_link;
struct bpf_program;

/* Threads that may be inside one function at once: as many as the kernel allows. */
#define KRETPROBE_THREADS 4096

/* NULL with errno. Without tracefs there are as few places as the kernel gives, which is logged. */
struct bpf_link *kretprobe_attach(const struct bpf_program *program, const char *function);

/*
 * Takes back what kretprobe_attach() made in tracefs, when the links are destroyed; also what a
 * Sonde left there that was killed. What is in use stays, as the kernel refuses.
 */
void kretprobes_remove(void);

#endif
