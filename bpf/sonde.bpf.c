/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All probe families, as one object. They are not linked from several, because the linker of Debian
 * 12's bpftool cannot link functions of the kernel that a program calls (kfuncs).
 */
#include "stream/tracepoint.bpf.c"
#include "stream/function.bpf.c"
#include "stream/kprobe.bpf.c"
#include "protocol/http1/http_open.bpf.c"
#include "stream/uring.bpf.c"
#include "process/process.bpf.c"
#include "sched/sched.bpf.c"
#include "syscall/syscall.bpf.c"
#include "tcp/tcp.bpf.c"
#include "core/latency.bpf.c"
#include "core/workload.bpf.c"
