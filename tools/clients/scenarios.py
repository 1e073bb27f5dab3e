#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs in the test host: what an unmodified QEMU does with /dev/kvm.

usage: scenarios.py KIND [SCENARIO...]	(a name, or what it begins with)
       scenarios.py list

One line per scenario: "### NAME KIND ok|FAIL|skip SECONDS [why]", seconds of the
test host's clock.
"""

import os
import re
import sys
import time
import traceback

from qemu import Failure, Qemu

SCENARIOS = {}


class Skip(Exception):
    """A scenario cannot be tried here."""


def scenario(*names):
    """Functions are scenarios of their own name; others may be given."""
    def register(function):
        for name in names or (function.__name__,):
            SCENARIOS[name.replace("_", "-")] = function
        return function
    return register


def check(condition, text):
    if not condition:
        raise Failure(text)


# ---- booting ---------------------------------------------------------------

def boot(name):
    """Boot, look at the processors, let timers run, power off."""
    _, machine, irqchip, cpus = name.split("-")
    machine = {"microvm": "microvm"}.get(machine, machine)
    cpus = int(cpus)
    with Qemu(machine=machine, irqchip=irqchip, cpus=cpus) as vm:
        vm.up(cpus)
        check("hypervisor" in vm.run("cat /proc/cpuinfo"), "no hypervisor bit")
        for cpu in range(cpus):
            vm.run("taskset %x sleep 0.1" % (1 << cpu))
        vm.poweroff()


for m in ("microvm", "pc", "q35"):
    for i in ("on", "split", "off"):
        for c in (1, 4):
            SCENARIOS["boot-%s-%s-%d" % (m, i, c)] = boot


# ---- all of it --------------------------------------------------------------

def run(name, kind):
    Qemu.log.write("==== %s %s\n" % (name, kind))
    begin = time.monotonic()
    verdict, why = "ok", ""
    try:
        function = SCENARIOS[name]
        if function.__code__.co_argcount:
            function(name)
        else:
            function()
    except Skip as what:
        verdict, why = "skip", str(what)
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
