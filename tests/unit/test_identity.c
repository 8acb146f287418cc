/* SPDX-License-Identifier: Apache-2.0 */
/* Which name a service gets: of its unit, what its environment says, its program or executable; and
 * which names nobody gets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "identity/reserved.h"
#include "workload_cgroup.h"

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

static void test_unit_that_is_made_for_one_run_or_connection_is_no_name(void **state)
{
	(void)state;
	assert_service("/system.slice/run-u42.service", "server", "", "");
	assert_service("/system.slice/run-r0f5c1d2e3a4b5c6d.service", "server", "", "");
	assert_service("/system.slice/run-p1234-i5678.service", "server", "", "");
	assert_service("/system.slice/run-once.service", "run-once", "run-once.service", "");
	assert_service("/system.slice/run-u42b.service", "run-u42b", "run-u42b.service", "");
	assert_service("/system.slice/run-parts.service", "run-parts", "run-parts.service", "");

	assert_service("/system.slice/system-sshd.slice/sshd@5-10.0.0.1:22-10.0.0.2:41234.service",
		"sshd", "sshd@5-10.0.0.1:22-10.0.0.2:41234.service", "");
	assert_service("/system.slice/sshd@5-977-10.0.0.1:22-10.0.0.2:41234.service", "sshd",
		"sshd@5-977-10.0.0.1:22-10.0.0.2:41234.service", "");
	assert_service("/system.slice/sshd@0-fe80::1:22-fe80::2:4242.service", "sshd",
		"sshd@0-fe80::1:22-fe80::2:4242.service", "");
	assert_service("/system.slice/systemd-coredump@3-1234-0.service", "systemd-coredump",
		"systemd-coredump@3-1234-0.service", "");
	assert_service("/system.slice/postgresql@15-main.service", "postgresql@15-main",
		"postgresql@15-main.service", "");
	assert_service("/system.slice/shop@7.service", "shop@7", "shop@7.service", "");
}

static void test_snaps_and_units_of_users(void **state)
{
	(void)state;
	assert_service("/system.slice/snap.lxd.daemon.service", "snap.lxd.daemon",
		"snap.lxd.daemon.service", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/"
		       "snap.firefox.firefox-0f5c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5.scope",
		"server", "", "");
	assert_service("/user.slice/user-1000.slice/user@1000.service/app.slice/"
		       "app-org.gnome.Evolution\\x2dalarm\\x2dnotify@autostart.service",
		"app-org.gnome.Evolution-alarm-notify@autostart",
		"app-org.gnome.Evolution\\x2dalarm\\x2dnotify@autostart.service", "");
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

static void assert_program(const char *program, const char *name)
{
	struct record_workload workload = in_cgroup("/user.slice/session-3.scope");
	struct service service;

	strcpy(workload.executable, "python3.11");
	strcpy(workload.program, program);
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, name);
	assert_string_equal(service.executable, "python3.11");
}

static void test_what_an_interpreter_executes_comes_before_its_own_name(void **state)
{
	struct record_workload workload = in_cgroup("/system.slice/nginx.service");
	struct service service;

	(void)state;
	assert_program("orders.py", "orders");
	assert_program("orders", "orders");
	assert_program("orders.min.js", "orders.min");
	assert_program("shop.war", "shop");
	assert_program("orders-1.4.2.jar", "orders");
	assert_program("orders-service-1.4.2-SNAPSHOT.jar", "orders-service");
	assert_program("orders-2.jar", "orders-2");
	assert_program("orders-1.4.py", "orders-1.4");
	assert_program("-1.4.jar", "-1.4");
	assert_program("http.server", "http.server");
	assert_program("org.example.orders.Main", "org.example.orders.Main");
	assert_program(".py", ".py");
	assert_program("kernel.py", "kernel_");
	assert_program("or\033[2Jders.sh", "or?[2Jders");

	strcpy(workload.program, "orders.py");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "nginx");
	strcpy(workload.service_name, "shop");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "shop");
	workload = in_cgroup("/docker/" ID);
	strcpy(workload.program, "orders.py");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, SHORT);
}

static const char *const reserved[] = {
	"_overflow", "_other", "kernel", "sonde", "external", "localhost"};

/* Whoever chooses such a name, by whichever way. */
static void test_words_of_sondes_own_are_marked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		char marked[64], cgroup[64];
		struct record_workload ways[3] = {
			{.executable = "x"}, {.tgid = 1}, {.executable = "x"}};
		struct service service;

		snprintf(marked, sizeof(marked), "%s_", reserved[i]);
		snprintf(cgroup, sizeof(cgroup), "/system.slice/%s%s.service",
			reserved[i][0] == '_' ? "_" : "", reserved[i]);
		strcpy(ways[0].service_name, reserved[i]);
		strcpy(ways[1].executable, reserved[i]);
		strcpy(ways[2].program, reserved[i]);
		for (size_t way = 0; way < 3; way++) {
			service_from_workload(&service, &ways[way]);
			assert_string_equal(service.name, marked);
		}
		ways[0] = in_cgroup(cgroup);
		service_from_workload(&service, &ways[0]);
		assert_string_equal(service.name, marked);
	}
}

