/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a thread's privileges: tried, in a process of its own for each attempt. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "privilege/call_filter.h"
#include "privilege/capabilities.h"
#include "privilege/file_rules.h"
#include "privilege/privilege.h"

#define NOBODY 65534

static char folder[] = "/tmp/sonde-test-privilege-XXXXXX";
static char flow_log[96], configuration[96];

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(flow_log, sizeof(flow_log), "%s/flows/log", folder);
	snprintf(configuration, sizeof(configuration), "%s/sonde.yaml", folder);
	*strrchr(flow_log, '/') = '\0';
	assert_int_equal(mkdir(flow_log, 0777), 0);
	flow_log[strlen(flow_log)] = '/';
	close(open(configuration, O_WRONLY | O_CREAT, 0644));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(flow_log);
	unlink(configuration);
	*strrchr(flow_log, '/') = '\0';
	rmdir(flow_log);
	rmdir(folder);
	return 0;
}

/* Does `attempt` where all was given up; returns how that process ended, as waitpid() tells. */
static int try(const char *user, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct privilege_options options = {.user = user,
			.configuration = configuration,
			.logs = {flow_log, ""},
			.token = "",
			.ca = ""};
		char error[PRIVILEGE_ERROR_LEN];

		if (privilege_prepare(&options, error))
			_exit(255);
		privilege_drop_thread();
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_result(const char *user, int (*attempt)(void), int expected)
{
	int status = try(user, attempt);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

/* Under qemu-user, and with the sanitizers, there is nothing to be seen. */
static void need_filter(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	if (call_filter_try())
		skip();
}

static void need_landlock(void)
{
	need_filter();
	if (file_rules_version() < 0)
		skip();
}

/* --- attempts: errno, or 0 --- */

static int result_of(long result)
{
	return result < 0 ? errno : 0;
}

static int load_a_program(void)
{
	union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};

	return result_of(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)));
}

static int look_into_a_map(void)
{
	union bpf_attr attributes = {.map_fd = (uint32_t)-1};

	return result_of(syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attributes, sizeof(attributes)));
}

static int make_a_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return result_of(pid);
}

static int open_a_packet_socket(void)
{
	return result_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int execute_data(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result_of(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int map_code_of_nothing(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

static int type_into_a_terminal(void)
{
	return result_of(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int raise_a_limit(void)
{
	struct rlimit limit = {1, 1};

	return result_of(setrlimit(RLIMIT_NOFILE, &limit));
}

static int run_a_program(void)
{
	return result_of(execl("/bin/true", "true", NULL));
}

static int trace_another(void)
{
	return result_of(syscall(SYS_ptrace, 0, 0, 0, 0));
}

static void *nothing(void *context)
{
	return context;
}

/* Threads, names, libraries, files: what goes on as before. */
static int work(void)
{
	struct addrinfo *found = NULL;
	pthread_t thread;
	int fd;

	if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
		return 1;
	if (getaddrinfo("localhost", "80", NULL, &found))
		return 2;
	freeaddrinfo(found);
	if (!dlopen("libcurl.so.4", RTLD_NOW))
		return 3;
	fd = open(configuration, O_RDONLY);
	if (fd < 0)
		return 4;
	close(fd);
	fd = open("/proc/self/stat", O_RDONLY);
	if (fd < 0)
		return 5;
	close(fd);
	fd = open(flow_log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	return fd < 0 ? 6 : 0;
}

static int read_elsewhere(void)
{
	return result_of(open("/var/lib/dpkg/status", O_RDONLY)) == EACCES &&
			       result_of(open("/root", O_RDONLY | O_DIRECTORY)) == EACCES
		       ? 0
		       : 1;
}

static int write_elsewhere(void)
{
	char beside[128];

	snprintf(beside, sizeof(beside), "%s.more", configuration);
	if (open(beside, O_WRONLY | O_CREAT, 0600) >= 0)
		return 1;
	if (errno != EACCES)
		return 2;
	return open(configuration, O_WRONLY) < 0 && errno == EACCES ? 0 : 3;
}

static int what_the_kernel_says(void)
{
	uint64_t permitted = 1;

	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
			       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
			       prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 &&
			       !capabilities_permitted(&permitted) && !permitted
		       ? 0
		       : 1;
}

static int who_am_i(void)
{
	return getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY &&
			       !getgroups(0, NULL)
		       ? what_the_kernel_says()
		       : 1;
}

/* --- */

static void test_calls_that_are_not_used_fail(void **state)
{
	(void)state;
	need_filter();
	assert_result("", load_a_program, ENOSYS);
	assert_result("", make_a_process, ENOSYS);
	assert_result("", open_a_packet_socket, ENOSYS);
	assert_result("", execute_data, ENOSYS);
	assert_result("", map_code_of_nothing, ENOSYS);
	assert_result("", type_into_a_terminal, ENOSYS);
	assert_result("", raise_a_limit, ENOSYS);
}

static void test_sweeps_may_look_into_maps(void **state)
{
	int status;
	(void)state;

	need_filter();
	status = try("", look_into_a_map);
	assert_true(WIFEXITED(status));
	/* the capability is gone here, the descriptor wrong: either way the kernel was asked */
	assert_true(WEXITSTATUS(status) == EBADF || WEXITSTATUS(status) == EPERM);
}

static void test_calls_of_others_code_kill(void **state)
{
	int (*const attempts[])(void) = {run_a_program, trace_another};
	(void)state;

	need_filter();
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		int status = try("", attempts[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void test_what_sonde_does_goes_on(void **state)
{
	(void)state;
	need_filter();
	assert_result("", work, 0);
	unlink(flow_log);
	if (geteuid() == 0) {
		*strrchr(flow_log, '/') = '\0'; /* the folder is the user's then, as told to be */
		assert_int_equal(chown(flow_log, NOBODY, NOBODY), 0);
		flow_log[strlen(flow_log)] = '/';
		assert_result("65534", work, 0);
	}
}

static void test_other_files_are_out_of_reach(void **state)
{
	(void)state;
	need_landlock();
	assert_result("", read_elsewhere, 0);
	assert_result("", write_elsewhere, 0);
}

static void test_nothing_is_left(void **state)
{
	(void)state;
	need_filter();
	assert_result("", what_the_kernel_says, 0);
	if (geteuid() == 0) {
		assert_result("nobody", who_am_i, 0);
		assert_result("65534", who_am_i, 0);
	}
}

static void test_wrong_user_is_an_error(void **state)
{
	struct privilege_options options = {.user = "nobody-of-that-name",
		.configuration = "",
		.logs = {"", ""},
		.token = "",
		.ca = ""};
	char error[PRIVILEGE_ERROR_LEN];
	(void)state;

	options.mode = PRIVILEGES_KEEP;
	assert_int_equal(privilege_prepare(&options, error), -EINVAL);
	assert_string_equal(
		error, "user is set, and privileges are to be kept: leave one of both out");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_that_are_not_used_fail),
		cmocka_unit_test(test_sweeps_may_look_into_maps),
		cmocka_unit_test(test_calls_of_others_code_kill),
		cmocka_unit_test(test_what_sonde_does_goes_on),
		cmocka_unit_test(test_other_files_are_out_of_reach),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_wrong_user_is_an_error),
	};

	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
