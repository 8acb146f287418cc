/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that probes know system calls by are those of this architecture. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <asm/unistd.h>

#include "core/table.h"
#include "syscall/syscall_numbers.h"

/* What the kernel's header says, or -1. The compiler warns of a number that is not asked for. */
static int number_of(enum syscall_number number)
{
	switch (number) {
	case NR_READ: return __NR_read;
	case NR_WRITE: return __NR_write;
	case NR_READV: return __NR_readv;
	case NR_WRITEV: return __NR_writev;
	case NR_SENDFILE: return __NR_sendfile;
	case NR_CONNECT: return __NR_connect;
	case NR_ACCEPT: return __NR_accept;
	case NR_SENDTO: return __NR_sendto;
	case NR_RECVFROM: return __NR_recvfrom;
	case NR_GETSOCKOPT: return __NR_getsockopt;
	case NR_SENDMSG: return __NR_sendmsg;
	case NR_RECVMSG: return __NR_recvmsg;
	case NR_SPLICE: return __NR_splice;
	case NR_ACCEPT4: return __NR_accept4;
	case NR_RECVMMSG: return __NR_recvmmsg;
	case NR_SENDMMSG: return __NR_sendmmsg;
	case NR_PREADV2: return __NR_preadv2;
	case NR_PWRITEV2: return __NR_pwritev2;
	}
	return -1;
}

static void test_numbers_are_those_of_the_kernels_header(void **state)
{
	(void)state;
	for (int number = 0; number < SYSCALLS_MAX; number++)
		if (number_of(number) >= 0)
			assert_int_equal(number, number_of(number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_those_of_the_kernels_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
