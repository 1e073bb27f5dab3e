#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs in the test host: what an unmodified QEMU does with /dev/kvm.

usage: scenarios.py KIND [SCENARIO...]	(a name, or what it begins with)
       scenarios.py list

One line per scenario: "### NAME KIND ok|FAIL SECONDS [why]", seconds of the
test host's clock.
"""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from qemu import Failure, Qemu

SCENARIOS = {}


def scenario(function):
    """A function is a scenario of its name."""
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


def check(condition, text):
    if not condition:
        raise Failure(text)


# ---- booting ---------------------------------------------------------------

def boot(name):
    """Boot, look at the processors, let timers run, power off."""
    _, machine, irqchip, cpus = name.split("-")
    cpus = int(cpus)
    with Qemu(machine=machine, irqchip=irqchip, cpus=cpus) as vm:
        vm.up(cpus)
        check("hypervisor" in vm.run("cat /proc/cpuinfo"), "no hypervisor bit")
        for cpu in range(cpus):
            vm.run("taskset %x sleep 0.1" % (1 << cpu))
        vm.poweroff()


for m in ("microvm", "pc", "q35"):
    for i in ("on", "split", "off"):
        # With APICs of its own QEMU 7.2 loops for ever, on any KVM, when a
        # processor gets INIT while it halts, as firmware leaves it.
        for c in (1,) if i == "off" else (1, 4):
            SCENARIOS["boot-%s-%s-%d" % (m, i, c)] = boot


@scenario
def seabios(_):
    """The firmware finds that there is nothing to boot."""
    with Qemu("-boot", "menu=off", "-device", "isa-debugcon,iobase=0x402,chardev=d",
              "-chardev", "file,id=d,path=/tmp/seabios", machine="pc",
              direct=False) as vm:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            vm.read(1)
            if os.path.exists("/tmp/seabios") and "No bootable device" in \
                    open("/tmp/seabios", errors="replace").read():
                break
        else:
            raise Failure(open("/tmp/seabios", errors="replace").read()[-200:])
        vm.qmp("quit")
        vm.end()


@scenario
def reboot(_):
    """The guest comes up a second time, as often as it likes."""
    for machine in ("pc", "q35"):
        with Qemu(machine=machine, cpus=2) as vm:
            for _ in range(2):
                vm.up(2)
                vm.send("reboot -f")
            vm.up(2)
            vm.poweroff()


def virtio(path):
    """A disk, a network card, random numbers, a console."""
    return ("-drive", "file=%s,if=none,id=d,format=raw" % path,
            "-device", "virtio-blk-pci,drive=d",
            "-netdev", "user,id=n",
            "-device", "virtio-net-pci,netdev=n,romfile=",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", "file,id=c,path=/tmp/console",
            "-device", "virtconsole,chardev=c")


def use_virtio(vm):
    """Network, random numbers and console; the disk is the caller's."""
    check("virtio" in vm.run("cat /sys/class/misc/hw_random/rng_current"),
          "no virtio-rng")
    check(int(vm.run("dd if=/dev/hwrng bs=16 count=1 2>/dev/null | wc -c"))
          == 16, "no random bytes")
    vm.run("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up")
    vm.run("ping -c 3 10.0.2.2")
    with Server(b"0123456789abcdef" * 4096) as server:
        vm.run("wget -q -O /tmp/got http://10.0.2.2:%d/" % server.port)
        check(vm.run("md5sum </tmp/got").split()[0] == server.md5(),
              "not what came over the network")
    vm.run("echo through the console >/dev/hvc0; sync")
    for _ in range(50):
        if "through the console" in open("/tmp/console").read():
            return
        time.sleep(0.1)
    raise Failure("nothing came through the console")


def use_disk(vm, directory):
    """Write, forget, read again."""
    vm.run("dd if=/dev/zero bs=64k count=16 | tr '\\0' x >%s/x" % directory)
    vm.run("sync; echo 3 >/proc/sys/vm/drop_caches")
    check(vm.run("tr -d x <{0}/x | wc -c; wc -c <{0}/x".format(
        directory)).split() == ["0", "1048576"],
        "what was written does not come back")


