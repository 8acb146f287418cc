/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of libbpf's header of this name: probes compile as plain C, and their helpers are the
 * functions of ../kernel.c. A map keeps its shape in the types of its members, as ever, and the
 * macros below read it from there.
 *
 * When a probe begins to use another helper, the linker names it. It then gets a declaration here
 * (a macro, if it takes a map) and a few lines in ../kernel.c that do what the kernel promises.
 */
#ifndef SONDE_FUZZ_BPF_HELPERS_H
#define SONDE_FUZZ_BPF_HELPERS_H

#define SEC(name)
#define __uint(name, number) int(*name)[number]
#define __type(name, type)   typeof(type) *name
#define __array(name, type)  typeof(type) *value

#ifndef NULL
#	define NULL ((void *)0)
#endif
#define offsetof(type, member) __builtin_offsetof(type, member)

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline      __attribute__((noinline))
#define __weak          __attribute__((weak))
#define __ksym
#define barrier()      __asm__ __volatile__("" ::: "memory")
#define barrier_var(x) __asm__ __volatile__("" : "+r"(x))

/* --- maps --- */

struct map_shape {
	const void *map; /* its address is its identity */
	__u32 type;      /* enum bpf_map_type */
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
};

#define MAP_NUMBER(map, name) ((__u32)(sizeof(*(map)->name) / sizeof(int)))
#define MAP_STORAGE(map)                                                                           \
	(&(const struct map_shape){                                                                \
		(map), MAP_NUMBER(map, type), sizeof(void *), sizeof(*(map)->value), 0})
#define MAP(map)                                                                                   \
	(&(const struct map_shape){(map), MAP_NUMBER(map, type), sizeof(*(map)->key),              \
		sizeof(*(map)->value), MAP_NUMBER(map, max_entries)})

void *kernel_map_lookup(const struct map_shape *map, const void *key);
long kernel_map_update(const struct map_shape *map, const void *key, const void *value);
long kernel_map_delete(const struct map_shape *map, const void *key);
void *kernel_storage_get(const struct map_shape *map, const void *owner, __u64 flags);

#define bpf_map_lookup_elem(map, key)               kernel_map_lookup(MAP(map), key)
#define bpf_map_update_elem(map, key, value, flags) kernel_map_update(MAP(map), key, value)
#define bpf_map_delete_elem(map, key)               kernel_map_delete(MAP(map), key)

#define bpf_sk_storage_get(map, sk, value, flags) kernel_storage_get(MAP_STORAGE(map), (sk), flags)
#define bpf_sk_storage_delete(map, sk)            kernel_map_delete(MAP_STORAGE(map), &(const void *){(sk)})
#define bpf_task_storage_get(map, task, value, flags)                                              \
	kernel_storage_get(MAP_STORAGE(map), (task), flags)

#define MAP_QUEUE(map)                                                                             \
	(&(const struct map_shape){(map), MAP_NUMBER(map, type), 0, sizeof(*(map)->value),         \
		MAP_NUMBER(map, max_entries)})

long kernel_map_push(const struct map_shape *map, const void *value);
long kernel_map_pop(const struct map_shape *map, void *value);

#define bpf_map_push_elem(map, value, flags) kernel_map_push(MAP_QUEUE(map), value)
#define bpf_map_pop_elem(map, value)         kernel_map_pop(MAP_QUEUE(map), value)

/* --- memory: a copy into an array member may not leave that member --- */

#define KERNEL_ROOM(to) __builtin_object_size(to, 1)

long kernel_read(void *to, unsigned long room, __u32 size, const void *from);
long kernel_read_user(void *to, unsigned long room, __u32 size, const void *from);
long bpf_probe_read_kernel_str(void *to, __u32 size, const void *from);

#define bpf_probe_read_kernel(to, size, from) kernel_read(to, KERNEL_ROOM(to), size, from)
#define bpf_probe_read_user(to, size, from)   kernel_read_user(to, KERNEL_ROOM(to), size, from)

/* --- the rest --- */

long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags);
void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
__u64 bpf_ringbuf_query(void *ring, __u64 flags);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_jiffies64(void);
long bpf_get_current_comm(void *to, __u32 size);
__u32 bpf_get_smp_processor_id(void);
__u64 bpf_get_socket_cookie(void *sk);

/* Those that hand out what belongs to a struct of the kernel are in ../probe.c, which holds them. */
struct task_struct *bpf_get_current_task_btf(void);
__u64 bpf_get_current_pid_tgid(void);
long bpf_task_pt_regs(struct task_struct *task);
struct tcp_sock *bpf_skc_to_tcp_sock(void *sk);
struct socket *bpf_sock_from_file(void *file);
struct unix_sock *bpf_skc_to_unix_sock(void *sk);

#endif
