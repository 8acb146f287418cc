/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs are chosen on kernels that lack this or refuse that. The kernels are made up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/log.h"
#include "kernel/load/programs.h"
#include "kernel/load/skeleton.h"

struct kernel {
	const char *lacks; /* names, each between spaces */
	bool storage_vanishes;
};

static bool has_target(void *context, const struct program *program, const char *target)
{
	const struct kernel *kernel = context;
	char word[64];

	(void)program;
	snprintf(word, sizeof(word), " %s ", target);
	return !strstr(kernel->lacks, word);
}

static struct programs programs;

static bool choose_from(
	struct kernel *kernel, enum http_hooks hooks, bool tables, char *const *disabled)
{
	struct programs_options options = {
		.wanted = {[SOURCE_SYSCALL] = true,
			[SOURCE_TCP] = true,
			[SOURCE_HTTP] = true,
			[SOURCE_DNS] = true,
			[SOURCE_PROCESS] = true},
		.http_hooks = hooks,
		.disabled = disabled,
		.tables = tables,
		.storage_vanishes = kernel->storage_vanishes,
		.has_target = has_target,
		.context = kernel,
	};

	while (disabled && disabled[options.disabled_count])
		options.disabled_count++;
	return programs_choose(&programs, &options);
}

static struct kernel modern = {.lacks = " inet_sendpage unix_stream_sendpage "};

#define choose(kernel) choose_from(&(kernel), HTTP_HOOKS_AUTO, false, NULL)

static bool has(const char *name)
{
	return programs_has(&programs, program_find(name));
}

static bool refuse(const char *name)
{
	return programs_refuse(&programs, program_find(name), "EPERM: refused");
}

static void test_every_program_of_both_objects_has_a_row_and_the_other_way_round(void **state)
{
	const enum skeleton_kept all[] = {KEPT_IN_STORAGE, KEPT_IN_TABLES};
	bool found[PROGRAMS_MAX] = {false};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sonde *skeleton = skeleton_open(all[i]);
		struct bpf_program *program;

		assert_non_null(skeleton);
		bpf_object__for_each_program(program, skeleton->obj)
		{
			const struct program *row = program_find(bpf_program__name(program));

			if (!row)
				fail_msg("no row for %s", bpf_program__name(program));
			else
				found[row - program_table] = true;
		}
		sonde__destroy(skeleton);
	}
	for (size_t i = 0; i < program_count; i++)
		if (!found[i])
			fail_msg("no program for %s", program_table[i].name);
}

static void test_a_stand_in_comes_after_the_program_it_stands_in_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < program_count; i++)
		if (program_table[i].unless) {
			assert_non_null(program_find(program_table[i].unless));
			assert_true(program_find(program_table[i].unless) < &program_table[i]);
		}
}

static void test_a_modern_kernel_uses_tracepoints_and_no_stand_in(void **state)
{
	(void)state;
	assert_true(choose(modern));
	assert_int_equal(programs.backend, HTTP_TRACEPOINTS);
	assert_true(has("http_send") && has("http_receive") && has("http_arrival"));
	assert_false(has("http_send_begin_function") || has("http_arrival_function"));
	assert_false(has("http_fentry_send") || has("http_kprobe_send"));
	assert_false(has("tcp_forget") || has("workload_thread_end"));
	assert_false(programs_by_tables(&programs));
}

static void test_a_missing_tracepoint_is_replaced_by_a_function(void **state)
{
	struct kernel kernel = {.lacks = " tcp_sendmsg_locked sk_data_ready "};

	(void)state;
	/* the first is the name of a function, too, which is there only with the tracepoint here */
	assert_true(choose(kernel));
	assert_true(has("http_send") && has("http_arrival_function"));
	assert_false(has("http_arrival") || has("http_send_begin_function"));
}

static void test_without_the_needed_tracepoints_functions_are_used(void **state)
{
	struct kernel kernel = {.lacks = " sock_recv_length tcp_rcv_space_adjust inet_sendpage "};

	(void)state;
	assert_true(choose(kernel));
	assert_int_equal(programs.backend, HTTP_FENTRY);
	assert_ptr_equal(programs.backend_off[HTTP_TRACEPOINTS], program_find("http_receive"));
	assert_true(has("http_fentry_send") && has("http_arrival") && has("http_fexit_splice"));
	assert_true(has("http_fexit_sendpage_unix"));
	assert_false(has("http_fexit_sendpage") || has("http_send") || has("http_splice"));
}

