/* SPDX-License-Identifier: Apache-2.0 */
/* See privilege.h. */
#include "privilege/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/log.h"
#include "privilege/call_filter.h"
#include "privilege/capabilities.h"
#include "privilege/file_rules.h"
#include "privilege/private_file.h"

/*
 * Capabilities that the main thread may need after the start, where sweeps do not work without.
 * What attaches or reads of other processes late would get its row here.
 */
static const struct {
	int number;
	const char *name, *why;
} kept_capabilities[] = {
	{CAP_BPF, "CAP_BPF",
		"sweeps read the kernel's tables, which before Linux 5.19 bpf(2) lets nobody else "
		"do (kernel.unprivileged_bpf_disabled)"},
};
#define KEPT (sizeof(kept_capabilities) / sizeof(*kept_capabilities))

/* The sanitizers look at their own process with ptrace(2), and at its files. */
#if defined(__SANITIZE_ADDRESS__)
#	define SANITIZED true
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define SANITIZED true
#	endif
#endif
#ifndef SANITIZED
#	define SANITIZED false
#endif

static struct {
	bool drops;
	bool changes_user;
	uid_t user;
	gid_t group;
	int calls, files; /* 0: filter and rules are made, else a negative errno */
	atomic_bool refusal_told;
} privilege;

/* --- before there are threads --- */

static int user_find(const char *name, char error[PRIVILEGE_ERROR_LEN])
{
	const struct passwd *entry;
	unsigned long number;
	char *end;

	errno = 0;
	entry = getpwnam(name);
	number = strtoul(name, &end, 10);
	if (!entry && (*name < '0' || *name > '9' || *end || number >= UINT32_MAX)) {
		snprintf(error, PRIVILEGE_ERROR_LEN,
			"user: there is no user \"%.60s\": name one, or a number", name);
		return -EINVAL;
	}
	privilege.changes_user = true;
	privilege.user = entry ? entry->pw_uid : (uid_t)number;
	privilege.group = entry ? entry->pw_gid : (gid_t)number;
	private_file_set_owner(privilege.user, privilege.group);
	return 0;
}

int privilege_prepare(const struct privilege_options *options, char error[PRIVILEGE_ERROR_LEN])
{
	const struct rlimit none = {0, 0};
	int result = 0;

	privilege.drops = options->mode == PRIVILEGES_DROP && !SANITIZED;
	if (*options->user && options->mode == PRIVILEGES_KEEP) {
		snprintf(error, PRIVILEGE_ERROR_LEN,
			"user is set, and privileges are to be kept: leave one of both out");
		return -EINVAL;
	}
	if (!privilege.drops)
		return 0;
	/* Memory holds what others sent: no core of it, and nobody else of our user looks in. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (*options->user)
		result = user_find(options->user, error);
	privilege.calls = call_filter_make();
	privilege.files =
		file_rules_make(options->configuration, options->logs, options->token, options->ca);
	return result;
}

/* --- giving up --- */

static void refusal_report(const char *what, int result)
{
	if (result && !atomic_exchange(&privilege.refusal_told, true))
		log_warn("the kernel refuses to take privileges away, which thus stay",
			log_str("what", what), log_str("error", strerror(-result)));
}

static bool is_confined(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2; /* a thread made by one that is */
}

static void confine(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		refusal_report("no_new_privs", -errno);
		return;
	}
	if (!privilege.files)
		refusal_report("files (Landlock)", file_rules_apply());
	if (!privilege.calls)
		refusal_report("system calls (seccomp)", call_filter_apply());
}

static int change_user(void)
{
	int result = 0;

	if (privilege.changes_user && (geteuid() != privilege.user || getuid() != privilege.user))
		result = capabilities_change_user(privilege.user, privilege.group);
	if (privilege.changes_user) /* the change has reset it to what a system is set to */
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return result;
}

void privilege_drop_thread(void)
{
	if (!privilege.drops)
		return;
	if (is_confined()) {
		refusal_report("capabilities", capabilities_set(0, 0));
		return;
	}
	capabilities_forget_bounds();
	refusal_report("user", change_user());
	refusal_report("capabilities", capabilities_set(0, 0));
	confine();
}

/* What of the table is needed: found by doing without. `permitted` stays as it is. */
static uint64_t needed_find(uint64_t permitted, bool (*works)(void *context), void *context)
{
	uint64_t kept = 0;

	if (!works || capabilities_set(permitted, 0) || works(context))
		return 0;
	for (size_t i = 0; i < KEPT; i++)
		kept |= CAPABILITY_BIT(kept_capabilities[i].number);
	return kept & permitted;
}

static void kept_print(uint64_t kept, char *text, size_t size)
{
	size_t length = 0;

	snprintf(text, size, "none");
	for (size_t i = 0; i < KEPT; i++)
		if (kept & CAPABILITY_BIT(kept_capabilities[i].number))
			length += (size_t)snprintf(text + length, size - length, "%s%s",
				length ? " " : "", kept_capabilities[i].name);
}

static const char *state_word(int result)
{
	return result ? "not here" : "limited";
}

int privilege_drop_main(bool (*works)(void *context), void *context)
{
	uint64_t permitted = 0, kept;
	char names[256];
	int result;

	if (!privilege.drops) {
		log_info("privileges are kept");
		return 0;
	}
	capabilities_permitted(&permitted);
	capabilities_forget_bounds();
	result = change_user();
	if (result) {
		log_error("cannot become the user that is to be: this needs CAP_SETUID and "
			  "CAP_SETGID",
			log_int("user", privilege.user), log_str("error", strerror(-result)));
		return result;
	}
	kept = needed_find(permitted, works, context);
	refusal_report("capabilities", capabilities_set(kept, kept));
	confine();
	kept_print(kept, names, sizeof(names));
	log_info("privileges dropped", log_int("user", geteuid()), log_str("capabilities", names),
		log_str("system_calls", state_word(privilege.calls)),
		log_str("files", state_word(privilege.files)));
	return 0;
}

/* --- sonde check --- */

static void report_capabilities(FILE *out, bool (*works)(void *context), void *context)
{
	uint64_t permitted = 0, kept;

	capabilities_permitted(&permitted);
	kept = needed_find(permitted, works, context);
	capabilities_set(permitted, permitted);
	if (!kept)
		fprintf(out, "  %-26s none stay: sweeps work without\n", "capabilities");
	for (size_t i = 0; i < KEPT; i++)
		if (kept & CAPABILITY_BIT(kept_capabilities[i].number))
			fprintf(out, "  %-26s stays: %s\n", kept_capabilities[i].name,
				kept_capabilities[i].why);
}

void privilege_report(FILE *out, bool (*works)(void *context), void *context)
{
	int calls = call_filter_try(), version = file_rules_version();

	fputs("Privileges after the start\n", out);
	report_capabilities(out, works, context);
	fprintf(out, "  %-26s the one that starts it, or that of the key `user`\n", "user");
	if (calls)
		fprintf(out, "  %-26s all: this kernel has no seccomp filters (%s)\n",
			"system calls", strerror(-calls));
	else
		fprintf(out, "  %-26s those that are used (seccomp), and no_new_privs\n",
			"system calls");
	if (version < 0)
		fprintf(out, "  %-26s all: Landlock needs Linux 5.13 and a place in lsm= (%s)\n",
			"files", strerror(-version));
	else
		fprintf(out, "  %-26s those that are used (Landlock, version %d)\n", "files",
			version);
}
