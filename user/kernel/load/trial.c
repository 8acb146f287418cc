/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries of what a kernel offers, with maps that live for a moment and programs of two instructions.
 * Called by features.c.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <mntent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/load/trial.h"

#define PROGRAM_NAME "sonde_check"
#define MAP_MAX      65536 /* entries, or bytes of a ring buffer: whole pages of any size */
#define RARE_EVENT   "sched_process_exit"
#define OWN_PROGRAM  "/proc/self/exe"
#define PMU_FOLDER   "/sys/bus/event_source/devices/"
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --- privilege and switches --- */

bool capability_held(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	if (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability))
		return true;
	return (capability == CAP_BPF || capability == CAP_PERFMON) &&
	       data[0].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
}

int try_capability(const struct trial *trial)
{
	return capability_held(trial->type) ? 0 : -ENOENT;
}

int try_btf(const struct trial *trial)
{
	if (access(BTF_PATH, R_OK) < 0)
		return -errno;
	return trial->btf ? 0 : -EBADMSG;
}

int try_switch(const struct trial *trial)
{
	FILE *file = fopen(trial->hook, "re");
	int value = 0;

	if (!file)
		return -errno;
	if (fscanf(file, "%d", &value) != 1)
		value = 0;
	fclose(file);
	return value ? 0 : -ESHUTDOWN;
}

/* --- programs of two instructions --- */

static int program_load(
	enum bpf_prog_type type, enum bpf_attach_type attach, int btf_id, int result)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = result},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach,
		.attach_btf_id = btf_id);

	return bpf_prog_load(type, PROGRAM_NAME, "GPL", code, COUNT(code), &options);
}

/* Loads what hooks into the function or tracepoint that the kernel's BTF calls prefix + hook. */
static int tracing_load(const struct trial *trial, enum bpf_attach_type attach, const char *prefix)
{
	char name[64];
	int id;

	if (!trial->btf)
		return -ENODATA;
	snprintf(name, sizeof(name), "%s%s", prefix, trial->hook);
	id = kernel_btf_find(
		trial->btf, name, attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
	return id < 0 ? id : program_load(BPF_PROG_TYPE_TRACING, attach, id, 0);
}

/* Ends a try: the link goes, which detaches, then its program. Either may be an error. */
static int close_link(int program, int link)
{
	if (link >= 0)
		close(link);
	close(program);
	return link < 0 ? link : 0;
}

/* Asks a loaded program: the sysctl is hidden in network namespaces other than the first. */
int try_jit(const struct trial *trial)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);
	int program = program_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0), error;

	(void)trial;
	if (program < 0)
		return program;
	error = bpf_obj_get_info_by_fd(program, &info, &size);
	close(program);
	if (!error && info.jited_prog_len == 0)
		error = -ESHUTDOWN;
	return error;
}

int try_btf_attach(const struct trial *trial)
{
	int program = tracing_load(
		trial, trial->type, trial->type == BPF_TRACE_RAW_TP ? "btf_trace_" : "");

	if (program < 0)
		return program;
	return close_link(program, bpf_raw_tracepoint_open(NULL, program));
}

int try_raw_tracepoint(const struct trial *trial)
{
	int program = program_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0);

	if (program < 0)
		return program;
	return close_link(program, bpf_raw_tracepoint_open(trial->hook, program));
}

int try_iterator(const struct trial *trial)
{
	int program = tracing_load(trial, BPF_TRACE_ITER, "bpf_iter_");

	if (program < 0)
		return program;
	return close_link(program, bpf_link_create(program, 0, BPF_TRACE_ITER, NULL));
}

