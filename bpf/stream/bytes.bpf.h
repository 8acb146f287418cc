/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds and reads the bytes of a socket operation in the memory of the program that asked for it:
 * from the arguments of its system call, or from the kernel's msghdr where a hook hands it over.
 */
#ifndef SONDE_BYTES_BPF_H
#define SONDE_BYTES_BPF_H

#include "stream/channel.bpf.h"

#include "syscall/syscall_numbers.h"

#if defined(__TARGET_ARCH_x86)
#	define SYSCALL_NUMBER(call)   ((call)->orig_ax)
#	define SYSCALL_FD(call)       ((call)->di) /* the first argument */
#	define SYSCALL_ARGUMENT(call) ((call)->si) /* the second one */
#	define SYSCALL_LENGTH(call)   ((call)->dx) /* the third one */
#	define SYSCALL_ADDRESS(call)  ((call)->r8) /* the fifth one */
#elif defined(__TARGET_ARCH_arm64)
#	define SYSCALL_NUMBER(call)   ((call)->syscallno)
#	define SYSCALL_FD(call)       ((call)->orig_x0)
#	define SYSCALL_ARGUMENT(call) ((call)->regs[1])
#	define SYSCALL_LENGTH(call)   ((call)->regs[2])
#	define SYSCALL_ADDRESS(call)  ((call)->regs[4])
#endif

/* Where the bytes of one operation lie. */
enum bytes_kind {
	BYTES_UNREADABLE,   /* pages of a file, a pipe, or not known */
	BYTES_USER,         /* one piece of user memory */
	BYTES_USER_IOVEC,   /* several, listed in user memory */
	BYTES_KERNEL_IOVEC, /* several, listed in kernel memory */
};

struct bytes {
	__u64 base;     /* of the piece, or of the list */
	__u64 skip;     /* bytes of the first piece that do not belong to it */
	__u32 kind;     /* enum bytes_kind */
	__u32 segments; /* pieces in the list */
};

#define PF_IO_WORKER 0x10 /* include/linux/sched.h */

