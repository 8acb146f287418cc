/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities and user of the calling thread, by system calls: in the kernel both belong to a
 * thread, and Sonde's threads give them up one by one, where the C library would change all.
 */
#ifndef SONDE_CAPABILITIES_H
#define SONDE_CAPABILITIES_H

#include <stdint.h>
#include <sys/types.h>

#define CAPABILITY_BIT(number) (UINT64_C(1) << (number))

/* Each 0 or a negative errno. */
int capabilities_permitted(uint64_t *set);

/* Makes effective what is permitted: a file's capabilities may be given to a program without. */
int capabilities_raise(void);

/* What is not in `permitted` is gone for good; the inheritable and ambient ones go in any case. */
int capabilities_set(uint64_t permitted, uint64_t effective);

/* Nothing that the thread might execute can get them again. */
void capabilities_forget_bounds(void);

/* Becomes this user, without further groups; what is permitted stays so, and none is effective. */
int capabilities_change_user(uid_t user, gid_t group);

#endif
