/* SPDX-License-Identifier: Apache-2.0 */
/* See workload_cgroup.h. */
#include "workload_cgroup.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

struct record_workload in_cgroup(const char *path)
{
	struct record_workload workload = {.comm = "server", .executable = "server"};
	const char *end = path + strlen(path);

	for (int level = 0; level < CGROUP_LEVELS && end > path; level++) {
		const char *begin = end;

		while (begin[-1] != '/')
			begin--;
		assert_true(end - begin < NAME_LEN);
		memcpy(workload.cgroup[level], begin, (size_t)(end - begin));
		end = begin - 1;
	}
	return workload;
}

void assert_service(const char *cgroup, const char *name, const char *unit, const char *id)
{
	struct record_workload workload = in_cgroup(cgroup);
	struct service service;

	service_from_workload(&service, &workload);
	assert_string_equal(service.name, name);
	assert_string_equal(service.unit, unit);
	assert_string_equal(service.container_id, id);
	assert_string_equal(service.executable, "server");
}
