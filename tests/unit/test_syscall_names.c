/* SPDX-License-Identifier: Apache-2.0 */
/* Names of system calls, and which of them wait by design. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/syscall.h>

#include "telemetry/syscall/syscall_names.h"

static void test_names_follow_this_architecture(void **state)
{
	(void)state;
	assert_string_equal(syscall_name(SYS_read), "read");
	assert_string_equal(syscall_name(SYS_execve), "execve");
	assert_string_equal(syscall_name(SYS_statx), "statx");
	assert_string_equal(syscall_name(SYS_io_uring_enter), "io_uring_enter");
}

static void test_unknown_number_is_shown_as_a_number(void **state)
{
	char buffer[SYSCALL_TEXT_LEN];

	(void)state;
	assert_null(syscall_name(5000));
	assert_null(syscall_name(UINT32_MAX));
	assert_string_equal(syscall_text(5000, buffer), "syscall_5000");
	assert_string_equal(syscall_text(UINT32_MAX, buffer), "syscall_4294967295");
	assert_string_equal(syscall_text(SYS_close, buffer), "close");
}

static void test_every_name_belongs_to_one_number(void **state)
{
	unsigned count = 0;

	(void)state;
	for (unsigned a = 0; a < 1000; a++) {
		const char *name = syscall_name(a);

		if (!name)
			continue;
		count++;
		for (unsigned b = a + 1; b < 1000; b++)
			assert_true(!syscall_name(b) || strcmp(name, syscall_name(b)) != 0);
	}
	assert_true(count > 300);
}

static void test_calls_that_wait_by_design_are_told_apart(void **state)
{
	static const unsigned waiting[] = {SYS_futex, SYS_nanosleep, SYS_clock_nanosleep, SYS_ppoll,
		SYS_pselect6, SYS_epoll_pwait, SYS_wait4, SYS_waitid, SYS_accept4,
		SYS_rt_sigtimedwait, SYS_io_uring_enter, SYS_semtimedop, SYS_msgsnd,
		SYS_mq_timedsend, SYS_syslog};
	static const unsigned by_file[] = {SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64,
		SYS_pwrite64, SYS_preadv2, SYS_pwritev2, SYS_sendfile, SYS_ioctl, SYS_recvfrom,
		SYS_recvmsg, SYS_sendto, SYS_sendmsg, SYS_splice};
	static const unsigned working[] = {SYS_connect, SYS_fsync, SYS_flock, SYS_fcntl, SYS_close,
		SYS_getdents64, SYS_copy_file_range, SYS_sched_yield, SYS_exit_group, 5000,
		UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		assert_int_equal(syscall_wait(waiting[i]), SYSCALL_WAITS);
		assert_true(syscall_name_waits(syscall_name(waiting[i])));
	}
	for (size_t i = 0; i < sizeof(by_file) / sizeof(by_file[0]); i++) {
		assert_int_equal(syscall_wait(by_file[i]), SYSCALL_WAITS_BY_FILE);
		assert_false(syscall_name_waits(syscall_name(by_file[i])));
	}
	for (size_t i = 0; i < sizeof(working) / sizeof(working[0]); i++)
		assert_int_equal(syscall_wait(working[i]), SYSCALL_WORKS);
	assert_int_equal(syscall_wait(SYS_openat), SYSCALL_WAITS_BY_RESULT);
	assert_false(syscall_name_waits("connect"));
	assert_false(syscall_name_waits("syscall_5000"));
	assert_false(syscall_name_waits(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_follow_this_architecture),
		cmocka_unit_test(test_unknown_number_is_shown_as_a_number),
		cmocka_unit_test(test_every_name_belongs_to_one_number),
		cmocka_unit_test(test_calls_that_wait_by_design_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
