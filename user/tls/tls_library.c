/* SPDX-License-Identifier: Apache-2.0 */
/* See tls_library.h. */
#include "tls/tls_library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By name, since each symbol of a file is looked up here. */
const struct tls_function tls_functions[] = {
	{"BIO_write", TLS_OPENSSL, 3, false},
	{"SSL_free", TLS_OPENSSL, 1, false},
	{"SSL_read", TLS_OPENSSL, 3, true},
	{"SSL_read_early_data", TLS_OPENSSL, 4, true},
	{"SSL_read_ex", TLS_OPENSSL, 4, true},
	{"SSL_sendfile", TLS_OPENSSL, 4, true},
	{"SSL_shutdown", TLS_OPENSSL, 1, false},
	{"SSL_write", TLS_OPENSSL, 3, true},
	{"SSL_write_early_data", TLS_OPENSSL, 4, true},
	{"SSL_write_ex", TLS_OPENSSL, 4, true},
	{"gnutls_bye", TLS_GNUTLS, 1, false},
	{"gnutls_deinit", TLS_GNUTLS, 1, false},
	{"gnutls_record_recv", TLS_GNUTLS, 3, true},
	{"gnutls_record_recv_early_data", TLS_GNUTLS, 3, true},
	{"gnutls_record_recv_packet", TLS_GNUTLS, 2, true},
	{"gnutls_record_recv_seq", TLS_GNUTLS, 3, true},
	{"gnutls_record_send", TLS_GNUTLS, 3, true},
	{"gnutls_record_send2", TLS_GNUTLS, 3, true},
	{"gnutls_record_send_early_data", TLS_GNUTLS, 3, true},
	{"gnutls_record_send_file", TLS_GNUTLS, 4, true},
};

const size_t tls_function_count = sizeof(tls_functions) / sizeof(*tls_functions);

_Static_assert(sizeof(tls_functions) / sizeof(*tls_functions) <= TLS_FUNCTIONS_MAX,
	"struct tls_library has room for them");

const char *tls_interface_name(enum tls_interface interface)
{
	return interface == TLS_OPENSSL ? "OpenSSL" : "GnuTLS";
}

static int name_compare(const void *name, const void *function)
{
	return strcmp(name, ((const struct tls_function *)function)->name);
}

struct reading {
	struct elf_file *file;
	struct tls_library *library;
	uint8_t code[PROBE_PLAN_CODE_MAX];
};

static void function_plan(
	struct reading *reading, const struct elf_function *function, size_t number)
{
	struct machine_code code = {
		.machine = reading->library->machine,
		.address = function->address,
		.bytes = reading->code,
	};

	/* a part of a function would be planned for as if it were all of it */
	if (function->size <= sizeof(reading->code))
		code.size = elf_file_code(
			reading->file, function, reading->code, sizeof(reading->code));
	if (code.size == function->size)
		probe_plan(&reading->library->functions[number].plan, &code,
			tls_functions[number].arguments, tls_functions[number].has_result);
}

static void function_take(void *context, const struct elf_function *function)
{
	struct reading *reading = context;
	struct tls_library *library = reading->library;
	const struct tls_function *known = bsearch(function->name, tls_functions,
		tls_function_count, sizeof(*tls_functions), name_compare);
	size_t number;

	if (!known)
		return;
	number = (size_t)(known - tls_functions);
	if (library->functions[number].is_there) /* exported, and in the table of symbols again */
		return;
	library->functions[number].is_there = true;
	library->functions[number].offset = function->offset;
	library->functions[number].size = function->size;
	function_plan(reading, function, number);
}

int tls_library_read(struct tls_library *library, const char *path, char error[ELF_FILE_ERROR_LEN])
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int result;

	memset(library, 0, sizeof(*library));
	if (!reading) {
		snprintf(error, ELF_FILE_ERROR_LEN, "no memory");
		return -ENOMEM;
	}
	result = elf_file_open(&reading->file, path, error);
	if (!result) {
		reading->library = library;
		library->machine = elf_file_machine(reading->file);
		elf_file_visit(reading->file, function_take, reading);
		elf_file_close(reading->file);
	}
	free(reading);
	return result;
}
