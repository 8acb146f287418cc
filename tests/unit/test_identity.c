/* SPDX-License-Identifier: Apache-2.0 */
/* Which name a service gets, in the layouts that real machines have; and numbers that are used
 * again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "identity/service.h"

#define ID    "4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e0c1a2b3d4f5e"
#define SHORT "4f5e0c1a2b3d"

/* A process of the executable `server`; `path` is its cgroup as /proc/PID/cgroup shows it. */
static struct record_workload in_cgroup(const char *path)
{
	struct record_workload workload = {.comm = "server", .executable = "server"};
	const char *end = path + strlen(path);

	for (int level = 0; level < CGROUP_LEVELS && end > path; level++) {
		const char *begin = end;

		while (begin[-1] != '/')
			begin--;
		assert_true(end - begin < CGROUP_NAME_LEN);
		memcpy(workload.cgroup[level], begin, (size_t)(end - begin));
		end = begin - 1;
	}
	return workload;
}

static void assert_service(const char *cgroup, const char *name, const char *unit, const char *id)
{
	struct record_workload workload = in_cgroup(cgroup);
	struct service service;

	service_from_workload(&service, &workload);
	assert_string_equal(service.name, name);
	assert_string_equal(service.unit, unit);
	assert_string_equal(service.container_id, id);
	assert_string_equal(service.executable, "server");
}

static void test_systemd_service_is_named_by_its_unit(void **state)
{
	(void)state;
	assert_service("/system.slice/nginx.service", "nginx", "nginx.service", "");
	assert_service("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1",
		"getty@tty1.service", "");
	assert_service("/system.slice/ssh.service/workers/3", "ssh", "ssh.service", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo",
		"foo.service", "");
}

static void test_escapes_in_unit_names_are_undone_in_the_service_name(void **state)
{
	(void)state;
	assert_service("/system.slice/foo\\x2dbar.service", "foo-bar", "foo\\x2dbar.service", "");
	/* What looks like one but is not stays, and nothing is smuggled in. */
	assert_service("/system.slice/a\\x2.service", "a\\x2", "a\\x2.service", "");
	assert_service("/system.slice/a\\x00b.service", "a\\x00b", "a\\x00b.service", "");
	assert_service("/system.slice/a\\x1bb\\xffc.service", "a?b?c", "a\\x1bb\\xffc.service", "");
	/* systemd's mark for names that the kernel uses itself */
	assert_service("/system.slice/_cpu.service", "cpu", "cpu.service", "");
}

static void test_what_is_no_service_is_named_by_its_executable(void **state)
{
	(void)state;
	assert_service("", "server", "", "");
	assert_service("/init.scope", "server", "", "");
	assert_service("/system.slice", "server", "", "");
	assert_service("/user.slice/user-1000.slice/session-3.scope", "server", "", "");
	assert_service(
		"/user.slice/user-1000.slice/user@1000.service/init.scope", "server", "", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/"
		       "app-gnome-firefox-4242.scope",
		"server", "", "");
	assert_service("/system.slice/run-u42.scope", "server", "", "");
	assert_service("/system.slice/.service", "server", "", "");
}

