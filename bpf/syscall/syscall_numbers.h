/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of the system calls that probes tell apart, and what their waiting depends on. The
 * kernel's own header of them cannot be included beside vmlinux.h, and has the numbers of the
 * machine that compiles; a unit test compares the two.
 */
#ifndef SONDE_SYSCALL_NUMBERS_H
#define SONDE_SYSCALL_NUMBERS_H

#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#	define BY_ARCHITECTURE(x86_64, arm64) x86_64
#elif defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#	define BY_ARCHITECTURE(x86_64, arm64) arm64
#endif

enum syscall_number {
	NR_READ = BY_ARCHITECTURE(0, 63),
	NR_WRITE = BY_ARCHITECTURE(1, 64),
	NR_READV = BY_ARCHITECTURE(19, 65),
	NR_WRITEV = BY_ARCHITECTURE(20, 66),
	NR_SENDFILE = BY_ARCHITECTURE(40, 71),
	NR_CONNECT = BY_ARCHITECTURE(42, 203),
	NR_ACCEPT = BY_ARCHITECTURE(43, 202),
	NR_SENDTO = BY_ARCHITECTURE(44, 206),
	NR_RECVFROM = BY_ARCHITECTURE(45, 207),
	NR_GETSOCKOPT = BY_ARCHITECTURE(55, 209),
	NR_SENDMSG = BY_ARCHITECTURE(46, 211),
	NR_RECVMSG = BY_ARCHITECTURE(47, 212),
	NR_SPLICE = BY_ARCHITECTURE(275, 76),
	NR_ACCEPT4 = BY_ARCHITECTURE(288, 242),
	NR_RECVMMSG = BY_ARCHITECTURE(299, 243),
	NR_SENDMMSG = BY_ARCHITECTURE(307, 269),
	NR_PREADV2 = BY_ARCHITECTURE(327, 286),
	NR_PWRITEV2 = BY_ARCHITECTURE(328, 287),
};

/* Whether a call may take long without anything being slow. */
enum syscall_wait {
	SYSCALL_WORKS,           /* no */
	SYSCALL_WAITS,           /* its purpose is to wait for others or for a time */
	SYSCALL_WAITS_BY_FILE,   /* where its first argument is a file that is waited for */
	SYSCALL_WAITS_BY_RESULT, /* where it returns such a file */
};

#endif