/* The first cgroup2 that is mounted, wherever that is. */
static int cgroup_open(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	int cgroup = -1;

	if (!mounts)
		return -errno;
	while (cgroup < 0 && (mount = getmntent(mounts)))
		if (strcmp(mount->mnt_type, "cgroup2") == 0)
			cgroup = open(mount->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	endmntent(mounts);
	return cgroup < 0 ? -ENOENT : cgroup;
}

/* Its programs return 1, which lets everything pass. */
int try_cgroup(const struct trial *trial)
{
	int cgroup = cgroup_open(), program, error;

	if (cgroup < 0)
		return cgroup;
	program = program_load(trial->type == BPF_CGROUP_SOCK_OPS ? BPF_PROG_TYPE_SOCK_OPS
								  : BPF_PROG_TYPE_CGROUP_SKB,
		trial->type, 0, 1);
	error = program;
	if (program >= 0)
		error = close_link(program, bpf_link_create(program, cgroup, trial->type, NULL));
	close(cgroup);
	return error;
}

/*
 * The kernel knows a helper when it looks at its arguments: they are wrong here (the first is the
 * context), which is EACCES, where a helper that this kind of program cannot call is EINVAL.
 * libbpf_probe_bpf_helper() has no answer for tracing programs, which are the question.
 */
int try_helper(const struct trial *trial)
{
	const struct bpf_insn code[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = trial->helper},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
	int id, program;

	if (!trial->btf)
		return -ENODATA;
	id = kernel_btf_find(trial->btf, "btf_trace_" RARE_EVENT, BTF_KIND_TYPEDEF);
	if (id < 0)
		return id;
	options.attach_btf_id = id;
	program = bpf_prog_load(
		BPF_PROG_TYPE_TRACING, PROGRAM_NAME, "GPL", code, COUNT(code), &options);
	if (program < 0)
		return program == -EACCES ? 0 : program;
	close(program);
	return 0;
}

/* Adds to a word of the stack, and takes what was there before. */
int try_atomic_fetch(const struct trial *trial)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_STX | BPF_MEM | BPF_DW,
			.dst_reg = BPF_REG_10,
			.src_reg = BPF_REG_0,
			.off = -8},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW,
			.dst_reg = BPF_REG_10,
			.src_reg = BPF_REG_0,
			.off = -8,
			.imm = BPF_ADD | BPF_FETCH},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(
		BPF_PROG_TYPE_RAW_TRACEPOINT, PROGRAM_NAME, "GPL", code, COUNT(code), NULL);

	(void)trial;
	if (program < 0)
		return program;
	close(program);
	return 0;
}

/* Types of `int sonde_check(void *)` and of the global `int sonde_function(int *)`, in this order.
 */
static struct btf *functions_describe(struct bpf_func_info functions[2])
{
	struct btf *types = btf__new_empty();
	int integer, pointer, proto;

	if (!types)
		return NULL;
	integer = btf__add_int(types, "int", sizeof(int), BTF_INT_SIGNED);
	pointer = btf__add_ptr(types, 0);
	proto = btf__add_func_proto(types, integer);
	btf__add_func_param(types, "context", pointer);
	functions[0].type_id = (__u32)btf__add_func(types, PROGRAM_NAME, BTF_FUNC_GLOBAL, proto);
	pointer = btf__add_ptr(types, integer);
	proto = btf__add_func_proto(types, integer);
	btf__add_func_param(types, "number", pointer);
	functions[1].type_id =
		(__u32)btf__add_func(types, "sonde_function", BTF_FUNC_GLOBAL, proto);
	return types;
}

/* Loads a program that has a global function, which is verified by itself. */
static int functions_load(const struct bpf_insn *code, size_t count, __u32 function)
{
	struct bpf_func_info functions[2] = {{.insn_off = 0}, {.insn_off = function}};
	struct btf *types = functions_describe(functions);
	LIBBPF_OPTS(bpf_prog_load_opts, options, .func_info = functions, .func_info_cnt = 2,
		.func_info_rec_size = sizeof(*functions));
	int program;

	if (!types)
		return -ENOMEM;
	program = btf__load_into_kernel(types);
	if (program == 0) {
		options.prog_btf_fd = (__u32)btf__fd(types);
		program = bpf_prog_load(
			BPF_PROG_TYPE_RAW_TRACEPOINT, PROGRAM_NAME, "GPL", code, count, &options);
	}
	btf__free(types);
	if (program < 0)
		return program;
	close(program);
	return 0;
}

/* Hands the function a pointer to its stack. */
#define POINTER_CALL(DISTANCE)                                                                     \
	{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -8},                      \
		{.code = BPF_ALU64 | BPF_MOV | BPF_X,                                              \
			.dst_reg = BPF_REG_1,                                                      \
			.src_reg = BPF_REG_10},                                                    \
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},            \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = (DISTANCE)          \
	}
#define RETURN_0                                                                                   \
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},                               \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}

int try_pointer_argument(const struct trial *trial)
{
	const struct bpf_insn code[] = {POINTER_CALL(1), {.code = BPF_JMP | BPF_EXIT}, RETURN_0};

	(void)trial;
	return functions_load(code, COUNT(code), 5);
}

#define KFUNC_CALL(ID)                                                                             \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = (ID)          \
	}
/* To where the flags of interrupts are kept. */
#define FLAGS_POINT                                                                                \
	{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},        \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -16              \
	}

/* A program that calls such a function while it holds on to the CPU; bpf/core/sonde.bpf.h. */
int try_hold_cpu(const struct trial *trial)
{
	static const char *const names[] = {"bpf_preempt_disable", "bpf_local_irq_save",
		"bpf_preempt_enable", "bpf_local_irq_restore"};
	int ids[COUNT(names)];

	if (!trial->btf)
		return -ENODATA;
	for (size_t i = 0; i < COUNT(names); i++) {
		ids[i] = kernel_btf_find(trial->btf, names[i], BTF_KIND_FUNC);
		if (ids[i] < 0)
			return -ENOENT;
	}
	const struct bpf_insn code[] = {
		KFUNC_CALL(ids[0]),
		POINTER_CALL(9),
		FLAGS_POINT,
		KFUNC_CALL(ids[1]),
		KFUNC_CALL(ids[2]),
		FLAGS_POINT,
		KFUNC_CALL(ids[3]),
		RETURN_0,
		RETURN_0,
	};

	return functions_load(code, COUNT(code), 14);
}

