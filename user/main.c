/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: the table of subcommands, and what to say when there is none such. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "command/check.h"
#include "command/flow_command.h"
#include "command/tls_command.h"
#include "config/config.h"
#include "daemon.h"
#include "privilege/inherited.h"
#include "version.h"

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* What somebody typed, or wrote into a file, may be in it. */
static void say(char *problem)
{
	utf8_copy(problem, strlen(problem) + 1, problem, strlen(problem));
	fprintf(stderr, "sonde: %s\n", problem);
}

static int run(int argc, char *const *argv)
{
	struct config config;
	char error[CONFIG_ERROR_LEN];

	switch (config_load(&config, argc - 1, argv + 1, error)) {
	case CONFIG_OK: return daemon_run(&config, argc - 1, argv + 1);
	case CONFIG_HELP: config_free(&config); return STATUS_OK;
	case CONFIG_BAD:
	default:
		say(error);
		config_free(&config);
		return STATUS_USAGE;
	}
}

static int check(int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++)
		if (*argv[i] == '-') {
			fputs("sonde: `sonde check` takes no flags, but programs and libraries\n",
				stderr);
			return STATUS_USAGE;
		}
	return argc > 1 ? tls_command_run(stdout, argc - 1, argv + 1) : check_run(stdout);
}

static int version(int argc, char *const *argv)
{
	(void)argc, (void)argv;
	printf("sonde %s (%s)\n", SONDE_VERSION, SONDE_REVISION);
	return STATUS_OK;
}

static const struct subcommand {
	const char *name;
	const char *usage; /* as the help shows it behind `sonde` */
	const char *help;
	bool takes_flags;
	int (*run)(int argc, char *const *argv); /* `argv` begins with the name; exit status */
} subcommands[] = {
	{"run", "[run] [FLAGS]", "observe this machine (needs root, or CAP_BPF and CAP_PERFMON)",
		true, run},
	{"flows", "flows", "open TCP connections by service, peer or process", true,
		flow_command_run},
	{"connections", "connections", "each open TCP connection; both ask a Sonde that runs", true,
		flow_command_run},
	{"check", "check [FILE...]",
		"what this kernel offers; or where TLS in programs or libraries can be seen", true,
		check},
	{"version", "version", "version and revision; so does sonde --version", false, version},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(*subcommands))

static int help(void)
{
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		printf("%s sonde %-15s %s\n", i ? "      " : "Usage:", subcommands[i].usage,
			subcommands[i].help);
	puts("\n"
	     "Flags of `sonde run`, each also a key of the configuration file and, as SONDE_…, an\n"
	     "environment variable:\n");
	config_print_help();
	return STATUS_OK;
}

static int unknown(const char *name)
{
	char problem[512];
	size_t length = (size_t)snprintf(
		problem, sizeof(problem), "unknown subcommand `%.200s`; there are ", name);

	for (size_t i = 0; i < SUBCOMMANDS; i++)
		length += (size_t)snprintf(problem + length, sizeof(problem) - length, "%s%s",
			!i                     ? ""
			: i == SUBCOMMANDS - 1 ? " and "
					       : ", ",
			subcommands[i].name);
	say(problem);
	return STATUS_USAGE;
}

static int dispatch(const char *name, int argc, char *const *argv)
{
	for (size_t i = 0; i < SUBCOMMANDS; i++) {
		if (strcmp(subcommands[i].name, name) != 0)
			continue;
		if (argc <= 1 || subcommands[i].takes_flags)
			return subcommands[i].run(argc, argv);
		fprintf(stderr,
			"sonde: `sonde %s` takes no flags; `sonde --help` lists what there is\n",
			name);
		return STATUS_USAGE;
	}
	return unknown(name);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "run";

	inherited_tidy();
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return help();
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	if (name[0] == '-') /* flags of `run`, which need not be named */
		return dispatch("run", argc, argv);
	return dispatch(name, argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
}
