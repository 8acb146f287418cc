/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All probe families, as one object. They are not linked from several, because the linker of Debian
 * 12's bpftool cannot link functions of the kernel that a program calls (kfuncs).
 */
#include "http.bpf.c"
#include "http_function.bpf.c"
#include "http_kprobe.bpf.c"
#include "http_open.bpf.c"
#include "http_uring.bpf.c"
#include "process.bpf.c"
#include "syscall.bpf.c"
#include "tcp.bpf.c"
#include "workload.bpf.c"