static void test_container_is_named_by_twelve_digits_of_its_id(void **state)
{
	static const char *const layouts[] = {
		"/system.slice/docker-" ID ".scope",
		"/docker/" ID,
		"/docker/" ID "/child",
		"/kubepods.slice/kubepods-burstable.slice/"
		"kubepods-burstable-pod0f5c_11.slice/cri-containerd-" ID ".scope",
		"/kubepods.slice/kubepods-besteffort.slice/crio-" ID ".scope",
		"/kubepods/besteffort/pod0f5c/" ID,
		"/machine.slice/libpod-" ID ".scope/container",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		assert_service(layouts[i], SHORT, "", ID);
}

static void test_what_only_resembles_a_container_is_none(void **state)
{
	(void)state;
	assert_service("/machine.slice/libpod-conmon-" ID ".scope", "server", "", "");
	assert_service("/machine.slice/crio-conmon-" ID ".scope", "server", "", "");
	assert_service("/docker/" SHORT, "server", "", "");
	assert_service("/docker/x" ID, "server", "", "");
	assert_service("/docker/G" ID, "server", "", "");
}

static void test_nearest_of_unit_and_container_decides(void **state)
{
	(void)state;
	/* the engine's own unit around a container */
	assert_service("/system.slice/docker.service/docker/" ID, SHORT, "", ID);
	assert_service("/system.slice/containerd.service/kubepods/podx/" ID, SHORT, "", ID);
	/* systemd in a container */
	assert_service("/system.slice/docker-" ID ".scope/system.slice/nginx.service", "nginx",
		"nginx.service", ID);
	/* Podman in a unit that was written for this container */
	assert_service("/system.slice/shop.service/libpod-payload-" ID, "shop", "shop.service", ID);
	assert_service("/user.slice/libpod-payload-" ID, SHORT, "", ID);
}

static void test_environment_comes_before_all_else(void **state)
{
	struct record_workload workload = in_cgroup("/system.slice/nginx.service");
	struct service service;

	(void)state;
	strcpy(workload.service_name, "shop");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "shop");
	assert_string_equal(service.unit, "nginx.service");
}

static void test_kernel_threads_are_one_service(void **state)
{
	struct record_workload workload = {.comm = "kworker/0:1"};
	struct service service;

	(void)state;
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "kernel");
	assert_string_equal(service.executable, "");
}

static void test_names_become_valid_utf8_without_control_characters(void **state)
{
	static const struct {
		const char *given, *name;
	} cases[] = {
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
			"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\033[2Jx\n", "?[2Jx?"},
		{"\x7f\xc2\x9b", "??"},       /* DEL; C1, which some terminals obey */
		{"a\xff\xfe z", "a?? z"},     /* never valid */
		{"\xc0\xaf", "??"},           /* overlong */
		{"\xe0\x80\xaf", "???"},      /* overlong */
		{"\xed\xa0\x80", "???"},      /* a surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
		{"\xe2\x82", "??"},           /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_workload workload = {.executable = "x"};
		struct service service;

		strcpy(workload.service_name, cases[i].given);
		service_from_workload(&service, &workload);
		assert_string_equal(service.name, cases[i].name);
	}
}

/* A recording may hold anything: fields without their NUL, too. */
static void test_unterminated_fields_are_cut(void **state)
{
	struct record_workload workload;
	struct service service;

	(void)state;
	memset(&workload, 'a', sizeof(workload));
	service_from_workload(&service, &workload);
	assert_int_equal(strlen(service.name), SERVICE_NAME_LEN - 1);
	assert_int_equal(strlen(service.executable), EXECUTABLE_LEN - 1);

	/* 127 bytes leave no room for the last of these characters. */
	memset(&workload, 0, sizeof(workload));
	for (size_t i = 0; i < SERVICE_NAME_LEN; i += 2)
		memcpy(workload.service_name + i, "\xc3\xa9", 2);
	service_from_workload(&service, &workload);
	assert_int_equal(strlen(service.name), SERVICE_NAME_LEN - 2);
}

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
		cmocka_unit_test(test_systemd_service_is_named_by_its_unit),
		cmocka_unit_test(test_escapes_in_unit_names_are_undone_in_the_service_name),
		cmocka_unit_test(test_what_is_no_service_is_named_by_its_executable),
		cmocka_unit_test(test_container_is_named_by_twelve_digits_of_its_id),
		cmocka_unit_test(test_what_only_resembles_a_container_is_none),
		cmocka_unit_test(test_nearest_of_unit_and_container_decides),
		cmocka_unit_test(test_environment_comes_before_all_else),
		cmocka_unit_test(test_kernel_threads_are_one_service),
		cmocka_unit_test(test_names_become_valid_utf8_without_control_characters),
		cmocka_unit_test(test_unterminated_fields_are_cut),
		cmocka_unit_test(test_number_is_its_service_from_announcement_to_end),
		cmocka_unit_test(test_numbers_out_of_range_are_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
