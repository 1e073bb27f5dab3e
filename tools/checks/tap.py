# SPDX-License-Identifier: GPL-2.0-only
"""Reading and writing the Test Anything Protocol, as kselftest speaks it."""

import re

RESULT = re.compile(r"^(not )?ok\b\s*(\d+)?\s*(?:-\s*)?([^#]*)(?:#\s*(.*))?$")
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?", re.I)
KSFT_SKIP = 4


def parse(text, code):
    """Results of a test program: list of (name, ok, note), ok None = skip.

    What a program promised in its plan and did not deliver has failed, and
    so has one that exits with an error but without a failed result.
    """
    found, plan = [], None
    for line in text.splitlines():
        line = line.rstrip("\r")
        match = PLAN.match(line)
        if match:
            plan = int(match.group(1))
            if plan == 0:
                found.append(("all", None, match.group(2) or "skipped"))
            continue
        match = RESULT.match(line)
        if not match:
            continue
        bad, _, name, directive = match.groups()
        name, directive = name.strip(), (directive or "").strip()
        word = directive.split(" ")[0].upper()
        if word in ("SKIP", "XFAIL", "TODO"):
            found.append((name, None, directive))
        else:
            found.append((name, not bad, directive))
    if plan and len(found) < plan:
        found.append(("all of the plan", False, "%d of %d results" % (
            len(found), plan)))
    failed = any(ok is False for _, ok, _ in found)
    if code == KSFT_SKIP and not found:
        found.append(("all", None, "skipped"))
    elif code and not failed and not (
            code == KSFT_SKIP and all(ok is None for _, ok, _ in found)):
        found.append(("exit status", False, str(code)))
    elif not found:
        found.append(("any result", False, "no TAP in its output"))
    return found


class Results:
    """All results of a run, written as they come."""

    def __init__(self, path):
        self.out = open(path, "w")
        self.out.write("TAP version 13\n")
        self.number = self.passed = self.failed = self.skipped = 0

    def add(self, name, ok, note=""):
        self.number += 1
        if ok is None:
            self.skipped += 1
            note = note if note.upper().startswith("SKIP") else "SKIP " + note
        elif ok:
            self.passed += 1
        else:
            self.failed += 1
        self.out.write("%sok %d - %s%s\n" % (
            "not " if ok is False else "", self.number,
            name.replace("#", "\\#"), " # " + note if note else ""))
        self.out.flush()

    def close(self):
        self.out.write("1..%d\n" % self.number)
        self.out.close()
        return self.passed, self.failed, self.skipped