class Server(threading.Thread):
    """Gives one file to whoever asks for it first."""

    def __init__(self, data):
        super().__init__(daemon=True)
        self.data = data
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def md5(self):
        return hashlib.md5(self.data).hexdigest()

    def run(self):
        conn, _ = self.sock.accept()
        with conn:
            conn.recv(4096)
            conn.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n"
                         % len(self.data) + self.data)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.sock.close()


@scenario
def devices(_):
    """virtio devices of a lean guest."""
    disk("guest/disk", "/tmp/disk")
    with Qemu(*virtio("/tmp/disk"), machine="q35") as vm:
        vm.up()
        vm.run("mount -t ext4 /dev/vda /mnt")
        check(vm.run("cat /mnt/file") == "content", "not what is on the disk")
        use_disk(vm, "/mnt")
        vm.run("umount /mnt && mount -t ext4 -o ro /dev/vda /mnt")
        use_virtio(vm)
        vm.poweroff()


@scenario
def debian(_):
    """Debian's kernel and programs on an ext4 root: twice, and virtio."""
    disk("debian/disk", "/tmp/disk")
    with Qemu(*virtio("/tmp/disk"), machine="q35", mem=256, cpus=2,
              kernel="debian/vmlinuz", initrd="debian/initramfs") as vm:
        vm.up(2, timeout=400)
        check(re.match(r"\d+\.", vm.run("cat /etc/debian_version")),
              "not Debian")
        check("/dev/vda / ext4" in vm.run("cat /proc/mounts"),
              "the root is not on the disk")
        check("kvm-clock" in vm.run("cat /sys/devices/system/clocksource/"
                                    "clocksource0/current_clocksource"),
              "no kvm-clock")
        use_disk(vm, "/root")
        use_virtio(vm)
        vm.run("sync; mount -o remount,ro /")
        vm.send("reboot -f")
        vm.up(2, timeout=400)
        vm.run("mount -o remount,ro /")
        check(vm.run("wc -c </root/x") == "1048576",
              "the file did not survive the reboot")
        vm.poweroff()


def disk(image, path):
    """A disk with an ext4 file system, made by the test host's preparation."""
    with open(image, "rb") as source, open(path, "wb") as out:
        while True:
            block = source.read(1 << 16)
            if not block:
                break
            if block.count(0) == len(block):
                out.seek(len(block), 1)
            else:
                out.write(block)
        out.truncate()


WRITER = ("(n=0; while [ ! -e /tmp/stop ]; do n=$((n+1)); "
          "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=/tmp/w$i bs=64k "
          "count=4 2>/dev/null; echo $n >>/tmp/w$i; done; echo $n >/tmp/n; "
          "done) >/dev/null 2>&1 &")


@scenario
def savevm(_):
    """A snapshot is taken, the guest goes on, and is put back."""
    blank("/tmp/snap.qcow2")
    with Qemu("-drive", "file=/tmp/snap.qcow2,if=none,id=d,format=qcow2",
              "-device", "virtio-blk-pci,drive=d", machine="pc",
              cpus=2, mem=64) as vm:
        vm.up(2)
        vm.run("echo before >/tmp/state")
        check(not vm.hmp("savevm one"), "savevm fails")
        vm.run("echo after >/tmp/state")
        check(not vm.hmp("loadvm one"), "loadvm fails")
        check(vm.run("cat /tmp/state") == "before", "not the state saved")
        vm.run("sleep 0.2")
        vm.poweroff()


def blank(path):
    """An empty qcow2 image: made by QEMU itself, there is no qemu-img."""
    if os.path.exists(path):
        os.unlink(path)
    with Qemu("-S", direct=False, machine="pc") as vm:
        vm.qmp("blockdev-create", job_id="c", options={
            "driver": "file", "filename": path, "size": 0})
        job(vm, "c")
        vm.qmp("blockdev-add", driver="file", node_name="f", filename=path)
        vm.qmp("blockdev-create", job_id="q", options={
            "driver": "qcow2", "file": "f", "size": 16 << 20})
        job(vm, "q")
        vm.qmp("quit")
        vm.end()


