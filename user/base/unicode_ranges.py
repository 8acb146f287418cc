#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes user/base/unicode_ranges.h from Python's own tables: `make unicode`."""
import unicodedata

# Not seen and no format characters by category: joiners, fillers, selectors, the blank of Braille.
UNSEEN = {0x34f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0,
          *range(0x180b, 0x1810), *range(0xfe00, 0xfe10), *range(0xe0000, 0xe1000)}
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


def kind(code):
    category = unicodedata.category(chr(code))
    if code in UNSEEN or (category in HIDDEN and code != 0x20):
        return "hidden"
    return "marks" if category in ("Mn", "Me") else None


def ranges(wanted):
    """Those of this kind above ASCII, as (first, last)."""
    first = None
    for code in range(0x80, 0x110001):
        is_one = code < 0x110000 and kind(code) == wanted
        if is_one and first is None:
            first = code
        elif not is_one and first is not None:
            yield first, code - 1
            first = None


print("/* SPDX-License-Identifier: Apache-2.0 */")
print(f"/* Unicode {unicodedata.unidata_version}, written by unicode_ranges.py. For utf8.c alone. */")
for name in "hidden", "marks":
    print(f"static const struct unicode_range {name}[] = {{")
    print(", ".join(f"{{0x{first:x}, 0x{last:x}}}" for first, last in ranges(name)), "};")
