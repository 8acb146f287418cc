/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf's header of this name, for a kernel that is known: everything is where vmlinux.h says. */
#ifndef SONDE_FUZZ_BPF_CORE_READ_H
#define SONDE_FUZZ_BPF_CORE_READ_H

#define __builtin_preserve_access_index(access) (access)

#include_next <bpf/bpf_core_read.h>

#undef bpf_core_field_exists
#undef bpf_core_type_exists
#undef bpf_core_enum_value
#undef bpf_core_enum_value_exists
#define bpf_core_field_exists(...)              1
#define bpf_core_type_exists(type)              1
#define bpf_core_enum_value(type, value)        (value)
#define bpf_core_enum_value_exists(type, value) 1

#endif
