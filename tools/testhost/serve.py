#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Start the machine of a test host, watch it, and say how it ended.

The machine writes its kernel's console to DIR/console.log.  Lines that begin
with "testhost:" there come from the test host's init and tell where it is.
Output of the commands arrives in DIR/results.log, or, for an interactive run,
through a pseudo terminal at DIR/com2.
"""

import argparse
import errno
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
import tty

OK, FAILED, CRASHED, TIMEOUT, SETUP = 0, 1, 2, 3, 4

# What the kernel says when something is wrong with it.
CRASH = re.compile(
    r"BUG: |BUG at |WARNING: |Oops: |Oops\b.*\[#|general protection fault|"
    r"Kernel panic - not syncing|unable to handle|stack segment: |"
    r"double fault: |invalid opcode: |divide error: |int3: |"
    r"INFO: task .* blocked for more than|soft lockup|hard LOCKUP|"
    r"rcu.*detected (expedited )?stalls|rcu.*self-detected stall|"
    r"INFO: (possible|inconsistent|trying to register)|"
    r"suspicious RCU usage|held lock freed|lock held when returning|"
    r"KASAN: |UBSAN: |kmemleak: [1-9]\d* new suspected|"
    r"refcount_t: |list_(add|del) corruption|"
    r"sleeping function called from invalid context|"
    r"ODEBUG: |unchecked MSR access error|"
    r"Slab cache still has objects|Bad page (state|map)|"
    r"Objects remaining in|nobody cared"
)
DEAD = re.compile(r"end Kernel panic|Attempted to kill init")
# Of our own.  Somebody's half line on the console may stand before them.
SAID = re.compile(r"\] testhost: (start|command|exit|done) ?(.*)$")
# What Bochs says that is no complaint.
CHATTER = re.compile(r"^\d{11}[ide]\[|^=+$|^ +(Bochs x86 Emulator|Built from|"
                     r"Timestamp:)|^Bochs is exiting|^\(\d+\)\.\[|^\s*$")
ESCAPE = 0x1D  # Ctrl-]


class Console:
    """What the console log says, read as it grows."""

    def __init__(self, path):
        self.file = open(path, "r", errors="replace")
        self.rest = ""
        self.started = None
        self.command = None
        self.exits = {}
        self.done = None
        self.crash = []
        self.crash_time = None
        self.culprit = None
        self.dead = False

    def poll(self):
        text = self.rest + self.file.read()
        lines = text.split("\n")
        self.rest = lines.pop()
        for line in lines:
            self.line(line.rstrip("\r"))

    def line(self, line):
        said = SAID.search(line)
        if said:
            self.said(said.group(1), said.group(2).split())
            return
        if self.crash and len(self.crash) < 60:
            self.crash.append(line)
        if CRASH.search(line):
            if not self.crash:
                self.crash.append(line)
                self.crash_time = time.monotonic()
                self.culprit = self.command
        if DEAD.search(line):
            self.dead = True

    def said(self, what, words):
        if what == "start":
            self.started = time.monotonic()
            # A kernel that gets here was only grumbling at the machine.
            self.crash = []
        elif what == "command":
            self.command = words[0]
        elif what == "exit":
            self.exits[words[0]] = int(words[1])
        elif what == "done":
            self.done = int(words[0])


class Server:
    def __init__(self, args):
        self.args = args
        self.dir = args.dir
        self.console = Console(os.path.join(args.dir, "console.log"))
        self.results = None
        self.master = None
        self.saved = None
        self.stdin = None
        self.escapes = 0
        self.stop = False
        self.announced = False

    def say(self, text):
        if not self.args.quiet:
            end = "\r\n" if self.saved else "\n"
            sys.stderr.write("testhost: " + text + end)
            sys.stderr.flush()

    def path(self, name):
        return os.path.join(self.dir, name)

    def open_channel(self):
        if not self.args.interactive:
            self.results = open(self.path("results.log"), "rb")
            return
        self.master, slave = os.openpty()
        tty.setraw(slave)
        # The slave stays open here, so that the master can be read before
        # the machine has opened it.
        os.symlink(os.ttyname(slave), self.path("com2"))
        self.results = open(self.path("results.log"), "wb")
        os.set_blocking(self.master, False)
        if sys.stdin.isatty():
            self.saved = termios.tcgetattr(0)
            tty.setraw(0)
        self.stdin = 0

    def restore(self):
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)
            self.saved = None

    def write_out(self, data):
        while data:
            try:
                data = data[os.write(1, data):]
            except BlockingIOError:
                select.select([], [1], [])
            except BrokenPipeError:
                self.stop = True
                return

    def from_machine(self):
        """Everything the commands have written since the last call."""
        if not self.args.interactive:
            self.write_out(self.results.read())
            return
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError as err:
                if err.errno in (errno.EAGAIN, errno.EIO):
                    return
                raise
            self.results.write(data)
            self.write_out(data)

    def from_user(self):
        data = os.read(0, 1024)
        if not data:
            self.stdin = None
            return
        if self.saved:
            for byte in data:
                self.escapes = self.escapes + 1 if byte == ESCAPE else 0
                if self.escapes == 2:
                    self.stop = True
                    return
        pos = 0
        while pos < len(data):
            try:
                pos += os.write(self.master, data[pos:])
            except BlockingIOError:
                time.sleep(0.01)

    def wait(self, seconds):
        if not self.args.interactive:
            time.sleep(seconds)
            return
        watch = [self.master]
        # Keys typed before somebody reads them would be lost.
        if self.stdin is not None and self.console.command:
            watch.append(0)
        ready = select.select(watch, [], [], seconds)[0]
        if 0 in ready:
            self.from_user()

    def serve(self, proc, begin):
        """Until the machine is gone.  Returns True on a time-out."""
        con = self.console
        limit = begin + self.args.timeout if self.args.timeout else None
        while True:
            ended = proc.poll() is not None
            con.poll()
            self.from_machine()
            if ended:
                return False
            now = time.monotonic()
            if con.started and not self.announced:
                self.announced = True
                self.say("booted in %.1f s" % (con.started - begin))
            if self.stop:
                return False
            if con.dead or (con.crash and now > con.crash_time + self.args.grace):
                time.sleep(1)
                con.poll()
                return False
            if con.done is not None:
                # Gone within seconds, or it does not know how to.
                try:
                    proc.wait(20)
                except subprocess.TimeoutExpired:
                    pass
                con.poll()
                self.from_machine()
                return False
            if limit and now > limit:
                return True
            self.wait(0.05)

    def run(self):
        begin = time.monotonic()
        self.open_channel()
        self.say("booting (%s), log: %s" % (self.args.label,
                                            self.path("console.log")))
        with open(self.path("machine.out"), "wb") as out:
            try:
                proc = subprocess.Popen(
                    self.args.command, stdin=subprocess.DEVNULL, stdout=out,
                    stderr=subprocess.STDOUT, cwd=self.dir,
                    start_new_session=True)
            except OSError as err:
                self.restore()
                self.say("cannot start %s: %s" % (self.args.command[0], err))
                self.say("the machine cannot be started, see %s" %
                         self.path("machine.out"))
                return SETUP
        timed_out = False
        try:
            timed_out = self.serve(proc, begin)
        except KeyboardInterrupt:
            self.stop = True
        finally:
            if proc.poll() is None:
                os.killpg(proc.pid, signal.SIGKILL)
                proc.wait()
            self.restore()
        return self.verdict(timed_out, time.monotonic() - begin,
                            proc.returncode)

    def complain(self, logs):
        """Show what the machine itself has to say about its end."""
        for name in logs:
            try:
                with open(self.path(name), errors="replace") as log:
                    lines = log.read().splitlines()
            except OSError:
                continue
            for line in [ln for ln in lines if not CHATTER.search(ln)][-5:]:
                sys.stderr.write("    | %s\n" % line)

    def verdict(self, timed_out, seconds, code):
        con = self.console
        log = self.path("console.log")
        if con.crash:
            self.say("host crash in command %s, see %s" % (
                con.culprit, log))
            with open(self.path("crash"), "w") as out:
                out.write("%s\n" % con.culprit)
                out.writelines(line + "\n" for line in con.crash)
            if not self.args.quiet:
                for line in con.crash:
                    sys.stderr.write("    | %s\n" % line)
            return CRASHED
        if self.stop:
            self.say("stopped")
            return 130
        if timed_out:
            where = "command %s" % con.command if con.command else "boot"
            self.say("time limit of %d s reached in %s, see %s" % (
                self.args.timeout, where, log))
            return TIMEOUT
        if con.done is None:
            self.complain(("machine.out", "bochs.log"))
            if code and not os.path.getsize(log):
                self.say("the machine cannot be started, see %s" %
                         self.path("machine.out"))
                return SETUP
            self.say("the machine stopped unexpectedly, see %s, %s and %s" % (
                log, self.path("bochs.log"), self.path("machine.out")))
            return CRASHED
        with open(self.path("exit-status"), "w") as out:
            for number, code in sorted(con.exits.items()):
                out.write("%s %d\n" % (number, code))
        for number, code in sorted(con.exits.items()):
            if code:
                self.say("command %s: exit status %d" % (number, code))
        self.say("%s after %.1f s" % (
            "failed" if con.done else "ok", seconds))
        if con.done:
            return FAILED
        # What it was booted from is large and can be made again.
        for name in ("host.iso", "initramfs.cpio"):
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))
        return OK


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--timeout", type=float, default=0)
    parser.add_argument("--grace", type=float, default=10)
    parser.add_argument("--label", default="")
    parser.add_argument("--interactive", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()

    def terminated(_signo, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminated)
    signal.signal(signal.SIGHUP, terminated)
    server = Server(args)
    try:
        sys.exit(server.run())
    finally:
        server.restore()


if __name__ == "__main__":
    main()
