/* SPDX-License-Identifier: Apache-2.0 */
/* What private_file.h promises, against what another user may have put in the file's place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "privilege/private_file.h"

#define NOBODY 65534

static char folder[] = "/tmp/sonde-test-private-XXXXXX";
static char path[96], other[96];
static char error[PRIVATE_FILE_ERROR_LEN];

static int set_up(void **state)
{
	(void)state;
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/flows", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	rmdir(path);
	rmdir(other);
	return rmdir(folder);
}

static void make_file(const char *name, mode_t mode, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static mode_t mode_of(const char *name)
{
	struct stat status;

	assert_int_equal(lstat(name, &status), 0);
	return status.st_mode & 07777;
}

static void assert_content(const char *name, const char *text)
{
	char read_back[64];
	int fd = open(name, O_RDONLY);
	ssize_t length = read(fd, read_back, sizeof(read_back) - 1);

	assert_true(length >= 0);
	close(fd);
	read_back[length] = '\0';
	assert_string_equal(read_back, text);
}

static void open_and_write(bool append, const char *text)
{
	int fd = private_file_open(path, append, error);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_refused(int code, const char *why)
{
	assert_int_equal(private_file_open(path, true, error), -code);
	assert_memory_equal(error, path, strlen(path));
	if (!strstr(error, why))
		fail_msg("\"%s\" does not say \"%s\"", error, why);
	assert_int_equal(private_file_open(path, false, error), -code);
}

static void test_new_file_is_its_owners_whatever_the_umask(void **state)
{
	static const mode_t masks[] = {0, 0022, 0277, 0777};
	(void)state;

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		mode_t before = umask(masks[i]);

		open_and_write(true, "a");
		umask(before);
		assert_int_equal(mode_of(path), 0600);
		unlink(path);
	}
}

static void test_file_that_others_may_read_is_closed_to_them(void **state)
{
	static const mode_t modes[] = {0644, 0666, 0640, 0604, 0755, 04755};
	(void)state;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		make_file(path, modes[i], "old ");
		open_and_write(true, "new");
		assert_int_equal(mode_of(path), 0600);
		assert_content(path, "old new");
		unlink(path);
	}
}

static void test_what_is_not_appended_to_is_emptied(void **state)
{
	(void)state;
	make_file(path, 0644, "a long text of yesterday");
	open_and_write(false, "new");
	assert_content(path, "new");
	assert_int_equal(mode_of(path), 0600);
}

static void test_symbolic_link_is_not_followed(void **state)
{
	(void)state;
	make_file(other, 0600, "secret");
	assert_int_equal(symlink(other, path), 0);
	assert_refused(ELOOP, "symbolic link");
	assert_content(other, "secret");
	unlink(other); /* nor does one make a file where it leads to */
	assert_refused(ELOOP, "symbolic link");
	assert_int_equal(access(other, F_OK), -1);
}

static void test_file_with_a_second_name_is_refused_as_it_is(void **state)
{
	(void)state;
	make_file(other, 0644, "another's");
	assert_int_equal(link(other, path), 0);
	assert_refused(EMLINK, "hard links");
	assert_content(other, "another's");
	assert_int_equal(mode_of(other), 0644);
}

static void test_file_of_another_user_is_refused_as_it_is(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	make_file(path, 0666, "bait");
	assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	assert_refused(EPERM, "belongs to user 65534");
	assert_content(path, "bait");
	assert_int_equal(mode_of(path), 0666);
}

static void test_pipe_that_nobody_reads_is_no_wait(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(ENXIO, "nobody reads");
}

static void test_pipe_of_ones_own_is_written_to_and_of_another_not(void **state)
{
	char text[8] = "";
	(void)state;

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(chmod(path, 0666), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	open_and_write(true, "told");
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(read(reader, text, sizeof(text)), 4);
	assert_string_equal(text, "told");
	if (geteuid() == 0) {
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
		assert_refused(EPERM, "belongs to user 65534");
	}
	close(reader);
}

static void test_folder_and_socket_are_no_files(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)state;

	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused(EISDIR, "directory");
	rmdir(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_refused(ENXIO, "socket");
	close(server);
}

static void test_device_is_left_as_it_is(void **state)
{
	mode_t before = mode_of("/dev/null");
	int fd = private_file_open("/dev/null", false, error);
	(void)state;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mode_of("/dev/null"), before);
}

static void test_folder_that_everybody_may_write_to_needs_the_sticky_bit(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0777), 0);
	assert_refused(EPERM, "everybody may put another file in its place");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(chmod(folder, 01777), 0);
	open_and_write(true, "a");
	assert_int_equal(chmod(folder, 0700), 0);
}

static void test_names_without_a_file_are_refused(void **state)
{
	char longest[5000];
	(void)state;

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	strcpy(longest + sizeof(longest) - 4, "/ab");
	assert_int_equal(private_file_open(longest, true, error), -ENAMETOOLONG);
	assert_int_equal(private_file_open("/tmp/", true, error), -EISDIR);
	assert_int_equal(private_file_open("/nowhere/flows", true, error), -ENOENT);
	assert_string_equal(error, "/nowhere/flows: No such file or directory");
}

static void test_name_without_a_folder_is_in_the_working_directory(void **state)
{
	(void)state;
	assert_int_equal(chdir(folder), 0);
	int fd = private_file_open("flows", true, error);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(chdir("/"), 0);
}

/* The last one: from then on files are another user's. */
static void test_files_are_given_to_the_user_that_sonde_becomes(void **state)
{
	struct stat status;
	(void)state;

	if (geteuid() != 0)
		skip();
	make_file(path, 0644, "of root ");
	private_file_set_owner(NOBODY, NOBODY);
	open_and_write(true, "and more");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_uid, NOBODY);
	assert_int_equal(status.st_gid, NOBODY);
	assert_int_equal(status.st_mode & 07777, 0600);
	open_and_write(true, "."); /* and are his when they are opened again */
	assert_content(path, "of root and more.");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_new_file_is_its_owners_whatever_the_umask),
		TEST(test_file_that_others_may_read_is_closed_to_them),
		TEST(test_what_is_not_appended_to_is_emptied),
		TEST(test_symbolic_link_is_not_followed),
		TEST(test_file_with_a_second_name_is_refused_as_it_is),
		TEST(test_file_of_another_user_is_refused_as_it_is),
		TEST(test_pipe_that_nobody_reads_is_no_wait),
		TEST(test_pipe_of_ones_own_is_written_to_and_of_another_not),
		TEST(test_folder_and_socket_are_no_files),
		TEST(test_device_is_left_as_it_is),
		TEST(test_folder_that_everybody_may_write_to_needs_the_sticky_bit),
		TEST(test_names_without_a_file_are_refused),
		TEST(test_name_without_a_folder_is_in_the_working_directory),
		TEST(test_files_are_given_to_the_user_that_sonde_becomes),
	};

	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
