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

#include "kernel/check.h"

struct report {
	struct features features;
	int status;
	char text[8192];
};

/* As this kernel is; the made-up ones take names and groups from it. */
static struct features detected;

static int detect(void **state)
{
	(void)state;
	features_detect(&detected);
	return 0;
}

/* A kernel on which everything works. */
static int report_setup(void **state)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return -1;
	report->features = detected;
	for (int i = 0; i < FEATURES; i++) {
		report->features.list[i].state = FEATURE_WORKS;
		report->features.list[i].error = 0;
		report->features.list[i].reason[0] = '\0';
	}
	*state = report;
	return 0;
}

static int report_teardown(void **state)
{
	free(*state);
	return 0;
}

static void lose(struct report *report, enum feature_id id, const char *reason)
{
	struct feature *feature = &report->features.list[id];

	feature->state = FEATURE_ABSENT;
	feature->error = -ENOENT;
	snprintf(feature->reason, sizeof(feature->reason), "%s", reason);
}

static void make(struct report *report, const char *blocker)
{
	FILE *out = fmemopen(report->text, sizeof(report->text), "w");

	assert_non_null(out);
	report->status = check_report(out, &report->features, blocker);
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

	make(report, NULL);
	assert_int_equal(report->status, 0);
	assert_verdict(report, "Sonde can run here, with all sources\n");
	assert_silent(report, "cannot run");
}

static void test_each_source_names_its_means(void **state)
{
	struct report *report = *state;

	make(report, NULL);
	assert_says(report, "  system calls               runs by tp_btf sys_enter, sys_exit\n");
	assert_says(report, "  TCP                        runs by iter/task_file, iter/tcp, tp_btf "
			    "inet_sock_set_state\n");
	assert_says(report, "begin of sends: tp_btf tcp_sendmsg_locked; ");
}

static void test_missing_hook_takes_only_its_source_and_says_what_would_bring_it(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_SOCK_RECV_LENGTH, "needs Linux 6.3");
	make(report, NULL);
	assert_int_equal(report->status, 0);
	assert_says(report, "cannot run: no tp_btf sock_recv_length: needs Linux 6.3\n");
	assert_verdict(report, "Sonde can run here, without HTTP/1\n");
}

static void test_several_lost_sources_are_all_named(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_SYS_ENTER, "");
	lose(report, FEATURE_SOCKET_STORAGE, "");
	make(report, NULL);
	assert_int_equal(report->status, 0);
	assert_verdict(report, "Sonde can run here, without system calls, TCP, HTTP/1\n");
}

static void test_optional_hook_costs_no_source_but_a_note(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_TCP_SENDMSG_LOCKED, "needs Linux 6.16");
	make(report, NULL);
	assert_int_equal(report->status, 0);
	assert_says(report,
		"; a send counts from its end: no tp_btf tcp_sendmsg_locked: needs Linux 6.16; "
		"arrivals: tp_btf sk_data_ready;");
	assert_verdict(report, "Sonde can run here, with all sources\n");
}

static void test_first_cause_is_named_and_the_rest_counted(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_SYS_EXIT, "needs BTF");
	lose(report, FEATURE_SYS_ENTER, "needs BTF");
	make(report, NULL);
	assert_says(report, "cannot run: no tp_btf sys_enter: needs BTF; 1 more above\n");
}

static void test_without_services_no_source_runs(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_TASK_STORAGE, "needs Linux 5.12");
	make(report, NULL);
	assert_int_equal(report->status, 1);
	assert_says(report,
		"  services                   cannot run: no task storage: needs Linux 5.12\n");
	assert_says(report,
		"  processes                  cannot run: no task storage: needs Linux 5.12\n");
	assert_says(report, "\nSonde cannot run here: this kernel serves none of the sources");
}

static void test_without_any_source_it_fails(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_SYS_ENTER, "");
	lose(report, FEATURE_INET_SOCK_SET_STATE, "");
	lose(report, FEATURE_SCHED_PROCESS_EXIT, "");
	make(report, NULL);
	assert_int_equal(report->status, 1);
	assert_says(report, "  services                   runs by");
	assert_says(report, "\nSonde cannot run here: this kernel serves none of the sources");
}

static void test_what_sonde_does_not_use_is_no_reason_to_fail(void **state)
{
	struct report *report = *state;

	lose(report, FEATURE_KPROBE, "needs CONFIG_KPROBES=y");
	lose(report, FEATURE_FENTRY, "");
	lose(report, FEATURE_CAP_SYS_PTRACE, "names");
	make(report, NULL);
	assert_int_equal(report->status, 0);
	assert_says(report, "  kprobe                     absent: needs CONFIG_KPROBES=y\n");
	assert_says(report, "  CAP_SYS_PTRACE             missing: names\n");
	assert_verdict(report, "Sonde can run here, with all sources\n");
}

static void test_blocker_is_the_verdict(void **state)
{
	struct report *report = *state;

	make(report, "sonde needs CAP_BPF and CAP_PERFMON: run as root");
	assert_int_equal(report->status, 1);
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
		SPECIFICATION(test_each_source_names_its_means),
		SPECIFICATION(test_missing_hook_takes_only_its_source_and_says_what_would_bring_it),
		SPECIFICATION(test_several_lost_sources_are_all_named),
		SPECIFICATION(test_optional_hook_costs_no_source_but_a_note),
		SPECIFICATION(test_first_cause_is_named_and_the_rest_counted),
		SPECIFICATION(test_without_services_no_source_runs),
		SPECIFICATION(test_without_any_source_it_fails),
		SPECIFICATION(test_what_sonde_does_not_use_is_no_reason_to_fail),
		SPECIFICATION(test_blocker_is_the_verdict),
		cmocka_unit_test(test_detection_fills_every_row_in_the_order_of_groups),
	};

	return cmocka_run_group_tests(tests, detect, NULL);
}
