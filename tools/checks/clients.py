# SPDX-License-Identifier: GPL-2.0-only
"""Run programs that were not written here in the test host.

These are the kernel's own KVM selftests and Debian's QEMU, see
Documentation/testing.rst.  For each kind of MMU both run in a test host of
their own; two hosts at a time.
"""

import os
import queue
import re
import subprocess

import workers

KST_SKIP = 4
TWO_CPUS = "-2cpus"
HERE = "tools/clients"
BEGIN = re.compile(r"^### begin (\S+)$")
END = re.compile(r"^### end (\S+) (\d+) (\d+)$")
SCENARIO = re.compile(r"^### (\S+) (ept|shadow) (ok|FAIL) (\d+) ?(.*)$")
STATUS = {2: "the host crashed", 3: "time limit of the test host"}
# Of one host, in seconds of real time.
LIMIT = int(os.environ.get("CLIENTS_TIMEOUT", "2400"))
# What "prepare" makes for QEMU, and where it is in the host
TREES = (("qemu", ""), ("guest", ":/root/guest"), ("debian", ":/root/debian"),
         ("perf", ""))


# Part of "make check"
QUICK = ("x86_64/state_test", "x86_64/userspace_msr_exit_test",
         "x86_64/debug_regs", "boot-q35-on-1")


def selftest_list(top):
    """Expectation and command line of each of the kernel's selftests."""
    with open(os.path.join(top, HERE, "kernel-selftests.list")) as text:
        for line in text:
            if line.strip() and not line.startswith("#"):
                expected, _, command = line.strip().partition(" ")
                yield expected, command.strip()


