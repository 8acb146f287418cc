/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of workloads: each is its service from announcement to end, and is used again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "identity/service.h"

static void announce(struct identity *identity, __u32 number, const char *name)
{
	struct record_workload workload = {.record.workload = number};

	strcpy(workload.service_name, name);
	identity_on_workload(identity, &workload);
}

static void test_number_is_its_service_from_announcement_to_end(void **state)
{
	struct identity *identity = identity_new();

	(void)state;
	assert_string_equal(identity_service(identity, 7)->name, "_other");
	announce(identity, 7, "shop");
	announce(identity, 8, "shop");
	assert_string_equal(identity_service(identity, 7)->name, "shop");
	assert_string_equal(identity_service(identity, 8)->name, "shop");
	identity_on_workload_end(identity, 7);
	assert_string_equal(identity_service(identity, 7)->name, "_other");
	assert_string_equal(identity_service(identity, 8)->name, "shop");
	announce(identity, 7, "till");
	assert_string_equal(identity_service(identity, 7)->name, "till");
	announce(identity, 7, "bank");
	assert_string_equal(identity_service(identity, 7)->name, "bank");
	identity_free(identity);
}

static void test_numbers_out_of_range_are_other(void **state)
{
	struct identity *identity = identity_new();

	(void)state;
	announce(identity, 0, "nobody");
	announce(identity, WORKLOADS_MAX, "nobody");
	announce(identity, UINT32_MAX, "nobody");
	announce(identity, WORKLOADS_MAX - 1, "last");
	identity_on_workload_end(identity, UINT32_MAX);
	assert_string_equal(identity_service(identity, 0)->name, "_other");
	assert_string_equal(identity_service(identity, WORKLOADS_MAX)->name, "_other");
	assert_string_equal(identity_service(identity, UINT32_MAX)->name, "_other");
	assert_string_equal(identity_service(identity, WORKLOADS_MAX - 1)->name, "last");
	identity_free(identity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number_is_its_service_from_announcement_to_end),
		cmocka_unit_test(test_numbers_out_of_range_are_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