/* The address of the current process's open file that has this number. */
static __always_inline __u64 file_of(struct task_struct *task, __u32 fd)
{
	struct file **files = BPF_CORE_READ(task, files, fdt, fd);
	__u64 file = 0;

	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

/* The file of what carries a channel. */
static __always_inline __u64 carrier_file(__u64 carrier)
{
	return (__u64)BPF_CORE_READ((struct sock *)carrier, sk_socket, file);
}

/* How the current thread uses io_uring. */
enum uring_use { URING_NOT, URING_USED, URING_WORKER };

/* Few pointers are followed here, as the verifier takes long for each: see docs/overhead.md. */
static __always_inline enum uring_use uring_use(const struct task_struct *task)
{
	if (!bpf_core_field_exists(task->io_uring))
		return URING_NOT;
	if (task->flags & PF_IO_WORKER)
		return URING_WORKER;
	return task->io_uring ? URING_USED : URING_NOT;
}

/* How the arguments of a system call name the bytes that it moves. */
enum call_way { CALL_NOT, CALL_BUFFER, CALL_IOVEC, CALL_MESSAGE, CALL_MESSAGES, CALL_PAGES };

static __always_inline enum call_way call_way(__u32 number)
{
	switch (number) {
	case NR_READ:
	case NR_WRITE:
	case NR_SENDTO:
	case NR_RECVFROM: return CALL_BUFFER;
	case NR_READV:
	case NR_WRITEV:
	case NR_PREADV2:
	case NR_PWRITEV2: return CALL_IOVEC;
	case NR_SENDMSG:
	case NR_RECVMSG: return CALL_MESSAGE;
	case NR_SENDMMSG:
	case NR_RECVMMSG: return CALL_MESSAGES;
	case NR_SENDFILE: return CALL_PAGES;
	default: return CALL_NOT;
	}
}

/*
 * True when the current system call is the operation on this channel. It need not be: io_uring runs
 * operations in worker threads, which make no calls, and in threads that use io_uring while these
 * make another call or are interrupted; then the registers are those of that call.
 */
static __always_inline bool call_is_on(__u64 carrier, enum uring_use use)
{
	struct task_struct *task;
	struct pt_regs *regs;

	if (use != URING_USED)
		return use == URING_NOT;
	task = bpf_get_current_task_btf();
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	return call_way(SYSCALL_NUMBER(regs)) &&
	       file_of(task, SYSCALL_FD(regs)) == carrier_file(carrier);
}

/* Asks once how the thread uses io_uring; a function of its own for the verifier's sake. */
__weak __noinline int uring_ask(void)
{
	return uring_use(bpf_get_current_task_btf());
}

static __always_inline bool in_call_on(__u64 carrier)
{
	return call_is_on(carrier, uring_ask());
}

/* Finds the bytes of the current system call. The bytes of rarer calls stay unreadable. */
static __always_inline void bytes_from_syscall(struct bytes *bytes, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct user_msghdr message;

	bytes->kind = BYTES_UNREADABLE;
	bytes->skip = 0;
	bytes->segments = 0;
	bytes->base = SYSCALL_ARGUMENT(regs);
	if (is_compat(task))
		return; /* a 32-bit call has other numbers and other layouts */
	switch (call_way(SYSCALL_NUMBER(regs))) {
	case CALL_BUFFER: bytes->kind = BYTES_USER; break;
	case CALL_IOVEC:
		bytes->kind = BYTES_USER_IOVEC;
		bytes->segments = SYSCALL_LENGTH(regs);
		break;
	case CALL_MESSAGES:
		if (SYSCALL_LENGTH(regs) != 1)
			break; /* nothing tells which of the messages moves now */
			       /* fall through: the list begins with its only message */
	case CALL_MESSAGE:
		if (bpf_probe_read_user(&message, sizeof(message), (void *)bytes->base))
			break;
		bytes->kind = BYTES_USER_IOVEC;
		bytes->base = (__u64)message.msg_iov;
		bytes->segments = message.msg_iovlen;
		break;
	case CALL_NOT:
	case CALL_PAGES: break;
	}
}

static __always_inline long read_from(void *to, __u32 size, __u64 from, bool is_user)
{
	return is_user ? bpf_probe_read_user(to, size, (void *)from)
		       : bpf_probe_read_kernel(to, size, (void *)from);
}

/* Reads the address to which an operation sends. False: the address is none of IP. */
static __always_inline bool remote_read(struct record_address *address, __u64 from, bool is_user)
{
	__u32 *remote = (__u32 *)address->remote;
	struct sockaddr_in to;

	/* the members that both families have; padding follows */
	if (!from || read_from(&to, offsetof(struct sockaddr_in, __pad), from, is_user))
		return false;
	address->remote_port = bpf_ntohs(to.sin_port);
	if (to.sin_family == AF_INET6)
		return !read_from(remote, sizeof(address->remote),
			from + offsetof(struct sockaddr_in6, sin6_addr), is_user);
	remote[0] = remote[1] = 0;
	remote[2] = bpf_htonl(0xffff);
	remote[3] = to.sin_addr.s_addr;
	return to.sin_family == AF_INET ||
	       to.sin_family == AF_UNSPEC; /* which a send takes for AF_INET */
}

/*
 * True within a call that receives without a hook of receiving: splice(), which moves the bytes to
 * a pipe, and getsockopt(TCP_ZEROCOPY_RECEIVE), which maps them.
 */
static __always_inline bool in_silent_receive(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 number = SYSCALL_NUMBER((struct pt_regs *)bpf_task_pt_regs(task));

	return (number == NR_SPLICE || number == NR_GETSOCKOPT) && !is_compat(task);
}

/*
 * Before Linux 5.14 the iterator's kind shares a member with its direction; before 6.4 its list has
 * another name.
 */
struct iov_iter___5_13 {
	unsigned int type;
} RELOCATED;

struct iov_iter___6_3 {
	const struct iovec *iov;
} RELOCATED;

static __always_inline __u32 iter_kind(const struct msghdr *message)
{
	if (bpf_core_field_exists(message->msg_iter.iter_type))
		return READ(message, msg_iter.iter_type);
	return READ((struct iov_iter___5_13 *)&message->msg_iter, type) & ~1U;
}

static __always_inline __u64 iter_list(const struct msghdr *message)
{
	if (bpf_core_field_exists(message->msg_iter.__iov))
		return (__u64)READ(message, msg_iter.__iov);
	return (__u64)READ((struct iov_iter___6_3 *)&message->msg_iter, iov);
}

/* Finds the bytes that are still to be moved, from the kernel's own description of an operation. */
static __always_inline void bytes_from_msghdr(struct bytes *bytes, const struct msghdr *message)
{
	__u32 kind = iter_kind(message);

	bytes->kind = BYTES_UNREADABLE;
	bytes->skip = READ(message, msg_iter.iov_offset);
	bytes->segments = 0;
	bytes->base = 0;
	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
		kind == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		bytes->kind = BYTES_USER;
		bytes->base = (__u64)READ(message, msg_iter.ubuf);
	} else if (kind == bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		bytes->kind = BYTES_KERNEL_IOVEC;
		bytes->base = iter_list(message);
		bytes->segments = READ(message, msg_iter.nr_segs);
	}
}