/* --- maps --- */

int try_map(const struct trial *trial)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	int key_size = 0, value_size = sizeof(int), map;

	if (trial->type == BPF_MAP_TYPE_RINGBUF) {
		value_size = 0;
	} else if (trial->type == BPF_MAP_TYPE_ARRAY) {
		key_size = sizeof(int);
		options.map_flags = BPF_F_MMAPABLE;
	}
	map = bpf_map_create(trial->type, PROGRAM_NAME, key_size, value_size, MAP_MAX, &options);
	if (map < 0)
		return map;
	close(map);
	return 0;
}

/* The map, whose key and value take BTF, and the helper that reads it: tracing got that later. */
int try_storage(const struct trial *trial)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	struct btf *types = btf__new_empty();
	int integer, map;

	if (!types)
		return -ENOMEM;
	integer = btf__add_int(types, "int", sizeof(int), BTF_INT_SIGNED);
	map = integer < 0 ? integer : btf__load_into_kernel(types);
	if (map == 0) {
		options.btf_fd = btf__fd(types);
		options.btf_key_type_id = integer;
		options.btf_value_type_id = integer;
		map = bpf_map_create(
			trial->type, PROGRAM_NAME, sizeof(int), sizeof(int), 0, &options);
	}
	btf__free(types);
	if (map < 0)
		return map;
	close(map);
	return try_helper(trial);
}

/* --- perf events: tracepoint, kprobe, uprobe --- */

/*
 * The event, which detaches when it is closed, or a negative errno. It comes first: it tells "not
 * in this kernel" from "not allowed".
 */
static int perf_open(enum bpf_prog_type type, struct perf_event_attr *attr, pid_t pid)
{
	int event, program, error = 0;

	attr->size = sizeof(*attr);
	event = syscall(SYS_perf_event_open, attr, pid, pid < 0 ? 0 : -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	program = program_load(type, 0, 0, 0);
	if (program < 0) {
		close(event);
		return program;
	}
	if (ioctl(event, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
		ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0)
		error = -errno;
	close(program); /* the event holds it */
	if (!error)
		return event;
	close(event);
	return error;
}

static int perf_attach(enum bpf_prog_type type, struct perf_event_attr *attr, pid_t pid)
{
	int event = perf_open(type, attr, pid);

	if (event < 0)
		return event;
	close(event);
	return 0;
}

static int number_read(const char *path, unsigned int *number)
{
	FILE *file = fopen(path, "re");
	int error;

	if (!file)
		return -errno;
	error = fscanf(file, "%u", number) == 1 ? 0 : -EBADMSG;
	fclose(file);
	return error;
}

int try_tracepoint(const struct trial *trial)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT};
	unsigned int id;
	int error = number_read(trial->hook, &id);

	if (error)
		return error;
	attr.config = id;
	return perf_attach(BPF_PROG_TYPE_TRACEPOINT, &attr, -1);
}

int try_kprobe(const struct trial *trial)
{
	struct perf_event_attr attr = {.config1 = (uintptr_t)trial->hook};
	int error = number_read(PMU_FOLDER "kprobe/type", &attr.type);

	return error ? error : perf_attach(BPF_PROG_TYPE_KPROBE, &attr, -1);
}

/* Turns an address in this program, the first that is listed, into an offset in its file. */
static int file_offset(struct dl_phdr_info *program, size_t size, void *context)
{
	uint64_t *address = context, place = *address - program->dlpi_addr;

	(void)size;
	for (int i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &program->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && place >= segment->p_vaddr &&
			place - segment->p_vaddr < segment->p_filesz)
			*address = place - segment->p_vaddr + segment->p_offset;
	}
	return 1;
}

int uprobe_open(const void *function, bool at_return)
{
	uint64_t offset = (uintptr_t)function;
	struct perf_event_attr attr = {.config1 = (uintptr_t)OWN_PROGRAM, .config = at_return};
	int error = number_read(PMU_FOLDER "uprobe/type", &attr.type);

	if (error)
		return error;
	dl_iterate_phdr(file_offset, &offset);
	attr.config2 = offset;
	return perf_open(BPF_PROG_TYPE_KPROBE, &attr, 0);
}

/* At a function that has been entered already. */
int try_uprobe(const struct trial *trial)
{
	int event = uprobe_open((const void *)(uintptr_t)features_detect, false);

	(void)trial;
	if (event < 0)
		return event;
	close(event);
	return 0;
}
