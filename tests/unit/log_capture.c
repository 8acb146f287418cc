/* SPDX-License-Identifier: Apache-2.0 */
/* See log_capture.h. */
#include "log_capture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

static int standard_error, capture;

void capture_log(void)
{
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	fflush(stderr);
	standard_error = dup(STDERR_FILENO);
	capture = memfd_create("log", MFD_CLOEXEC);
	assert_true(standard_error >= 0 && capture >= 0);
	assert_true(dup2(capture, STDERR_FILENO) >= 0);
}

const char *captured_log(void)
{
	static char text[4096];
	const char *message;
	ssize_t length = pread(capture, text, sizeof(text) - 1, 0);

	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(capture);
	assert_true(length >= 0);
	text[length] = '\0';
	message = strstr(text, "\"level\"");
	return message ? message : "";
}