class Clients:
    def __init__(self, top, out, host, kinds, peer, say):
        self.top = top
        self.host = host
        self.kinds = kinds
        self.peer = peer
        self.say = say
        self.out = os.path.join(out, "clients" + ("-peer" if peer else ""))
        os.makedirs(self.out, exist_ok=True)
        self.done = queue.Queue()

    def prepared(self, what):
        return subprocess.run(
            [os.path.join(self.top, HERE, "prepare"), what], check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True).stdout.strip()

    def testhost(self, name, options, commands, lines):
        """Run a host; lines() gets what it says.  Exit status and log."""
        argv = [os.path.join(self.top, "tools/testhost/testhost"), "run",
                "--host", self.host, "--name", name, "--timeout", str(LIMIT),
                "--file", os.path.join(self.top, HERE, "load-kvm")]
        if self.peer:
            argv += ["--peer"]
        else:
            for module in ("kvm", "kvm-intel"):
                argv += ["--file", os.path.join(
                    self.top, "build", self.host, module + ".ko")]
        log = os.path.join(self.out, name + ".log")
        with open(log, "w") as out:
            proc = subprocess.Popen(
                argv + options + [a for c in commands for a in ("-c", c)],
                cwd=self.top, text=True, errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out)
            said = []
            for line in proc.stdout:
                said.append(line)
                lines(line.rstrip("\r\n"))
            code = proc.wait()
        with open(log, "a") as out:
            out.writelines(said)
        return code, log

    def lost(self, code, begun):
        if begun:
            return STATUS.get(code, "the test host stopped")
        return "not run: " + STATUS.get(code, "exit status %d" % code)

    # ---- one host -------------------------------------------------------------

    def run(self, what, kind, tests, names, cpus=1):
        """The kernel's selftests, then QEMU's scenarios, whichever there are."""
        expected = {c.split()[0]: e.replace(TWO_CPUS, "") for e, c in tests}
        left = dict.fromkeys(names)
        begun, text = set(), []

        def line(line):
            match = BEGIN.match(line)
            if match:
                begun.add(match.group(1))
                text.clear()
                return
            match = SCENARIO.match(line)
            if match:
                name, _, verdict, seconds, why = match.groups()
                left.pop(name, None)
                self.done.put(("qemu %s %s" % (name, kind), verdict == "ok",
                               why, int(seconds)))
                return
            match = END.match(line)
            if not match:
                text.append(line)
                return
            name, status, seconds = match.groups()
            want = expected.pop(name, None)
            if want:
                self.done.put(("kernel's %s %s" % (name, kind), *self.judge(
                    want, kind, int(status), text), int(seconds)))

        options, commands = ["--cpus", str(cpus), "--keep-going"], []
        if tests:
            listing = os.path.join(self.out, "list-%s-%s" % (what, kind))
            with open(listing, "w") as out:
                out.writelines(c + "\n" for _, c in tests)
            options += ["--tree", self.trees["selftests"],
                        "--file", listing + ":/root/list", "--file",
                        os.path.join(self.top, HERE,
                                     "kernel-selftests-in-host")]
            commands += ["./kernel-selftests-in-host " + kind]
        if names:
            for tree, where in TREES:
                if tree in self.trees:
                    options += ["--tree", self.trees[tree] + where]
            for file in ("qemu.py", "scenarios.py", "qemu-in-host"):
                options += ["--file", os.path.join(self.top, HERE, file)]
            commands += ["./qemu-in-host %s %s" % (kind, " ".join(names))]
        code, log = self.testhost("clients-%s-%s%s" % (
            what, kind, "-peer" if self.peer else ""), options, commands, line)
        self.rest("kernel's", expected, begun, kind, code)
        self.rest("qemu", left, (), kind, code)
        self.done.put(("clients' host (%s) %s" % (what, kind), code == 0,
                       "" if code == 0 else "exit status %d, see %s" % (
                           code, os.path.relpath(log, self.top)), 0))

    def rest(self, group, left, begun, kind, code):
        """What a host did not come to."""
        for name in left:
            self.done.put(("%s %s %s" % (group, name, kind), False, self.lost(
                code, name in begun), 0))

    def judge(self, want, kind, status, text):
        """ok, or None for a skip that is allowed, and a note."""
        if status == 0:
            return True, ""
        if status == KST_SKIP:
            why = " ".join(ln for ln in text if ln.strip())
            why = why.rpartition("SKIP")[2].strip(" -")
            return (None if want in ("skip", "skip-" + kind) else
                    False), "skipped: " + why
        why = [ln for ln in text if ln.strip()][:6]
        return False, "exit status %d: %s" % (status, " | ".join(why)[:200])

    def scenarios(self):
        text = subprocess.run(
            ["python3", "-B", os.path.join(self.top, HERE, "scenarios.py"),
             "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
        return text.split()

    def all(self, only=(), quick=False):
        """Yields (name, ok, note, seconds) as it comes."""
        if quick:
            only = QUICK
        tests = [(e, c) for e, c in selftest_list(self.top)
                 if not only or c.split()[0] in only or "selftests" in only]
        names = [n for n in self.scenarios()
                 if not only or "qemu" in only or
                 any(n == o or n.startswith(o + "-") for o in only)]
        smp = [t for t in tests if t[0].endswith(TWO_CPUS)]
        plain = [t for t in tests if t not in smp]
        hosts = [("quick", plain, names, 1)] if quick else [
            ("qemu", [], names, 1), ("selftests", plain, [], 1),
            ("selftests-smp", smp, [], 2)]
        needs = ["selftests"] if tests else []
        needs += ["qemu", "guest"] if names else []
        needs += ["debian"] if "debian" in names else []
        needs += ["perf"] if "perf-kvm-stat" in names else []
        try:
            self.trees = {n: self.prepared(n) for n in needs}
        except subprocess.CalledProcessError as error:
            yield ("preparing what clients need", False, str(error), 0)
            return
        jobs = [(what, kind, wanted, scenarios, cpus)
                for what, wanted, scenarios, cpus in hosts
                for kind in (self.kinds if wanted or scenarios else ())]
        self.say("...   %d selftests of the kernel, %d scenarios of QEMU "
                 "under %s%s" % (len(tests), len(names),
                                 " and ".join(self.kinds),
                                 " on mainline" if self.peer else ""))

        yield from workers.results(
            jobs, lambda job: self.run(*job),
            int(os.environ.get("CLIENTS_HOSTS", "2")), self.done,
            lambda count: self.say("  ... clients: %d of %d done" % (
                count, (len(tests) + len(names)) * len(self.kinds))))
