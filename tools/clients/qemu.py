# SPDX-License-Identifier: GPL-2.0-only
"""A QEMU with a guest that takes commands on its serial port (guest-init)."""

import glob
import json
import os
import re
import select
import socket
import subprocess
import time


class Failure(Exception):
    """What a scenario has found wrong."""


def first_line(path):
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError as why:
        return str(why)


class Qemu:
    """One QEMU process; a context manager that leaves none behind."""

    count = 0
    log = None		# a file that gets all that is said

    def __init__(self, *args, machine="pc", irqchip=None, cpus=1, mem=128,
                 cpu="host", kernel="guest/vmlinuz", initrd="guest/initramfs",
                 append="", direct=True, accel="kvm"):
        Qemu.count += 1
        self.sock = "/tmp/qmp-%d" % Qemu.count
        micro = machine.startswith("microvm")
        binary = "qemu-system-x86_64" + ("-microvm" if micro else "")
        if irqchip:
            accel += ",kernel-irqchip=" + irqchip
        self.argv = [
            "/usr/bin/" + binary, "-nodefaults", "-no-user-config",
            "-display", "none", "-L", "/usr/share/qemu",
            "-L", "/usr/share/seabios", "-accel", accel, "-machine", machine,
            "-cpu", cpu, "-smp", str(cpus), "-m", str(mem),
            "-serial", "stdio", "-qmp", "unix:%s,server=on,wait=off"
            % self.sock]
        if direct:
            self.argv += ["-kernel", kernel, "-initrd", initrd, "-append",
                          "console=ttyS0 quiet panic=-1 rdinit=/init "
                          "nokaslr mitigations=off " + append]
        self.argv += args
        self.text = ""
        self.seen = 0
        self.conn = None
        self.events = []

    def __enter__(self):
        self.note("+ " + " ".join(self.argv))
        self.proc = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=Qemu.log)
        os.set_blocking(self.proc.stdout.fileno(), False)
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.note(self.text[self.seen:])
            self.inspect()
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        if self.conn:
            self.conn.close()

    def inspect(self):
        """Where its processors are, for whoever reads the log of a failure."""
        if self.proc.poll() is not None:
            return
        for task in sorted(glob.glob("/proc/%d/task/*" % self.proc.pid)):
            self.note(" ".join([os.path.basename(task)] + [
                first_line(os.path.join(task, name))
                for name in ("comm", "wchan", "syscall")]))
        try:
            for _ in range(2):
                lines = self.hmp("info registers -a").splitlines()
                self.note("\n".join(ln for ln in lines if re.match(
                    r"CPU#|RIP|EIP|RSP|CR", ln)))
        except (Failure, OSError, ValueError) as why:
            self.note("no registers: %s" % why)

    @staticmethod
    def note(text):
        if Qemu.log and text:
            Qemu.log.write(text + "\n")
            Qemu.log.flush()

    # ---- the serial port -------------------------------------------------

    def read(self, timeout):
        ready, _, _ = select.select([self.proc.stdout], [], [], timeout)
        if not ready:
            return True
        data = self.proc.stdout.read()
        if not data:
            return False
        self.text += data.decode(errors="replace").replace("\r", "")
        return True

    def expect(self, pattern, timeout=120):
        """Wait for a line of the guest's; the match."""
        end = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text[self.seen:], re.M)
            if match:
                self.note(self.text[self.seen:self.seen + match.end()])
                self.seen += match.end()
                return match
            left = end - time.monotonic()
            if left <= 0:
                raise Failure("no '%s' after %d s" % (pattern, timeout))
            if not self.read(min(left, 5)):
                raise Failure("QEMU ended (%s), no '%s'" % (
                    self.proc.wait(), pattern))

    def send(self, line):
        self.proc.stdin.write((line + "\n").encode())
        self.proc.stdin.flush()

    def run(self, command, timeout=120, ok=True):
        """A command in the guest: its output."""
        self.send(command)
        match = self.expect(r"(?s)\A(.*?)^=== (\d+)$\n", timeout)
        if ok and match.group(2) != "0":
            raise Failure("'%s' in the guest: %s" % (
                command, match.group(0).strip()))
        return match.group(1).strip()

    def up(self, cpus=None, timeout=200):
        found = int(self.expect(r"^guest: up, (\d+) CPUs\n",
                                timeout).group(1))
        if cpus and found != cpus:
            raise Failure("%d CPUs instead of %d" % (found, cpus))

    def end(self, timeout=60):
        """Wait for QEMU to end by itself, with success."""
        end = time.monotonic() + timeout
        while self.read(1):
            if time.monotonic() > end:
                raise Failure("QEMU does not end")
        if self.proc.wait():
            self.note(self.text[self.seen:])
            raise Failure("QEMU's exit status is %d" % self.proc.returncode)

    def poweroff(self):
        self.send("poweroff -f")
        self.end()

    # ---- QMP -------------------------------------------------------------

    def connect(self):
        end = time.monotonic() + 60
        while True:
            self.conn = socket.socket(socket.AF_UNIX)
            try:
                self.conn.connect(self.sock)
                break
            except OSError:
                self.conn.close()
                if time.monotonic() > end:
                    raise Failure("no QMP")
                time.sleep(0.2)
        self.conn.settimeout(120)
        self.lines = self.conn.makefile("r")
        json.loads(self.lines.readline())
        self.qmp("qmp_capabilities")

    def message(self):
        line = self.lines.readline()
        if not line:
            raise Failure("QMP ended")
        return json.loads(line)

    def qmp(self, command, ok=True, **arguments):
        """A command; its answer."""
        if not self.conn:
            self.connect()
        request = {"execute": command}
        if arguments:
            request["arguments"] = {
                k.replace("_", "-"): v for k, v in arguments.items()}
        self.note("qmp " + json.dumps(request))
        self.conn.sendall((json.dumps(request) + "\n").encode())
        while True:
            answer = self.message()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer and ok:
                raise Failure("%s: %s" % (command, answer["error"]["desc"]))
            else:
                return answer.get("return", answer.get("error"))

    def event(self, name, timeout=120):
        """Wait for an event that has not been waited for."""
        end = time.monotonic() + timeout
        self.conn.settimeout(timeout)
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            if time.monotonic() > end:
                raise Failure("no event " + name)
            try:
                answer = self.message()
            except socket.timeout:
                raise Failure("no event " + name) from None
            if "event" in answer:
                self.events.append(answer)

    def hmp(self, line):
        """A command of the human monitor, which says nothing on success."""
        said = self.qmp("human-monitor-command", **{"command-line": line})
        if "registers" not in line:
            self.note("(qemu) %s\n%s" % (line, said))
        return said.strip()
