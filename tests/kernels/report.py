# SPDX-License-Identifier: Apache-2.0
"""What is said of a kernel when all was tried on it, and the verifier's figures for the docs."""
import json
import os
import re

from kernels import BUILD, ROOT

INSTRUCTIONS_MAX = 100_000  # the kernel's own limit is a million, and once was 131,072
WRONG_LINES = 12            # shown of one check; the rest is in the log
ACCOUNTED_LINES = 3
BRIEF = 160                 # characters of the reason for a repeat
DOCS = os.path.join(ROOT, "docs", "overhead.md")
BEGIN, END = "<!-- verifier: begin -->", "<!-- verifier: end -->"


def reason_of(text):
    """What Sonde says last where it does not start, or the text."""
    found = re.findall(r'"reason":("(?:[^"\\]|\\.)*")\}', text)
    return json.loads(found[-1]) if found else text


class Result:
    """One kernel's; `wrong` is empty if all is well."""

    def __init__(self, kernel, told, faults, seconds):
        self.kernel, self.told, self.faults, self.seconds = kernel, told, faults, seconds
        self.programs = [json.loads(line) for line in
                         (told.one("programs") or {"text": ""})["text"].splitlines()
                         if line.startswith("{")]
        self.wrong = [*self.wrong_run(), *self.wrong_comparisons(), *self.wrong_programs()]

    def release(self):
        return (self.told.one("kernel") or {"release": "does not boot"})["release"]

    def wrong_run(self):
        """What kept the kernel from being tried to the end."""
        wrong = [f"{told['reason']}" for told in self.told.of("failed")]
        if not self.told.complete():
            wrong.append("the guest did not come to its end, or a line of it was torn:\n"
                         + self.told.console[-1500:])
        wrong += [f"Sonde does not run: {reason_of(told['reason'])}"
                  for chosen in self.told.of("chosen")
                  for told in self.told.of("refused", backend=chosen["backend"])]
        return wrong

    def wrong_comparisons(self):
        wrong = []
        for told in self.told.of("compared"):
            lines = told["wrong"]
            wrong += [f"{told['backend']}: {told['name']}: {line}" for line in lines[:WRONG_LINES]]
            if len(lines) > WRONG_LINES:
                wrong.append(f"{told['backend']}: {told['name']}: "
                             f"and {len(lines) - WRONG_LINES} more")
        return wrong

    def wrong_programs(self):
        wrong = [f"{p['program']} costs the verifier {p['instructions']} instructions, "
                 f"of at most {INSTRUCTIONS_MAX}" for p in self.programs
                 if p.get("instructions", 0) > INSTRUCTIONS_MAX]
        if not self.programs:
            wrong.append("nothing is known of the verifier's costs")
        return wrong

    def lines(self):
        """The whole report."""
        yield f"{self.kernel.name:<10} {self.release()}, {self.seconds:.0f} s"
        for fault in self.faults:
            yield f"  booted once more: {fault}"
        for told in [*self.told.of("kernel"), *self.told.of("check"), *self.told.of("programs")]:
            yield f"  {told['what']}: {told['seconds']:g} s"
        for told in self.told.of("refused"):
            yield f"  {told['backend']}: not on this kernel: {reason_of(told['reason'])}"
        for started in self.told.of("started"):
            backend = started["backend"]
            yield f"  {backend}: starts in {started['seconds']:g} s"
            for told in self.told.of("compared", backend=backend):
                good = "WRONG" if told["wrong"] else "right"
                yield (f"    {told['name']:<16} {good}, {told['count']} compared, "
                       f"{told['seconds']:g} s")
                lines = told["accounted"]
                if lines:
                    yield (f"      {len(lines)} accounted for by runs that the kernel left out: "
                           + "; ".join(lines[:ACCOUNTED_LINES]))
            for told in self.told.of("differs", backend=backend):
                for reason in told["reasons"]:
                    yield f"    as is to be expected: {reason}"
            for told in self.told.of("log", backend=backend):
                for line in told["lines"]:
                    if "reason" in line:
                        yield "    " + ", ".join(str(line[name]) for name in (
                            "message", "program", "hook", "from", "to", "reason") if name in line)
        for program in self.programs:
            if "reason" in program:
                yield f"  {program['program']} does not load: {program['reason']}"
        for what in self.wrong:
            yield f"  WRONG  {what}"

    def show(self):
        text = "\n".join(self.lines())
        print(text, flush=True)
        with open(os.path.join(BUILD, f"{self.kernel.name}.report"), "w", encoding="utf-8") as file:
            file.write(text + "\n\n")
            check = self.told.one("check")
            if check:
                file.write(check["text"])
            for program in self.programs:
                file.write(json.dumps(program) + "\n")


def repeats(tries):
    """One line for each time that a kernel was booted or tried once more, and why."""
    for number, result in enumerate(tries):
        yield from (f"{result.kernel.name} was booted once more: {brief(fault)}"
                    for fault in result.faults)
        if number + 1 < len(tries):
            yield f"{result.kernel.name} was tried once more: {brief(result.wrong[0])}"


def brief(reason):
    return reason.splitlines()[0][:BRIEF]


def table(results):
    """One row for each program, one column for each kernel: instructions, stack and time."""
    names = sorted({p["program"] for result in results for p in result.programs})
    yield "| program | " + " | ".join(result.kernel.name for result in results) + " |"
    yield "|---|" + "---|" * len(results)
    for name in names:
        cells = []
        for result in results:
            program = next((p for p in result.programs if p["program"] == name), {})
            cells.append(
                f"{program['instructions']:,} · {program['stack']} · "
                f"{program['microseconds'] / 1000:.0f}" if "instructions" in program else "–")
        yield f"| `{name}` | " + " | ".join(cells) + " |"


def write_docs(results):
    """Between two marks of docs/overhead.md."""
    with open(DOCS, encoding="utf-8") as file:
        text = file.read()
    lines = "\n".join(table(results))
    text, count = re.subn(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{lines}\n{END}", text,
                          flags=re.S)
    assert count == 1, f"{DOCS} has no place for it"
    with open(DOCS, "w", encoding="utf-8") as file:
        file.write(text)
