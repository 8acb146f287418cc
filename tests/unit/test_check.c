/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sonde check` says of kernels that lack this or that, and how it exits. The kernels are made
 * up; what it finds on a real one is tried in tests/integration.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command/check.h"
#include "record/sources.h"

struct report {
	struct check_findings findings;
	struct programs programs;
	int status;
	char text[16384];
};

/* As this kernel is; the made-up ones take names and groups from it. */
static struct features detected;

static int detect(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	features_detect(&detected);
	return 0;
}

static bool has_all(void *context, const struct program *program, const char *target)
{
	(void)context, (void)program, (void)target;
	return true;
}

/* A kernel on which everything works. */
static int report_setup(void **state)
{
	struct report *report = calloc(1, sizeof(*report));
	struct programs_options options = {.has_target = has_all};

	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		options.wanted[switched_sources[i]] = true;
	if (!report || !programs_choose(&report->programs, &options))
		return -1;
	report->findings.programs = &report->programs;
	report->findings.features = detected;
	for (int i = 0; i < FEATURES; i++) {
		report->findings.features.list[i].state = FEATURE_WORKS;
		report->findings.features.list[i].error = 0;
		report->findings.features.list[i].reason[0] = '\0';
	}
	*state = report;
	return 0;
}

static int report_teardown(void **state)
{
	free(*state);
	return 0;
}

static void refuse(struct report *report, const char *program, const char *why)
{
	assert_true(programs_refuse(&report->programs, program_find(program), why));
}

static void make(struct report *report)
{
	FILE *out = fmemopen(report->text, sizeof(report->text), "w");

	assert_non_null(out);
	report->status = check_report(out, &report->findings);
	fclose(out);
}

static void assert_says(const struct report *report, const char *text)
{
	if (!strstr(report->text, text))
		fail_msg("no '%s' in:\n%s", text, report->text);
}

static void assert_silent(const struct report *report, const char *text)
{
	if (strstr(report->text, text))
		fail_msg("'%s' in:\n%s", text, report->text);
}

/* The verdict is the last line, alone after an empty one. */
static void assert_verdict(const struct report *report, const char *verdict)
{
	const char *last = strstr(report->text, "\n\n");

	assert_non_null(last);
	assert_string_equal(last + 2, verdict);
}

static void test_complete_kernel_runs_all_sources(void **state)
{
	struct report *report = *state;

	make(report);
	assert_int_equal(report->status, 0);
	assert_verdict(report, "Sonde can run here, with all sources\n");
	assert_silent(report, "cannot run");
	assert_silent(report, "not by");
	assert_says(report, "  HTTP/1                     runs by tracepoints\n");
	assert_says(report, "  DNS                        runs by tracepoints\n"
			    "    http_send                tp_btf sock_send_length ");
}

static void test_each_program_is_shown_with_its_hook_and_cost(void **state)
{
	struct report *report = *state;
	const struct program *enter = program_find("syscall_enter");

	report->findings.costs[enter - program_table] = (struct program_cost){4, 500};
	make(report);
	assert_says(report, "\n    syscall_enter            tp_btf sys_enter   ");
	assert_says(report, "    4       125\n    syscall_exit             tp_btf sys_exit ");
	assert_silent(report, "http_fentry_send");
}

static void test_lost_source_is_named_with_the_program_and_the_reason(void **state)
{
	struct report *report = *state;

	refuse(report, "process_exit", "EPERM: no");
	refuse(report, "tcp_state", "EACCES: R1 is no pointer");
	make(report);
	assert_int_equal(report->status, 0);
	assert_says(report, "  processes                  cannot run: process_exit (tp_btf "
			    "sched_process_exit): EPERM: no\n");
	assert_silent(report, "    process_exec");
	assert_verdict(report, "Sonde can run here, without TCP, processes\n");
}

static void test_fallback_is_told_with_its_reason(void **state)
{
	struct report *report = *state;

	refuse(report, "http_receive", "EPERM: no");
	make(report);
	assert_says(report, "  HTTP/1                     runs by fentry\n"
			    "    not by tracepoints: http_receive (tp_btf sock_recv_length): "
			    "EPERM: no\n");
	assert_says(report, "    http_fentry_send         fentry inet_sendmsg ");
	assert_verdict(report, "Sonde can run here, with all sources\n");
}

static void test_optional_program_costs_no_source_but_a_note(void **state)
{
	struct report *report = *state;

	refuse(report, "http_splice", "EPERM: no");
	refuse(report, "http_arrival", "EPERM: never");
	make(report);
	assert_says(report, "    not by http_splice (tp_btf tcp_rcv_space_adjust): EPERM: no; "
			    "splices are timed late\n");
	assert_says(report, "    not by http_arrival (tp_btf sk_data_ready): EPERM: never; but by "
			    "http_arrival_function\n");
	assert_says(report, "    http_arrival_function    fentry sock_def_readable ");
	assert_verdict(report, "Sonde can run here, with all sources\n");
}

static void test_what_can_be_read_of_io_uring_follows_from_the_hooks(void **state)
{
	struct report *report = *state;

	make(report);
	assert_says(report, "sends are read, receives are read where");
	refuse(report, "http_uring", "EPERM: no");
	make(report);
	assert_says(report, "sends are read, receives are unreadable\n");
	refuse(report, "http_send_begin", "EPERM: no");
	make(report);
	assert_says(report, "sends are read, receives are unreadable\n");
	refuse(report, "http_send_begin_function", "EPERM: no");
	make(report);
	assert_says(report, "sends are unreadable, receives are unreadable\n");
	refuse(report, "http_send", "EPERM: no");
	make(report);
	assert_says(report, "sends are read, receives are read\n");
}

static void test_features_are_listed_with_what_would_bring_them(void **state)
{
	struct report *report = *state;
	struct feature *kprobe = &report->findings.features.list[FEATURE_KPROBE];
	struct feature *ptrace = &report->findings.features.list[FEATURE_CAP_SYS_PTRACE];

	kprobe->state = ptrace->state = FEATURE_ABSENT;
	snprintf(kprobe->reason, sizeof(kprobe->reason), "needs CONFIG_KPROBES=y");
	snprintf(ptrace->reason, sizeof(ptrace->reason), "names");
	make(report);
	assert_int_equal(report->status, 0);
	assert_says(report, "  kprobe                     absent: needs CONFIG_KPROBES=y\n");
	assert_says(report, "  CAP_SYS_PTRACE             missing: names\n");
}

static void test_blocker_is_the_verdict_below_the_features(void **state)
{
	struct report *report = *state;

	report->findings.programs = NULL;
	report->findings.blocker = "sonde needs CAP_BPF and CAP_PERFMON: run as root";
	make(report);
	assert_int_equal(report->status, 1);
	assert_says(report, "  CAP_BPF                    held\n");
	assert_silent(report, "Sources");
	assert_verdict(report,
		"Sonde cannot run here: sonde needs CAP_BPF and CAP_PERFMON: run as root\n");
}

static void test_detection_fills_every_row_in_the_order_of_groups(void **state)
{
	enum feature_group group = FEATURE_GROUP_PRIVILEGE;

	(void)state;
	for (int i = 0; i < FEATURES; i++) {
		const struct feature *feature = &detected.list[i];

		assert_non_null(feature->name);
		assert_true(feature->group == group || feature->group == group + 1);
		group = feature->group;
		assert_int_equal(feature->error == 0, feature->state == FEATURE_WORKS);
		assert_int_equal(feature->reason[0] == '\0', feature->state == FEATURE_WORKS);
	}
	assert_int_equal(group, FEATURE_GROUPS - 1);
}

#define SPECIFICATION(test) cmocka_unit_test_setup_teardown(test, report_setup, report_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPECIFICATION(test_complete_kernel_runs_all_sources),
		SPECIFICATION(test_each_program_is_shown_with_its_hook_and_cost),
		SPECIFICATION(test_lost_source_is_named_with_the_program_and_the_reason),
		SPECIFICATION(test_fallback_is_told_with_its_reason),
		SPECIFICATION(test_optional_program_costs_no_source_but_a_note),
		SPECIFICATION(test_what_can_be_read_of_io_uring_follows_from_the_hooks),
		SPECIFICATION(test_features_are_listed_with_what_would_bring_them),
		SPECIFICATION(test_blocker_is_the_verdict_below_the_features),
		cmocka_unit_test(test_detection_fills_every_row_in_the_order_of_groups),
	};

	return cmocka_run_group_tests(tests, detect, NULL);
}