static void test_what_serves_one_thing_together_goes_together(void **state)
{
	struct kernel kernel = {.lacks = " sock_send_length inet6_recvmsg inet_sendpage "};

	(void)state;
	assert_true(choose(kernel));
	assert_false(has("http_fentry_send6") || has("http_fexit_send6"));
	assert_true(has("http_fentry_send") && has("http_fexit_receive_unix"));
	assert_true(programs_misses(&programs, program_find("http_fexit_send6")));
}

static void test_refused_functions_lead_to_kprobes_which_keep_tables(void **state)
{
	struct kernel kernel = {.lacks = " sock_send_length "};

	(void)state;
	assert_true(choose(kernel));
	assert_true(refuse("http_fexit_send"));
	assert_int_equal(programs.backend, HTTP_KPROBES);
	assert_true(has("http_kprobe_send") && has("tcp_forget") && has("workload_thread_end"));
	assert_true(programs_by_tables(&programs));
	assert_true(refuse("http_kprobe_send"));
	assert_false(programs_has_source(&programs, SOURCE_HTTP));
	assert_false(has("http_state") || has("http_arrival") || has("tcp_forget"));
	assert_true(has("tcp_state") && has("syscall_enter") && has("process_exec"));
	assert_false(programs_by_tables(&programs));
}

static void test_what_all_backends_need_switches_http_off_at_once(void **state)
{
	(void)state;
	assert_true(choose(modern));
	assert_true(refuse("http_destroy"));
	assert_false(programs_has_source(&programs, SOURCE_HTTP));
	assert_int_equal(programs.backend, HTTP_TRACEPOINTS);
}

static void test_a_forced_backend_that_cannot_be_had_is_an_error_that_says_why(void **state)
{
	(void)state;
	assert_true(choose_from(&modern, HTTP_FENTRY, false, NULL));
	assert_true(has("http_fentry_send") && !has("http_send"));
	assert_false(refuse("http_fentry_send"));
	assert_non_null(strstr(programs.error, "http-hooks: fentry cannot be had here: "
					       "http_fentry_send (fentry inet_sendmsg): EPERM"));
	assert_non_null(strstr(programs.error, "`http-hooks: auto`"));
}

static void test_a_kernel_without_storage_keeps_tables_with_any_backend(void **state)
{
	(void)state;
	assert_true(choose_from(&modern, HTTP_HOOKS_AUTO, true, NULL));
	assert_int_equal(programs.backend, HTTP_TRACEPOINTS);
	assert_true(programs_by_tables(&programs));
	assert_true(has("tcp_forget") && has("http_fentry_close_unix"));
}

static void test_sockets_are_listed_where_storage_vanishes_under_an_iterator(void **state)
{
	struct kernel kernel = {.lacks = modern.lacks, .storage_vanishes = true};

	(void)state;
	assert_true(choose(modern));
	assert_false(programs_lists_sockets(&programs));
	assert_true(choose(kernel));
	assert_true(programs_lists_sockets(&programs));
	assert_true(has("tcp_forget"));
	assert_false(has("http_fentry_close_unix") || has("workload_thread_end"));
	assert_true(choose_from(&kernel, HTTP_KPROBES, false, NULL));
	assert_false(programs_lists_sockets(&programs));
}

static void test_disabled_programs_are_as_if_refused(void **state)
{
	char *disabled[] = {"workload_tasks", "process_exit", "http_state", NULL};

	(void)state;
	assert_true(choose_from(&modern, HTTP_HOOKS_AUTO, false, disabled));
	assert_false(has("workload_tasks") || has("process_exec") || has("http_send_begin"));
	assert_true(has("workload_exec") && has("tcp_sweep") && has("syscall_exit"));
}

static void test_without_any_source_there_is_nothing_to_run(void **state)
{
	char *disabled[] = {"syscall_exit", "process_exit", "http_state", "tcp_sweep", "http_send",
		"http_fexit_send", "http_kprobe_send", NULL};

	(void)state;
	assert_false(choose_from(&modern, HTTP_HOOKS_AUTO, false, disabled));
	assert_non_null(strstr(programs.error, "no source is left"));
}

static void test_tcp_serves_http_also_when_nobody_asks_for_tcp(void **state)
{
	struct programs_options options = {
		.wanted = {[SOURCE_HTTP] = true}, .has_target = has_target, .context = &modern};

	(void)state;
	assert_true(programs_choose(&programs, &options));
	assert_true(has("tcp_state") && has("workload_fork") && has("http_send"));
	assert_false(has("syscall_enter") || has("process_exec"));
	assert_false(programs_has_source(&programs, SOURCE_TCP));
	assert_true(refuse("tcp_state"));
	assert_true(has("http_send") && !has("tcp_sweep"));
	assert_false(refuse("http_state"));
}

