/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches an empty program to tp_btf/sys_enter and another to tp_btf/sys_exit, says "attached",
 * and waits until its input ends; then prints how often they ran and how many ns that took, which
 * is what kernel.bpf_stats_enabled itself costs each run.
 *
 * Called by tests/bench/run: no tracing of system calls can cost less than this.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* r0 = 0; exit */
static const struct bpf_insn instructions[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	{.code = BPF_JMP | BPF_EXIT},
};

/* Loads and attaches; returns the program, or a negative errno. The link lives until exit. */
static int empty_attach(const char *tracepoint)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
	int id = libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP);
	int program, link;

	if (id < 0)
		return id;
	options.attach_btf_id = (__u32)id;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "bench_empty", "Dual BSD/GPL", instructions,
		sizeof(instructions) / sizeof(*instructions), &options);
	if (program < 0)
		return program;
	link = bpf_raw_tracepoint_open(NULL, program);
	return link < 0 ? link : program;
}

int main(void)
{
	static const char *const tracepoints[] = {"sys_enter", "sys_exit"};
	unsigned long long runs = 0, run_ns = 0;
	int programs[2];
	char ignored[64];

	for (int i = 0; i < 2; i++) {
		programs[i] = empty_attach(tracepoints[i]);
		if (programs[i] < 0) {
			fprintf(stderr, "empty_pair: %s: %s (root is needed)\n", tracepoints[i],
				strerror(-programs[i]));
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
		;
	for (int i = 0; i < 2; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(programs[i], &info, &size)) {
			perror("empty_pair: bpf_obj_get_info_by_fd");
			return 1;
		}
		runs += info.run_cnt;
		run_ns += info.run_time_ns;
	}
	printf("%llu %llu\n", runs, run_ns);
	return 0;
}