def job(vm, name):
    for _ in range(100):
        for j in vm.qmp("query-jobs"):
            if j["id"] == name and j["status"] == "concluded":
                check("error" not in j, j.get("error"))
                vm.qmp("job-dismiss", id=name)
                return
        time.sleep(0.1)
    raise Failure("job %s does not end" % name)


def migrate(postcopy):
    """To a second QEMU, while the guest writes its memory."""
    path = "/tmp/migrate"
    arguments = dict(machine="pc", cpus=2, mem=64)
    caps = [{"capability": "postcopy-ram", "state": True}]
    with Qemu(**arguments) as source, \
            Qemu("-incoming", "defer", **arguments) as target:
        source.up(2)
        source.run(WRITER)
        source.run("sleep 0.5; cat /tmp/n")
        if postcopy:
            for vm in (source, target):
                vm.qmp("migrate-set-capabilities", capabilities=caps)
        target.qmp("migrate-incoming", uri="unix:" + path)
        # Some rounds with the dirty log before it may end; or much is left
        source.qmp("migrate-set-parameters", max_bandwidth=(
            2 if postcopy else 64) << 20, downtime_limit=2000)
        source.qmp("migrate", uri="unix:" + path)
        if postcopy:
            time.sleep(0.5)
            source.qmp("migrate-start-postcopy")
        for _ in range(600):
            info = source.qmp("query-migrate")
            if info.get("status") in ("completed", "failed"):
                break
            time.sleep(0.2)
        check(info.get("status") == "completed", "migration: %s" % info)
        # the rest of the line that is under way stays with the source
        for _ in range(600):
            if target.qmp("query-status")["status"] == "running":
                break
            time.sleep(0.2)
        first = int(target.run("cat /tmp/n"))
        target.run("sleep 1")
        check(int(target.run("cat /tmp/n")) > first, "the writer stands still")
        target.run("touch /tmp/stop; sleep 1")
        check(target.run("for i in 1 2 3 4 5 6 7 8; do "
                         "head -c 262144 /tmp/w$i | tr -d '\\0' | wc -c; done")
              == "\n".join("0" * 8), "memory is not what was written")
        target.poweroff()
        return info


@scenario
def migrate_precopy(_):
    info = migrate(False)
    check(info["ram"]["dirty-sync-count"] >= 2, "no round of the dirty log")


@scenario
def migrate_postcopy(_):
    info = migrate(True)
    check(info["ram"]["postcopy-requests"] > 0, "no page was asked for")


class Gdb:
    """As much of GDB's remote protocol as a breakpoint takes."""

    RSP = slice(7 * 8, 8 * 8)		# in the answer to "g"
    RIP = slice(16 * 8, 17 * 8)

    def __init__(self, path):
        self.conn = socket.socket(socket.AF_UNIX)
        self.conn.connect(path)
        self.conn.settimeout(60)
        self.data = b""

    def send(self, text):
        self.conn.sendall(b"$%s#%02x" % (
            text.encode(), sum(text.encode()) & 0xff))

    def answer(self):
        while True:
            match = re.search(rb"\$([^#]*)#..", self.data)
            if match:
                self.data = self.data[match.end():]
                self.conn.sendall(b"+")
                return match.group(1).decode()
            data = self.conn.recv(4096)
            if not data:
                raise Failure("the gdb stub has gone")
            self.data += data

    def ask(self, text):
        self.send(text)
        return self.answer()

    def register(self, where):
        return int.from_bytes(bytes.fromhex(
            self.ask("g").replace("x", "0"))[where], "little")

    def rip(self):
        return self.register(self.RIP)


