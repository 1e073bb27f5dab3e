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
import threading

KST_SKIP = 4
TWO_CPUS = "-2cpus"
HERE = "tools/clients"
BEGIN = re.compile(r"^### begin (\S+)$")
END = re.compile(r"^### end (\S+) (\d+) (\d+)$")
SCENARIO = re.compile(r"^### (\S+) (ept|shadow) (ok|FAIL|skip) (\d+) ?(.*)$")
STATUS = {2: "the host crashed", 3: "time limit of the test host"}
# Of one host, in seconds of real time.
LIMIT = int(os.environ.get("CLIENTS_TIMEOUT", "2400"))


def selftest_list(top, quick):
    """Expectation and command line of each of the kernel's selftests."""
    with open(os.path.join(top, HERE, "kernel-selftests.list")) as text:
        for line in text:
            if quick and line.startswith("# ---- long"):
                return
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

    def testhost(self, name, options, command, lines):
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
                argv + options + ["-c", command], cwd=self.top, text=True,
                errors="replace", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=out)
            said = []
            for line in proc.stdout:
                said.append(line)
                lines(line.rstrip("\r\n"))
            code = proc.wait()
        with open(log, "a") as out:
            out.writelines(said)
        return code, log

    def lost(self, code, begun, name):
        if begun:
            return STATUS.get(code, "the test host stopped")
        return "not run: " + STATUS.get(code, "exit status %d" % code)

    # ---- the kernel's selftests ----------------------------------------------

    def selftests(self, kind, tests, cpus=1):
        expected = {c.split()[0]: e.replace(TWO_CPUS, "") for e, c in tests}
        listing = os.path.join(self.out, "list-%s-%d" % (kind, cpus))
        with open(listing, "w") as out:
            out.writelines(c + "\n" for _, c in tests)
        begun, text = set(), []

        def line(line):
            match = BEGIN.match(line)
            if match:
                begun.add(match.group(1))
                text.clear()
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

        code, log = self.testhost(
            "clients-selftests-%s-%d%s" % (
                kind, cpus, "-peer" if self.peer else ""),
            ["--tree", self.trees["selftests"],
             "--file", listing + ":/root/list", "--cpus", str(cpus),
             "--file", os.path.join(self.top, HERE,
                                    "kernel-selftests-in-host")],
            "./kernel-selftests-in-host " + kind, line)
        self.rest("kernel's", expected, begun, kind, code, log)

    def selftests_smp(self, kind, tests):
        self.selftests(kind, tests, cpus=2)

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

    # ---- QEMU -------------------------------------------------------------------

    def qemu(self, kind, names):
        left = dict.fromkeys(names)

        def line(line):
            match = SCENARIO.match(line)
            if not match:
                return
            name, _, verdict, seconds, why = match.groups()
            left.pop(name, None)
            self.done.put(("qemu %s %s" % (name, kind), {
                "ok": True, "FAIL": False, "skip": None}[verdict], why,
                int(seconds)))

        options = []
        for tree, where in (("qemu", ""), ("guest", ":/root/guest"),
                            ("debian", ":/root/debian"), ("perf", "")):
            if tree in self.trees:
                options += ["--tree", self.trees[tree] + where]
        for file in ("qemu.py", "scenarios.py", "qemu-in-host"):
            options += ["--file", os.path.join(self.top, HERE, file)]
        code, log = self.testhost(
            "clients-qemu-%s%s" % (kind, "-peer" if self.peer else ""),
            options, "./qemu-in-host %s %s" % (kind, " ".join(names)), line)
        self.rest("qemu", left, (), kind, code, log)

    def rest(self, group, left, begun, kind, code, log):
        """What a host did not come to, and whether it ended well."""
        for name in left:
            self.done.put(("%s %s %s" % (group, name, kind), False, self.lost(
                code, name in begun, name), 0))
        self.done.put(("%s host %s" % (group, kind), code == 0,
                       "" if code == 0 else "exit status %d, see %s" % (
                           code, os.path.relpath(log, self.top)), 0))

    def scenarios(self):
        text = subprocess.run(
            ["python3", "-B", os.path.join(self.top, HERE, "scenarios.py"),
             "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
        return text.split()

    def all(self, only=(), quick=False):
        """Yields (name, ok, note, seconds) as it comes."""
        tests = [(e, c) for e, c in selftest_list(self.top, quick)
                 if not only or c.split()[0] in only or "selftests" in only]
        names = [n for n in self.scenarios() if not quick
                 if not only or "qemu" in only or
                 any(n == o or n.startswith(o + "-") for o in only)]
        self.trees = {}
        jobs = queue.Queue()
        trees = ["qemu", "guest"] + [
            tree for name, tree in (("debian", "debian"),
                                    ("perf-kvm-stat", "perf"))
            if name in names]
        smp = [t for t in tests if t[0].endswith(TWO_CPUS)]
        for function, what, needs in (
                (self.qemu, names, trees),
                (self.selftests, [t for t in tests if t not in smp],
                 ("selftests",)),
                (self.selftests_smp, smp, ("selftests",))):
            if what:
                self.trees.update((n, self.prepared(n)) for n in needs)
                for kind in self.kinds:
                    jobs.put((function, kind, what))
        self.say("...   %d selftests of the kernel, %d scenarios of QEMU "
                 "under %s%s" % (len(tests), len(names),
                                 " and ".join(self.kinds),
                                 " on mainline" if self.peer else ""))

        def worker():
            while True:
                try:
                    function, kind, what = jobs.get_nowait()
                except queue.Empty:
                    return
                function(kind, what)

        threads = [threading.Thread(target=worker) for _ in range(
            int(os.environ.get("CLIENTS_HOSTS", "2")))]
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads) or not self.done.empty():
            try:
                yield self.done.get(timeout=0.2)
            except queue.Empty:
                pass