/* However many underscores: what was two names before is two names after. */
static void test_marking_makes_no_two_names_one(void **state)
{
	char names[64][32], given[32];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		for (int underscores = 0; underscores < 5; underscores++, count++) {
			snprintf(given, sizeof(given), "%s%.*s", reserved[i], underscores, "_____");
			strcpy(names[count], given);
			name_mark(names[count], sizeof(names[count]));
			assert_string_not_equal(names[count], given);
			for (size_t other = 0; other < count; other++)
				assert_string_not_equal(names[count], names[other]);
			for (size_t word = 0; word < sizeof(reserved) / sizeof(reserved[0]); word++)
				assert_string_not_equal(names[count], reserved[word]);
		}
	for (size_t i = 0; i < 2; i++) { /* others stay */
		strcpy(given, i ? "kernel-2" : "sondes");
		name_mark(given, sizeof(given));
		assert_string_equal(given, i ? "kernel-2" : "sondes");
	}
}

static void test_only_sonde_itself_is_sonde(void **state)
{
	struct record_workload workload = {.executable = "sonde", .is_own = 1};
	struct service service;

	(void)state;
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "sonde");
	strcpy(workload.service_name, "kernel");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "kernel_");
	workload = in_cgroup("/system.slice/sonde.service");
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, "sonde_");
}

static void test_long_names_are_whole(void **state)
{
	struct record_workload workload = {.executable = "x"};
	struct service service;
	char unit[NAME_LEN];

	(void)state;
	memset(unit, 'u', sizeof(unit));
	strcpy(unit + NAME_LEN - 9, ".service");
	strcpy(workload.cgroup[0], unit);
	service_from_workload(&service, &workload);
	assert_string_equal(service.unit, unit);
	assert_int_equal(strlen(service.name), NAME_LEN - 9);

	memset(workload.cgroup, 0, sizeof(workload.cgroup));
	memset(workload.executable, 'e', NAME_LEN - 1);
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, workload.executable);
	assert_string_equal(service.executable, workload.executable);

	memset(workload.service_name, 'n', SERVICE_NAME_LEN - 1);
	service_from_workload(&service, &workload);
	assert_string_equal(service.name, workload.service_name);
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
	assert_int_equal(strlen(service.executable), NAME_LEN - 1);

	/* 127 bytes leave no room for the last of these characters. */
	memset(&workload, 0, sizeof(workload));
	for (size_t i = 0; i < SERVICE_NAME_LEN; i += 2)
		memcpy(workload.service_name + i, "\xc3\xa9", 2);
	service_from_workload(&service, &workload);
	assert_int_equal(strlen(service.name), SERVICE_NAME_LEN - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_systemd_service_is_named_by_its_unit),
		cmocka_unit_test(test_escapes_in_unit_names_are_undone_in_the_service_name),
		cmocka_unit_test(test_what_is_no_service_is_named_by_its_executable),
		cmocka_unit_test(test_unit_that_is_made_for_one_run_or_connection_is_no_name),
		cmocka_unit_test(test_snaps_and_units_of_users),
		cmocka_unit_test(test_environment_comes_before_all_else),
		cmocka_unit_test(test_what_an_interpreter_executes_comes_before_its_own_name),
		cmocka_unit_test(test_words_of_sondes_own_are_marked),
		cmocka_unit_test(test_marking_makes_no_two_names_one),
		cmocka_unit_test(test_only_sonde_itself_is_sonde),
		cmocka_unit_test(test_long_names_are_whole),
		cmocka_unit_test(test_kernel_threads_are_one_service),
		cmocka_unit_test(test_names_become_valid_utf8_without_control_characters),
		cmocka_unit_test(test_unterminated_fields_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
