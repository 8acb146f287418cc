/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every probe family uses: the counters of losses and the ring buffers.
 */
#ifndef SONDE_BPF_H
#define SONDE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "record.h"
#include "core/table.h"

#define EAGAIN       11
#define EPIPE        32
#define ENETUNREACH  101
#define ECONNRESET   104
#define ETIMEDOUT    110
#define ECONNREFUSED 111
#define EHOSTUNREACH 113

#define AF_UNSPEC 0
#define AF_UNIX   1
#define AF_INET   2
#define AF_INET6  10

#define MSG_OOB      0x1
#define MSG_PEEK     0x2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

#define S_IFMT   0170000
#define S_IFSOCK 0140000
#define S_IFREG  0100000
#define S_IFBLK  0060000
#define S_IFDIR  0040000

#define ANON_INODE_FS_MAGIC 0x09041934 /* include/uapi/linux/magic.h */
#define PROC_SUPER_MAGIC    0x9fa0
#define TRACEFS_MAGIC       0x74726163
#define DEBUGFS_MAGIC       0x64626720

/* `text` as the little-endian number that eight bytes of memory make. */
#define WORD(a, b, c, d, e, f, g, h)                                                               \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
		(__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A struct as it is on other kernels than that of vmlinux.h, whose members are found by name. */
#ifdef BPF_NO_PRESERVE_ACCESS_INDEX
#	define RELOCATED
#else
#	define RELOCATED __attribute__((preserve_access_index))
#endif

/* --- set before load --- */

/* In a section of their own, which has the same layout in both objects; see kept.bpf.h. */
#define SETTING SEC(".rodata.settings")

extern const volatile __u32 ring_mask;      /* number of ring buffers - 1; a power of two of them */
extern const volatile __u64 ring_threshold; /* bytes waiting above which the daemon is woken */

/* --- the CPU --- */

/*
 * A program may lose its CPU to another task: within functions on kernels with full preemption, and
 * within tracepoints, too, since Linux 7.0. It would then find what is kept for each CPU changed,
 * and the kernel would leave out the other task's runs of it. So it holds on to the CPU. The end of
 * that is a point where it may lose it, unless interrupts are off at the moment.
 */
extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __weak __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __weak __ksym;

extern const volatile bool holds_cpu; /* the kernel lets it */

/* What came along with it: then readers of tracepoints became readers of fast SRCU. */
struct task_struct___7_0 {
	struct srcu_ctr *trc_reader_scp;
} RELOCATED;

#define TRACEPOINTS_PAUSE bpf_core_field_exists(((struct task_struct___7_0 *)0)->trc_reader_scp)

static __always_inline void cpu_release(void)
{
	unsigned long flags;

	bpf_local_irq_save(&flags);
	bpf_preempt_enable();
	bpf_local_irq_restore(&flags);
}

/* The value of `body`, worked out without a pause where there might be one. */
#define HELD_WHERE(pauses, body)                                                                   \
	({                                                                                         \
		if (holds_cpu && (pauses))                                                         \
			bpf_preempt_disable();                                                     \
		int held_result = (body);                                                          \
		if (holds_cpu && (pauses))                                                         \
			cpu_release();                                                             \
		held_result;                                                                       \
	})
#define HELD(body)             HELD_WHERE(TRACEPOINTS_PAUSE, body)
#define HELD_IN_FUNCTION(body) HELD_WHERE(true, body)

/* --- losses and deliveries --- */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters __weak SEC(".maps");

#define OUTCOME_NONE OUTCOMES /* nothing to count */

static __always_inline void count(enum source source, enum outcome outcome)
{
	__u32 zero = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &zero);

	if (c && source < SOURCES && outcome < OUTCOMES)
		c->count[source][outcome]++;
}

/* --- ring buffers --- */

/*
 * One ring is one lock that all CPUs share, so there are several, each used by some CPUs. The inner
 * map here only tells the type; the daemon makes the real ones before it attaches anything.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 64);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 4096);
		});
} rings __weak SEC(".maps");

/* This CPU's ring, and how to hand a record to it. */
struct ring_place {
	void *ring;
	__u64 flags;
	struct counters *counters;
};

/*
 * The daemon drains by a timer; it is woken only when a ring fills, as a wake-up costs four times
 * the record.
 */
static __always_inline struct ring_place ring_place(void)
{
	struct ring_place place = {.flags = BPF_RB_NO_WAKEUP};
	__u32 index = bpf_get_smp_processor_id() & ring_mask, zero = 0;
	__u64 waiting;

	place.counters = bpf_map_lookup_elem(&counters, &zero);
	place.ring = bpf_map_lookup_elem(&rings, &index);
	if (!place.ring)
		return place;
	waiting = bpf_ringbuf_query(place.ring, BPF_RB_AVAIL_DATA);
	if (waiting >= ring_threshold)
		place.flags = BPF_RB_FORCE_WAKEUP;
	if (place.counters && waiting > place.counters->ring_peak)
		place.counters->ring_peak = waiting;
	return place;
}

static __always_inline void ring_delivered(const struct ring_place *place, enum source source)
{
	if (place->counters)
		place->counters->count[source][OUTCOME_DELIVERED]++;
}

/* Hands a record to the daemon; false: there was no room, which the caller counts. */
static __always_inline bool ring_offer(enum source source, void *record, __u64 size)
{
	struct ring_place place = ring_place();

	if (!place.ring || bpf_ringbuf_output(place.ring, record, size, place.flags))
		return false;
	ring_delivered(&place, source);
	return true;
}

/* The same, but that it counts what there was no room for. */
static __always_inline bool ring_output(enum source source, void *record, __u64 size)
{
	bool delivered = ring_offer(source, record, size);

	if (!delivered)
		count(source, OUTCOME_RING_FULL);
	return delivered;
}

#endif
