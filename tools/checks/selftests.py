# SPDX-License-Identifier: GPL-2.0-only
"""Run the selftests in the test host and collect their TAP output.

Each test is run once for each kind of MMU that the module offers on the CPU,
without being asked which kinds it is for; the host says what there is.  Only
programs whose name begins with "kinds_" are about several kinds at once and
run a single time.

The runs follow one another in a host.  When the host crashes or the time limit
is reached, that is a failure of the test that ran, and another host is booted
for those that are left.  With two processors two hosts share the work.
"""

import os
import queue
import re
import shlex
import subprocess
import threading

import tap
import workers

TIME_LIMIT = 3
STATUS = {2: "the host crashed", TIME_LIMIT: "time limit of the test host"}
# In the comment at the top of a test: " * testhost: --cpus 2", and
# " * again: tpr_shadow=N" for another run with that parameter of the module
DEMANDS = re.compile(r"^ \* testhost: (.*)$", re.M)
AGAIN = re.compile(r"^ \* again: (\w+=\w+)$", re.M)
MARK = re.compile(r"^### (begin|end) (\S+)(?: (\d+))?$")
OFFERED = re.compile(r"^### kinds (.*)$")
KINDS = ("ept", "shadow")
ONCE = "kinds_"
# Of one host, in seconds of real time.
LIMIT = int(os.environ.get("SELFTEST_TIMEOUT", "1200"))


class Stream:
    """The output of one host, taken apart as it comes."""

    def __init__(self, run, log):
        self.run = run
        self.log = log
        self.current = None
        self.lines = []
        self.seen = []

    def line(self, line):
        match = OFFERED.match(line)
        if match:
            self.run.offered = match.group(1).split()
            return
        match = MARK.match(line)
        if not match:
            self.lines.append(line)
            return
        kind, name, status = match.groups()
        if kind == "begin":
            self.current, self.lines = name, []
        elif name == self.current:
            self.run.result(name, self.lines, int(status), None, self.log)
            self.seen.append(name)
            self.current = None

    def end(self, code, culprit):
        trouble = STATUS.get(code, "the test host stopped")
        if code == TIME_LIMIT and self.current and self.seen:
            # Many tests and a slow machine: the one that was not done has
            # the whole time of the next host.
            self.run.say("...   %s after %d tests: %s begins again in another"
                         % (trouble, len(self.seen), self.current))
            return
        if self.current and culprit in (None, self.current):
            self.run.result(self.current, self.lines, 0, trouble, self.log)
            self.seen.append(self.current)
        elif code in STATUS and self.seen:
            # It came out after that test had ended.  The one that ran when
            # the host was stopped gets another chance.
            if culprit not in self.seen:
                culprit = self.seen[-1]
            self.run.done.put((culprit, [(
                "leaves the host alone", False, STATUS[code])], self.log))