@scenario
def gdb(_):
    """Hardware breakpoint and watchpoint in the guest's kernel; steps."""
    with Qemu("-gdb", "unix:/tmp/gdb,server=on,wait=off") as vm:
        vm.up()
        addr = int(vm.run("grep ' hrtimer_nanosleep$' /proc/kallsyms")
                   .split()[0], 16)
        gdb = Gdb("/tmp/gdb")
        # that the guest has stopped for the debugger may be told first
        said = gdb.ask("qSupported:hwbreak+")
        while not said.startswith("PacketSize"):
            said = gdb.answer()
        check(gdb.ask("?").startswith("T05"), "the guest is not stopped")
        for _ in range(2):
            check(gdb.ask("Z1,%x,1" % addr) == "OK", "no hardware breakpoint")
            gdb.send("c")
            vm.send("sleep 0.1")
            check(gdb.answer().startswith("T05"), "no stop")
            check(gdb.rip() == addr, "stopped elsewhere: %x" % gdb.rip())
            # as GDB does: a step from a breakpoint would end there again
            check(gdb.ask("z1,%x,1" % addr) == "OK", "it cannot be removed")
            # what the function pushes first
            top = gdb.register(gdb.RSP) - 8
            check(gdb.ask("Z2,%x,8" % top) == "OK", "no watchpoint")
            gdb.send("c")
            said = gdb.answer()
            check("watch:%x;" % top in said, "no watchpoint's stop: " + said)
            check(gdb.ask("z2,%x,8" % top) == "OK", "it cannot be removed")
            seen = [addr]
            for _ in range(10):
                check(gdb.ask("s").startswith("T05"), "no stop after a step")
                seen.append(gdb.rip())
            check(len(set(seen)) > 8, "steps do not move: %s" % [
                hex(r) for r in seen])
        gdb.send("c")
        vm.expect("=== 0\n=== 0\n")
        vm.run("sleep 0.1")
        vm.poweroff()


@scenario
def memory_hotplug(_):
    with Qemu(machine="q35", mem="64,slots=2,maxmem=512M") as vm:
        vm.up()
        before = int(vm.run("awk '/MemTotal/ {print $2}' /proc/meminfo"))
        vm.qmp("object-add", **{"qom-type": "memory-backend-ram", "id": "m",
                                "size": 128 << 20})
        vm.qmp("device_add", driver="pc-dimm", id="d", memdev="m")
        vm.run("sleep 1")
        after = int(vm.run("awk '/MemTotal/ {print $2}' /proc/meminfo"))
        check(after - before > 100 << 10, "%d kB became %d kB" % (
            before, after))
        vm.run("dd if=/dev/zero of=/tmp/big bs=1M count=80; rm /tmp/big")
        vm.poweroff()


@scenario
def balloon(_):
    with Qemu("-device", "virtio-balloon-pci", mem=192) as vm:
        vm.up()
        for size in (128, 192):
            vm.qmp("balloon", value=size << 20)
            for _ in range(100):
                if vm.qmp("query-balloon")["actual"] == size << 20:
                    break
                time.sleep(0.2)
            else:
                raise Failure("the balloon stays as it is")
        vm.run("dd if=/dev/zero of=/tmp/big bs=1M count=24; rm /tmp/big")
        vm.poweroff()


@scenario
def cpu_hotplug(_):
    with Qemu(machine="q35", cpus="1,maxcpus=3") as vm:
        vm.up(1)
        free = [c for c in vm.qmp("query-hotpluggable-cpus")
                if "qom-path" not in c]
        check(len(free) == 2, "%d CPUs to plug" % len(free))
        for n, cpu in enumerate(free):
            vm.qmp("device_add", driver=cpu["type"], id="c%d" % n,
                   **cpu["props"])
        vm.run("sleep 1")
        vm.run("for c in 1 2; do echo 1 >/sys/devices/system/cpu/cpu$c/online;"
               " done", ok=False)
        check(vm.run("nproc") == "3", "the guest has not got them")
        vm.run("taskset 4 sleep 0.1; taskset 2 sleep 0.1")
        vm.poweroff()


def backend(*args):
    with Qemu(*args, machine="q35,memory-backend=m", mem=64) as vm:
        vm.up()
        vm.run("dd if=/dev/zero of=/tmp/big bs=1M count=8; rm /tmp/big")
        vm.poweroff()


@scenario
def hugetlbfs(_):
    with open("/proc/sys/vm/nr_hugepages", "w") as out:
        out.write("40")
    try:
        os.makedirs("/tmp/huge", exist_ok=True)
        os.system("mount -t hugetlbfs none /tmp/huge")
        backend("-object", "memory-backend-file,id=m,size=64M,"
                "mem-path=/tmp/huge,share=on")
        backend("-object", "memory-backend-memfd,id=m,size=64M,hugetlb=on")
    finally:
        os.system("umount /tmp/huge")
        with open("/proc/sys/vm/nr_hugepages", "w") as out:
            out.write("0")


