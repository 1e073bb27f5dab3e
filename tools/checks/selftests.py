# SPDX-License-Identifier: GPL-2.0-only
"""Run the selftests in the test host and collect their TAP output.

The tests run one after the other in a host.  When the host crashes or the
time limit is reached, that is a failure of the test that ran, and another
host is booted for those that are left.  With two processors two hosts share
the work.
"""

import os
import queue
import re
import subprocess
import threading

import tap

STATUS = {2: "the host crashed", 3: "time limit of the test host"}
MARK = re.compile(r"^### (begin|end) (\S+)(?: (\d+))?$")
# Of one host, in seconds of real time.
LIMIT = int(os.environ.get("SELFTEST_TIMEOUT", "1200"))


class Run:
    def __init__(self, top, out, host, model, say):
        self.top = top
        self.host = host
        self.model = model
        self.say = say
        self.out = os.path.join(out, "selftests" + (
            "-" + model if model else ""))
        os.makedirs(self.out, exist_ok=True)
        self.done = queue.Queue()
        self.lock = threading.Lock()
        self.boots = 0

    def listing(self, target):
        text = subprocess.run(
            ["make", "-s", "-C", "selftests", target], cwd=self.top,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        return text.stdout.split() if text.returncode == 0 else []

    def boot(self, names):
        """One host with these tests.  Returns its output and exit status."""
        with self.lock:
            self.boots += 1
            run = "selftests-%d-%d" % (os.getpid(), self.boots)
        built = os.path.join(self.top, "build", "selftests")
        listing = os.path.join(self.out, run + ".list")
        with open(listing, "w") as out:
            out.writelines(n + "\n" for n in names)
        argv = [
            os.path.join(self.top, "tools/testhost/testhost"), "run",
            "--host", self.host, "--name", run, "--timeout", str(LIMIT),
            "--file", os.path.join(self.top, "tools/checks/run-in-host"),
            "--file", listing + ":/root/list"]
        if os.environ.get("PEER"):
            argv += ["--peer"]
        else:
            argv += ["--file", os.path.join(
                self.top, "build", self.host, "kvm.ko")]
        if self.model:
            argv += ["--cpu-model", self.model]
        for name in names:
            argv += ["--file", "%s/%s:/root/selftests/" % (built, name)]
        for extra in self.extra:
            argv += ["--file", extra]
        for module in ("zram", "zsmalloc", "lzo-rle"):
            argv += ["--host-module", module]
        argv += ["-c", "./run-in-host"]
        log = os.path.join(self.out, run + ".log")
        with open(log, "wb") as err:
            proc = subprocess.run(argv, cwd=self.top, stderr=err,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE)
        text = proc.stdout.decode(errors="replace")
        with open(log, "a") as out:
            out.write(text)
        return text, proc.returncode, log

    def worker(self, names):
        while names:
            text, code, log = self.boot(names)
            left = self.collect(names, text, code, log)
            if len(left) == len(names):
                # Not even the first has begun: there is no point in trying
                # again.
                for name in left:
                    self.done.put((name, [(
                        "runs", False, "test host: " + STATUS.get(
                            code, "exit status %d" % code))], log))
                return
            names = left

    def collect(self, names, text, code, log):
        """Results of the tests that ran.  Returns those that did not."""
        current, last, lines, seen = None, None, [], set()
        for line in text.splitlines():
            match = MARK.match(line.rstrip("\r"))
            if not match:
                lines.append(line)
                continue
            kind, name, status = match.groups()
            if kind == "begin":
                current, lines = name, []
            elif name == current:
                self.result(name, lines, int(status), None, log)
                seen.add(name)
                current, last = None, name
        if current:
            self.result(current, lines, 0, STATUS.get(
                code, "the test host stopped"), log)
            seen.add(current)
        elif code in STATUS and last:
            # It came out after a test had ended: the last one's doing.
            self.done.put((last, [(
                "leaves the host alone", False, STATUS[code])], log))
        return [n for n in names if n not in seen]

    def result(self, name, lines, status, trouble, log):
        path = os.path.join(self.out, name + ".tap")
        text = "\n".join(lines) + "\n"
        with open(path, "w") as out:
            out.write(text)
        found = [r for r in tap.parse(text, 0 if trouble else status)
                 if not trouble or r[0] != "any result"]
        if trouble:
            found.append(("host survives", False,
                          "%s, see %s" % (trouble, os.path.relpath(
                              log, self.top))))
        self.done.put((name, found, path))

    def all(self, only=()):
        """Yields (name, results, log) of each test as it is done."""
        names = [n for n in self.listing("list") if not only or n in only]
        self.extra = self.listing("files")
        if not names:
            yield "list", [("finds tests", False, "make -C selftests list")], \
                self.out
            return
        shards = max(1, min(2, os.cpu_count() or 1, len(names)))
        if os.environ.get("SELFTEST_HOSTS"):
            shards = int(os.environ["SELFTEST_HOSTS"])
        self.say("...   %d selftests in %d test host%s (%s%s)" % (
            len(names), shards, "s" if shards > 1 else "", self.host,
            ", " + self.model if self.model else ""))
        threads = [threading.Thread(target=self.worker,
                                    args=(names[i::shards],))
                   for i in range(shards)]
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads) or not self.done.empty():
            try:
                yield self.done.get(timeout=0.2)
            except queue.Empty:
                pass