class Run:
    def __init__(self, top, out, host, model, mmu, say, cpus=None):
        self.top = top
        self.host = host
        self.model = model
        self.cpus = cpus        # None: one, or what a test asks for
        self.kinds = KINDS if mmu == "all" else (mmu,)
        self.explicit = mmu != "all"
        self.offered = None     # kinds, as the first host said
        self.say = say
        self.out = os.path.join(out, "selftests" + (
            "-" + model if model else "") + (
            "-%d-cpus" % cpus if cpus else ""))
        os.makedirs(self.out, exist_ok=True)
        self.done = queue.Queue()
        self.lock = threading.Lock()
        self.boots = 0

    def listing(self, target):
        return subprocess.run(
            ["make", "-s", "-C", "selftests", target], cwd=self.top,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
            text=True).stdout.split()

    def demands(self, job):
        """Options of the test host that a test asks for in its source."""
        match = DEMANDS.search(self.top_of(job.split(".")[0]))
        if not match:
            return ""
        # Whoever names a CPU means it.
        if self.model or os.environ.get("CPU_MODEL"):
            return re.sub(r"\s*--cpu-model \S+", "", match.group(1))
        return match.group(1)

    def top_of(self, name):
        source = os.path.join(self.top, "selftests", name + ".c")
        with open(source) as text:
            return text.read(2000)

    def parameters(self, name):
        """What is to be added to a run's name, besides the kind."""
        yield ""
        if not os.environ.get("PEER"):
            for setting in AGAIN.findall(self.top_of(name)):
                yield "." + setting

    def hosts(self, jobs, shards):
        """The runs by the host they need: list of (options, runs)."""
        groups = {}
        for job in jobs:
            groups.setdefault(self.demands(job), []).append(job)
        plain = groups.pop("", [])
        return [("", plain[i::shards]) for i in range(shards)
                if plain[i::shards]] + sorted(groups.items())

    def boot(self, options, jobs):
        """One host with these runs.  Returns those done and exit status."""
        with self.lock:
            self.boots += 1
            run = "selftests-%d-%d" % (os.getpid(), self.boots)
        built = os.path.join(self.top, "build", "selftests")
        listing = os.path.join(self.out, run + ".list")
        with open(listing, "w") as out:
            out.writelines(j + "\n" for j in jobs)
        argv = [
            os.path.join(self.top, "tools/testhost/testhost"), "run",
            "--host", self.host, "--name", run, "--timeout", str(LIMIT),
            "--file", os.path.join(self.top, "tools/checks/run-in-host"),
            "--file", listing + ":/root/list"]
        if os.environ.get("PEER"):
            argv += ["--peer"]
        else:
            module = os.path.join(self.top, "build", "%s", "kvm.ko")
            argv += ["--file", module % self.host]
            module %= self.host + "-skip-flush"
            if os.path.exists(module):
                argv += ["--file", module + ":/root/selftests/skip_flush.ko"]
        if self.cpus:
            argv += ["--cpus", str(self.cpus)]
        argv += shlex.split(options)
        if self.model:
            argv += ["--cpu-model", self.model]
        for name in sorted({j.split(".")[0] for j in jobs}):
            argv += ["--file", "%s/%s:/root/selftests/" % (built, name)]
        for extra in self.extra:
            argv += ["--file", extra + ":/root/selftests/"]
        for module in ("zram", "zsmalloc"):
            argv += ["--host-module", module]
        # A page of 1G is there for those who reserve it at boot only.
        argv += ["--mem", os.environ.get("HOST_MEM") or "3072",
                 "--append", "hugepagesz=1G hugepages=1"]
        argv += ["-c", "./run-in-host"]
        log = os.path.join(self.out, run + ".log")
        stream = Stream(self, log)
        with open(log, "wb") as err:
            proc = subprocess.Popen(argv, cwd=self.top, stderr=err,
                                    stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE)
            output = []
            for line in proc.stdout:
                output.append(line)
                stream.line(line.decode(errors="replace").rstrip("\r\n"))
            code = proc.wait()
        with open(log, "ab") as out:
            out.writelines(output)
        stream.end(code, self.culprit(run))
        return stream.seen, code, log

    def culprit(self, run):
        """The test that ran when the host kernel complained, or None."""
        try:
            with open(os.path.join(self.top, "build", "testhost", run,
                                   "crash")) as crash:
                return crash.readline().strip()
        except OSError:
            return None

    def possible(self, job):
        kind = (job.split(".") + [""])[1]
        return not kind or self.offered is None or kind in self.offered

    def serve(self, options, jobs):
        while jobs:
            seen, code, log = self.boot(options, jobs)
            left = [j for j in jobs if j not in seen and self.possible(j)]
            if left and not seen:
                # Not even the first has begun: there is no point in trying
                # again.
                self.done.put(("host", [(
                    "runs %d selftests" % len(left), False,
                    STATUS.get(code, "exit status %d" % code))], log))
                return
            jobs = left

    def missing(self):
        """Kinds that were to be used and that there are not."""
        for kind in self.kinds:
            if self.offered is not None and kind not in self.offered:
                yield "mmu " + kind, [(
                    "is there", False if self.explicit else None,
                    "not offered on this CPU")], self.out

    def result(self, job, lines, status, trouble, log):
        path = os.path.join(self.out, job + ".tap")
        text = "\n".join(lines) + "\n"
        with open(path, "w") as out:
            out.write(text)
        found = [r for r in tap.parse(text, 0 if trouble else status)
                 if not trouble or r[0] != "any result"]
        if trouble:
            found.append(("host survives", False,
                          "%s, see %s" % (trouble, os.path.relpath(
                              log, self.top))))
        self.done.put((job, found, path))

    def all(self, only=()):
        """Yields (job, results, log) of each run as it is done."""
        names = [n for n in self.listing("list") if not only or n in only]
        self.extra = self.listing("files")
        if not names:
            yield "list", [("finds tests", False, "make -C selftests list")], \
                self.out
            return
        jobs = ["%s.%s%s" % (n, k, p) for k in self.kinds for n in names
                if not n.startswith(ONCE) for p in self.parameters(n)]
        jobs += [n for n in names if n.startswith(ONCE)]
        if self.cpus:
            # The others have been run with the processors they ask for.
            jobs = [j for j in jobs if "--cpus" not in self.demands(j)]
        shards = max(1, min(2, os.cpu_count() or 1, len(names)))
        if os.environ.get("SELFTEST_HOSTS"):
            shards = int(os.environ["SELFTEST_HOSTS"])
        hosts = list(self.hosts(jobs, shards))
        self.say("...   %d selftests under %s in %d test host%s (%s%s)" % (
            len(names), " and ".join(self.kinds), len(hosts),
            "s" if len(hosts) > 1 else "", self.host,
            ", " + self.model if self.model else ""))
        yield from workers.results(
            hosts, lambda host: self.serve(*host), shards, self.done,
            lambda count: self.say("  ... selftests: %d of %d runs done" % (
                count, len(jobs))))
        yield from self.missing()
