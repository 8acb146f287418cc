/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: which subcommand, and what to say when there is none such. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "command/check.h"
#include "command/flow_command.h"
#include "config/config.h"
#include "daemon.h"
#include "privilege/inherited.h"
#include "version.h"

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

static void help_print(void)
{
	puts("Usage: sonde [run] [FLAGS]   observe this machine (needs root, or CAP_BPF and "
	     "CAP_PERFMON)\n"
	     "       sonde flows           open TCP connections by service, peer or process\n"
	     "       sonde connections     each open TCP connection; both ask a Sonde that runs\n"
	     "       sonde check           what this kernel offers, and what Sonde will use of it\n"
	     "       sonde version         version and revision; so does sonde --version\n"
	     "\n"
	     "Flags of `sonde run`, each also a key of the configuration file and, as SONDE_…, an\n"
	     "environment variable:\n");
	config_print_help();
}

/* What somebody typed, or wrote into a file, may be in it. */
static void say(char *problem)
{
	utf8_copy(problem, strlen(problem) + 1, problem, strlen(problem));
	fprintf(stderr, "sonde: %s\n", problem);
}

static int run(int argc, char **argv)
{
	struct config config;
	char error[CONFIG_ERROR_LEN];

	switch (config_load(&config, argc, argv, error)) {
	case CONFIG_OK: return daemon_run(&config, argc, argv);
	case CONFIG_HELP: config_free(&config); return STATUS_OK;
	case CONFIG_BAD:
	default:
		say(error);
		config_free(&config);
		return STATUS_USAGE;
	}
}

/* Subcommands that take no flags. */
static int without_flags(const char *name, int argc)
{
	if (argc == 0)
		return STATUS_OK;
	fprintf(stderr, "sonde: `sonde %s` takes no flags; `sonde --help` lists what there is\n",
		name);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "run";

	inherited_tidy();
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) {
		help_print();
		return STATUS_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	if (name[0] == '-')
		return run(argc - 1, argv + 1);
	if (!strcmp(name, "run"))
		return run(argc > 1 ? argc - 2 : 0, argv + (argc > 1 ? 2 : 1));
	if (!strcmp(name, "flows") || !strcmp(name, "connections"))
		return flow_command_run(argc - 1, argv + 1);
	if (!strcmp(name, "check"))
		return without_flags(name, argc - 2) ?: check_run(stdout);
	if (!strcmp(name, "version")) {
		int status = without_flags(name, argc - 2);

		if (!status)
			printf("sonde %s (%s)\n", SONDE_VERSION, SONDE_REVISION);
		return status;
	}
	char problem[512];
	snprintf(problem, sizeof(problem),
		"unknown subcommand `%s`; there are run, flows, connections, check and version",
		name);
	say(problem);
	return STATUS_USAGE;
}