@scenario
def memfd(_):
    backend("-object", "memory-backend-memfd,id=m,size=64M,share=on")


@scenario
def mem_lock(_):
    with Qemu("-overcommit", "mem-lock=on", mem=64) as vm:
        vm.up()
        vm.poweroff()


@scenario
def cpu_models(_):
    """What libvirt asks for when it looks at a QEMU."""
    with Qemu("-S", machine="q35", direct=False) as vm:
        for kind in ("static", "full"):
            model = vm.qmp("query-cpu-model-expansion", type=kind, model={
                "name": "host"})["model"]
            check(model["props"], "no properties")
        check(vm.qmp("query-kvm")["enabled"], "no KVM")
        for command in ("query-cpu-definitions", "query-machines",
                        "query-hotpluggable-cpus", "query-version",
                        "query-tpm-models", "query-migrate-capabilities"):
            vm.qmp(command)
        vm.qmp("quit")
        vm.end()


def command(*argv, **more):
    """A program of the host: what it says."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=300, **more)
    Qemu.note(done.stdout)
    check(done.returncode == 0, "%s: exit status %d" % (
        argv[0], done.returncode))
    return done.stdout


def opened(pid, what):
    """Does the process have a file of that kind open?"""
    try:
        return any(what in os.readlink(f.path)
                   for f in os.scandir("/proc/%d/fd" % pid))
    except OSError:
        return False


@scenario
def perf_kvm_stat(_):
    """perf records a guest's exits, and says how many of which kind."""
    with tempfile.TemporaryDirectory() as where, Qemu() as vm:
        vm.up()
        perf = subprocess.Popen(
            ["perf", "kvm", "stat", "record", "-p", str(vm.proc.pid)],
            cwd=where, stdin=subprocess.DEVNULL, stdout=Qemu.log,
            stderr=Qemu.log)
        # it says nothing when it has begun
        for _ in range(600):
            if opened(perf.pid, "[perf_event]"):
                break
            time.sleep(0.1)
        time.sleep(3)
        vm.run("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; done")
        perf.send_signal(signal.SIGINT)
        check(perf.wait(timeout=120) in (0, -signal.SIGINT),
              "perf's exit status is %d" % perf.returncode)
        exits = {}
        for line in command("perf", "kvm", "stat", "report",
                            cwd=where).splitlines():
            match = re.match(r"\s*([A-Z_]{3,})\s+(\d+)\s+\d+\.\d+%", line)
            if match:
                exits[match.group(1)] = int(match.group(2))
        # halts, and what the serial port is written to with
        check(exits.get("HLT", 0) >= 10, "halts: %s" % exits)
        check(exits.get("IO_INSTRUCTION", 0) > 0, "ports: %s" % exits)
        vm.poweroff()


# ---- all of it --------------------------------------------------------------

def run(name, kind):
    Qemu.log.write("==== %s %s\n" % (name, kind))
    begin = time.monotonic()
    verdict, why = "ok", ""
    try:
        SCENARIOS[name](name)
    except Failure as what:
        verdict, why = "FAIL", str(what)
    except Exception:
        verdict, why = "FAIL", traceback.format_exc()
        Qemu.note(why)
        why = why.strip().splitlines()[-1]
    print("### %s %s %s %d %s" % (name, kind, verdict,
                                  time.monotonic() - begin,
                                  re.sub(r"\s+", " ", why)), flush=True)
    if verdict == "FAIL":
        Qemu.log.flush()
        with open(Qemu.log.name, errors="replace") as log:
            text = log.read().rpartition("==== ")[2]
        print("\n".join("# " + ln for ln in text.splitlines()[-40:]),
              flush=True)


def main():
    kind, wanted = sys.argv[1], sys.argv[2:]
    if kind == "list":
        print("\n".join(SCENARIOS))
        return
    Qemu.log = open("scenarios.log", "a", errors="replace")
    for name in SCENARIOS:
        if not wanted or any(name == w or name.startswith(w + "-")
                             for w in wanted):
            with open("/dev/kmsg", "w") as log:
                log.write("<1>testhost: command %s.%s" % (name, kind))
            run(name, kind)


main()
