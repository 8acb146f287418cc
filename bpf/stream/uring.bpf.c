/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes io_uring's requests that move bytes of sockets, as they are submitted. They may run at once
 * or much later, in this thread or in one of the kernel's, which all are of the same process: where
 * their bytes then lie, uring.bpf.h finds. Runs for programs that use io_uring, and for no others.
 */
#include "stream/uring.bpf.h"

/* Registered files are listed elsewhere since Linux 6.13. */
struct io_fixed_file___6_12 {
	unsigned long file_ptr;
} RELOCATED;

struct io_file_table___6_12 {
	struct io_fixed_file___6_12 *files;
} RELOCATED;

#define FILE_FLAGS 7 /* that stand in the low bits of `file_ptr` */

/* The file that is registered under this number. */
static __always_inline __u64 registered_file(const struct io_kiocb *request, __u32 number)
{
	struct io_file_table___6_12 *old = (void *)&request->ctx->file_table;
	struct io_rsrc_node **nodes, *node = NULL;
	struct io_fixed_file___6_12 *files;

	if (bpf_core_field_exists(old->files)) {
		files = BPF_CORE_READ(old, files);
		return BPF_CORE_READ(files + number, file_ptr) & ~FILE_FLAGS;
	}
	nodes = BPF_CORE_READ(request, ctx, file_table.data.nodes);
	bpf_probe_read_kernel(&node, sizeof(node), nodes + number);
	return BPF_CORE_READ(node, file_ptr) & ~FILE_FLAGS;
}

static __always_inline bool is_socket(__u64 file)
{
	return (BPF_CORE_READ((struct file *)file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
}

static __always_inline void request_note(
	struct io_kiocb *request, enum direction direction, bool of_any_file)
{
	struct uring_key key = {.direction = direction};
	__u64 address = (__u64)request, *noted;

	if (request->flags & REQ_F_FIXED_FILE)
		key.file = registered_file(request, request->cqe.fd);
	else
		key.file = file_of(bpf_get_current_task_btf(), request->cqe.fd);
	if (of_any_file && !is_socket(key.file))
		return;
	noted = bpf_map_lookup_elem(&uring_requests, &key);
	if (noted) /* an update costs several times as much */
		*noted = address;
	else
		bpf_map_update_elem(&uring_requests, &key, &address, BPF_ANY);
}

static __always_inline int on_http_uring(struct io_kiocb *request)
{
	switch (request->opcode) {
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG: request_note(request, DIRECTION_RECEIVE, false); break;
	case IORING_OP_READ:
	case IORING_OP_READV:
	case IORING_OP_READ_FIXED:
	case IORING_OP_READV_FIXED:
	case IORING_OP_READ_MULTISHOT: request_note(request, DIRECTION_RECEIVE, true); break;
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC: request_note(request, DIRECTION_SEND, false); break;
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_WRITEV_FIXED: request_note(request, DIRECTION_SEND, true); break;
	}
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(http_uring, struct io_kiocb *request)
{
	return HELD(on_http_uring(request));
}
