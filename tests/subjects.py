#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds subjects of commits to `part: do something`, in at most 72 characters.

What came up to SINCE is what it is. Where that commit is not to be had, as in a shallow clone, nothing
is looked at, and that is said.
"""
import os
import re
import subprocess
import sys

SINCE = "a771cbef83654cfdae2b9651b3f380ffd05facb9"
LENGTH_MAX = 72
PART = re.compile(r"^[\w./*,+ -]{1,40}: ")
# Verbs that look like another form of one.
IMPERATIVES = set("bring embed exceed feed fling heed need ping proceed seed shed shred speed spring "
                  "string succeed swing wed weed wring".split())
# Words that begin a sentence about the code, and none that says what to do.
OTHER_WORDS = set("a all an and any at both but by each every few for from has he her his how if in is "
                  "it its many no none nobody not nothing of on one or our she some somebody that the "
                  "their there these they this those two was we were what when where which who whoever "
                  "whom whose why with".split())


def faults_of(subject):
    """What is wrong with a subject; nothing is with those that git itself makes."""
    if subject.startswith(("Merge ", "Revert ")):
        return
    if len(subject) > LENGTH_MAX:
        yield f"has {len(subject)} characters"
    if subject.endswith("."):
        yield "ends in a full stop"
    first = (PART.sub("", subject).split() or [""])[0].lower()
    other_form = re.search(r"(ed|ing|[^aisu]s)$", first) and first not in IMPERATIVES
    if other_form or first in OTHER_WORDS or not first[:1].isalpha():
        yield f"has `{first}` where a verb in the imperative is expected"


def git(*arguments):
    return subprocess.run(["git", *arguments], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    try:
        commits = git("log", "--format=%h %s", f"{SINCE}..HEAD")
    except (OSError, subprocess.CalledProcessError) as error:
        print("subjects: skipped, git says:",
              (getattr(error, "stderr", None) or str(error)).strip().splitlines()[0])
        return 0
    wrong = []
    for commit in commits.splitlines():
        name, _, subject = commit.partition(" ")
        wrong += [f"{name} {fault}: {subject}" for fault in faults_of(subject)]
    if wrong:
        wrong.append("write `part: do something`, in at most 72 characters (CONTRIBUTING.md)")
    return "\n".join(wrong) or 0


if __name__ == "__main__":
    sys.exit(main())
