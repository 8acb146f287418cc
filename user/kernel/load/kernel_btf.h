/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BTF of the running kernel: the names and types of its functions and tracepoints. Reads no
 * more than is asked; to have libbpf parse it all would double the time that Sonde takes to start.
 */
#ifndef SONDE_KERNEL_BTF_H
#define SONDE_KERNEL_BTF_H

#include <stdbool.h>

/* Where the kernel shows it. Without it nothing can be attached by BTF, whatever vmlinux file
 * libbpf may find on the disk. */
#define BTF_PATH "/sys/kernel/btf/vmlinux"

struct kernel_btf;

/* NULL: errno says why. */
struct kernel_btf *kernel_btf_read(void);
void kernel_btf_free(struct kernel_btf *btf);

/* Is there anything of this name? A third of a millisecond. */
bool kernel_btf_has(const struct kernel_btf *btf, const char *name);

/* Has the struct of this name a member of that name? */
bool kernel_btf_has_member(const struct kernel_btf *btf, const char *name, const char *member);

/* The id of the type of this name and kind (BTF_KIND_…), or -ENOENT. */
int kernel_btf_find(const struct kernel_btf *btf, const char *name, unsigned kind);

#endif