#define BYTES_AT_ONCE         512
#define BYTES_SEGMENTS_A_STEP 8 /* pieces looked at before the caller is asked to come again */

/* How many bytes the current system call asks for; 0 when its pieces are too many to add up. */
static __always_inline __u64 bytes_length(const struct bytes *bytes)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct iovec piece;
	__u64 length = 0;

	if (bytes->kind == BYTES_USER)
		return SYSCALL_LENGTH((struct pt_regs *)bpf_task_pt_regs(task));
	if (bytes->kind != BYTES_USER_IOVEC || bytes->segments > BYTES_SEGMENTS_A_STEP)
		return 0;
	for (__u32 i = 0; i < BYTES_SEGMENTS_A_STEP && i < bytes->segments; i++) {
		if (bpf_probe_read_user(
			    &piece, sizeof(piece), (void *)(bytes->base + i * sizeof(piece))))
			return 0;
		length += piece.iov_len;
	}
	return length;
}

/* Kernels before 6.8 refuse the loop around this call if the compiler puts its body there. */
static __noinline long piece_read(struct iovec *piece, __u32 kind, __u64 at)
{
	return kind == BYTES_USER_IOVEC ? bpf_probe_read_user(piece, sizeof(*piece), (void *)at)
					: bpf_probe_read_kernel(piece, sizeof(*piece), (void *)at);
}

/* A place in the bytes of an operation, which only moves forward. */
struct bytes_cursor {
	struct bytes bytes;
	__u64 segment_begin; /* offset at which the piece `segment` begins */
	__u32 segment;
};

/*
 * Reads up to `most` (at most BYTES_AT_ONCE) bytes at `offset` of the operation into `to`. Returns
 * the number of bytes read, which is less than `most` where a piece ends; 0 when the cursor has
 * passed as many pieces as one step may, and the caller is to ask again; -1 when the bytes cannot
 * be read.
 */
static __always_inline long bytes_read(
	struct bytes_cursor *cursor, __u64 offset, void *to, __u32 most)
{
	struct bytes *bytes = &cursor->bytes;
	struct iovec piece;
	__u64 begin, left;

	if (bytes->kind == BYTES_USER)
		return bpf_probe_read_user(to, most, (void *)(bytes->base + bytes->skip + offset))
			       ? -1
			       : (long)most;
	if (bytes->kind == BYTES_UNREADABLE)
		return -1;
	for (int i = 0; i < BYTES_SEGMENTS_A_STEP; i++) {
		if (cursor->segment >= bytes->segments ||
			piece_read(
				&piece, bytes->kind, bytes->base + cursor->segment * sizeof(piece)))
			return -1;
		begin = (__u64)piece.iov_base;
		left = piece.iov_len;
		if (!cursor->segment) {
			begin += bytes->skip;
			left -= bytes->skip;
		}
		if (offset < cursor->segment_begin + left) {
			offset -= cursor->segment_begin;
			left -= offset;
			/* kernels before 6.8 learn nothing from comparing two unknowns */
			if (left > BYTES_AT_ONCE)
				left = BYTES_AT_ONCE;
			barrier_var(left);
			if (most > left)
				most = left;
			return bpf_probe_read_user(to, most, (void *)(begin + offset)) ? -1
										       : (long)most;
		}
		cursor->segment_begin += left;
		cursor->segment++;
	}
	return 0;
}

#endif
