/* SPDX-License-Identifier: Apache-2.0 */
/* In place of libbpf's header of this name: a program is a function with its arguments. */
#ifndef SONDE_FUZZ_BPF_TRACING_H
#define SONDE_FUZZ_BPF_TRACING_H

#define BPF_PROG(name, ...) name(__VA_ARGS__)

#endif
