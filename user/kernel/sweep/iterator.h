/* SPDX-License-Identifier: Apache-2.0 */
/* Runs BPF iterators: programs that the kernel calls for each thing there is, while one reads. */
#ifndef SONDE_ITERATOR_H
#define SONDE_ITERATOR_H

#include "record/record_sink.h"

struct bpf_link;
struct bpf_map;
struct bpf_program;

/* Attaches an iterator over the elements of a map. NULL, and errno says why. */
struct bpf_link *iterator_attach(const struct bpf_program *program, const struct bpf_map *map);

/*
 * Runs the iterator once and passes on the records that it writes, each padded to 8 bytes. 0 or a
 * negative errno.
 */
int iterator_run(const struct bpf_link *link, record_sink sink, void *context);

/* Attaches, runs and detaches one that writes nothing. */
int iterator_run_once(const struct bpf_program *program);

#endif
