/* SPDX-License-Identifier: Apache-2.0 */
/* See capabilities.h. */
#include "privilege/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS _LINUX_CAPABILITY_U32S_3

int capabilities_permitted(uint64_t *set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[WORDS];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*set = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

int capabilities_raise(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[WORDS];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (int i = 0; i < WORDS; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int capabilities_set(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[WORDS];

	for (int i = 0; i < WORDS; i++)
		data[i] = (struct __user_cap_data_struct){
			.permitted = (uint32_t)(permitted >> 32 * i),
			.effective = (uint32_t)(effective >> 32 * i),
		};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

void capabilities_forget_bounds(void)
{
	for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
		prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
}

int capabilities_change_user(uid_t user, gid_t group)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || syscall(SYS_setgroups, 0, NULL) ||
		syscall(SYS_setresgid, group, group, group) ||
		syscall(SYS_setresuid, user, user, user))
		return -errno;
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return 0;
}