static void test_dns_runs_by_the_programs_of_http_also_without_http(void **state)
{
	struct programs_options options = {
		.wanted = {[SOURCE_DNS] = true}, .has_target = has_target, .context = &modern};

	(void)state;
	assert_true(programs_choose(&programs, &options));
	assert_true(has("http_send") && has("http_receive") && has("workload_fork"));
	assert_false(has("http_state") || has("http_send_begin") || has("http_uring") ||
		     has("http_arrival") || has("tcp_state"));
	assert_false(programs_has_source(&programs, SOURCE_HTTP));

	assert_true(refuse("http_send"));
	assert_true(has("http_fexit_send") && has("http_fexit_receive6"));
	assert_false(has("http_fentry_send") || has("http_fexit_send_unix"));
	assert_true(refuse("http_fexit_receive"));
	assert_true(has("http_kprobe_send") && has("http_kretprobe_receive"));
	assert_false(has("http_kprobe_splice"));
	assert_true(programs_by_tables(&programs));
	assert_false(refuse("http_kprobe_receive"));
	assert_false(programs_has_source(&programs, SOURCE_DNS));
}

static void test_tcp_learns_from_the_backends_who_uses_connections_also_alone(void **state)
{
	struct programs_options options = {
		.wanted = {[SOURCE_TCP] = true}, .has_target = has_target, .context = &modern};

	(void)state;
	assert_true(programs_choose(&programs, &options));
	assert_true(has("http_send") && has("http_receive") && has("http_arrival"));
	assert_false(has("http_state") || has("http_send_begin") || has("http_splice"));

	assert_true(refuse("http_send"));
	assert_true(has("http_fexit_send") && has("http_fexit_receive6"));
	assert_false(has("http_fentry_send") || has("http_fexit_send_unix"));
	assert_true(refuse("http_fexit_receive"));
	assert_true(has("http_kprobe_send") && programs_by_tables(&programs));
	assert_true(refuse("http_kprobe_receive")); /* it does without them */
	assert_true(programs_has_source(&programs, SOURCE_TCP) && has("tcp_state"));
	assert_false(
		has("http_kprobe_send") || has("http_arrival") || programs_by_tables(&programs));
}

static void test_the_end_of_http_leaves_dns_its_programs(void **state)
{
	(void)state;
	assert_true(choose(modern));
	assert_true(refuse("http_state"));
	assert_false(programs_has_source(&programs, SOURCE_HTTP));
	assert_true(programs_has_source(&programs, SOURCE_DNS));
	assert_true(has("http_send") && has("http_receive"));
	assert_false(has("http_send_begin") || has("http_destroy"));
}

static int quiet(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_every_program_of_both_objects_has_a_row_and_the_other_way_round),
		cmocka_unit_test(test_a_stand_in_comes_after_the_program_it_stands_in_for),
		cmocka_unit_test(test_a_modern_kernel_uses_tracepoints_and_no_stand_in),
		cmocka_unit_test(test_a_missing_tracepoint_is_replaced_by_a_function),
		cmocka_unit_test(test_without_the_needed_tracepoints_functions_are_used),
		cmocka_unit_test(test_what_serves_one_thing_together_goes_together),
		cmocka_unit_test(test_refused_functions_lead_to_kprobes_which_keep_tables),
		cmocka_unit_test(test_what_all_backends_need_switches_http_off_at_once),
		cmocka_unit_test(
			test_a_forced_backend_that_cannot_be_had_is_an_error_that_says_why),
		cmocka_unit_test(test_a_kernel_without_storage_keeps_tables_with_any_backend),
		cmocka_unit_test(test_sockets_are_listed_where_storage_vanishes_under_an_iterator),
		cmocka_unit_test(test_disabled_programs_are_as_if_refused),
		cmocka_unit_test(test_without_any_source_there_is_nothing_to_run),
		cmocka_unit_test(test_tcp_serves_http_also_when_nobody_asks_for_tcp),
		cmocka_unit_test(test_dns_runs_by_the_programs_of_http_also_without_http),
		cmocka_unit_test(test_tcp_learns_from_the_backends_who_uses_connections_also_alone),
		cmocka_unit_test(test_the_end_of_http_leaves_dns_its_programs),
	};

	return cmocka_run_group_tests_name("programs", tests, quiet, NULL);
}
