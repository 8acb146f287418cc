/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions of a program or library read and write TLS, recognised by their symbols and never
 * by the file's name, and where each can be probed (probe_plan.h).
 */
#ifndef SONDE_TLS_LIBRARY_H
#define SONDE_TLS_LIBRARY_H

#include "tls/elf_file.h"
#include "tls/probe_plan.h"

enum tls_interface { TLS_OPENSSL, TLS_GNUTLS, TLS_INTERFACES };

struct tls_function {
	const char *name;
	enum tls_interface interface;
	unsigned arguments; /* that must be seen */
	bool has_result;    /* without which the call says nothing */
};

extern const struct tls_function tls_functions[];
extern const size_t tls_function_count;

#define TLS_FUNCTIONS_MAX 32

struct tls_library {
	enum machine machine;
	struct {
		bool is_there;
		uint64_t offset; /* in the file */
		size_t size;     /* bytes; 0: not known, so nothing is planned */
		struct probe_plan plan;
	} functions[TLS_FUNCTIONS_MAX]; /* as tls_functions */
};

const char *tls_interface_name(enum tls_interface interface);

/*
 * Reads what the file has. 0, also when that is nothing; else a negative errno and a reason for a
 * person, as elf_file_open().
 */
int tls_library_read(struct tls_library *library, const char *path, char error[ELF_FILE_ERROR_LEN]);

#endif
