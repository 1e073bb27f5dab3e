#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The table, the JSON file and the figure of what the bench has measured."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

# The most that ours may cost, as a part of what the host kernel's own KVM
# costs in the same run; None where there is nothing left to save.
LIMITS = {
    "cpuid": (.337, .339), "vmcall": (.321, .323), "rdmsr": (.327, .325),
    "pio_out": (.5, .5), "pio_in": (.51, .512),
    "mmio_write": (.379, .377), "mmio_read": (.355, .349),
    "rep_outs": (.01, .01), "rep_ins": (.5, .5),
    "touch_4k": (.318, .499), "cr3": (None, .369), "invlpg": (None, .32),
    "pf_reflect": (None, .0064), "pte_write": (None, .353),
    "pde_write": (None, .406), "pte_write_many": (None, .357),
    "switch": (None, .344), "unmap_storm": (None, .341),
    # Interrupts, timers and eventfds
    "eoi": (.5, .5), "timer": (.5, .5), "hlt_timer": (.5, .5),
    "hlt_wake": (.5, .5), "ioeventfd": (.5, .5), "ioeventfd_pio": (.5, .5),
    "ipi": (.5, .5), "irqfd": (.5, .5),
    # Linux guests as a whole: less than the host kernel's own
    "guest_boot": (1, 1), "guest_fork": (1, 1), "guest_pipe": (1, 1),
    "guest_mmap": (1, 1),
    # Exits per second
    "idle_smp": (1, 1),
}
KINDS = ("ept", "shadow")

# Those of irqs.c are measured once more without the assists of a LAPIC, under
# the same names with this behind them.
OFF = "_off"
OFF_OPS = ("eoi", "timer", "hlt_timer", "hlt_wake", "ioeventfd",
           "ioeventfd_pio", "ipi", "irqfd")
LIMITS.update({op + OFF: LIMITS[op] for op in OFF_OPS})

GNUPLOT = """
set terminal svg size 1100,420 font "sans-serif,11" background rgb "white"
set output "{svg}"
set multiplot
set style data histograms
set style histogram clustered gap 1.5
set style fill solid
set boxwidth 0.9
set border 3
set xtics rotate by -40 left nomirror
set ytics nomirror
set grid ytics lc rgb "#dddddd"
set bmargin 6
"""
PLOT = """
set origin {origin},0
set size {width},1
set key {key}
set ylabel "{label}"
{scale}
set yrange [{low}:*]
plot {plots}
"""
COLOURS = {("kvm", "ept"): "#b9b9b9", ("ours", "ept"): "#1f5fa8",
           ("kvm", "shadow"): "#8a8a8a", ("ours", "shadow"): "#d1701f"}


def read_log(path):
    """{section: {(kind, op): values}}; "X off" is part of section X"""
    results, section = {}, None
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            line = line.strip()
            if line.startswith("# "):
                off = line.endswith(" off")
                section = results.setdefault(
                    line[2:].removesuffix(" off"), {})
            elif line.startswith("{") and section is not None:
                item = json.loads(line)
                op = item["op"] + (OFF if off else "")
                section[item["kind"], op] = item
    return results


def idle_row(results, kind):
    """Exits per second of a guest that does nothing: not ticks."""
    ours, kvm = (results.get(who + " exits", {}).get((kind, "idle_smp"))
                 for who in ("ours", "kvm"))
    if not ours or not kvm:
        return []
    a, b = (r["exits"]["all"] / r["times"] for r in (ours, kvm))
    return [{"op": "idle_smp", "kind": kind, "ours": a, "kvm": b,
             "ratio": round(a / b, 3) if b else None, "counters": {},
             "exits": {"ours": ours["exits"], "kvm": kvm["exits"]}}]


def rows_of(results):
    ours, kvm = results.get("ours", {}), results.get("kvm", {})
    count = results.get("count", {})
    rows = []
    for kind in KINDS:
        rows += idle_row(results, kind)
        for op in LIMITS:
            if (kind, op) not in ours or (kind, op) not in kvm:
                continue
            a, b = (r[kind, op]["ticks"] / r[kind, op].get("times", 1)
                    for r in (ours, kvm))
            rows.append({
                "op": op, "kind": kind, "ours": a, "kvm": b,
                "ratio": round(a / b, 3) if b else None,
                "counters": count.get((kind, op), {}),
            })
            if op.endswith(OFF):
                rows[-1]["assists"] = "off"
            if "times" not in ours[kind, op]:
                continue
            times = ours[kind, op]["times"]
            exits = {who: results.get(who + " exits", {}).get(
                (kind, op), {}).get("exits", {}) for who in ("ours", "kvm")}
            rows[-1].update(times=times, exits=exits)
            if "all" in exits["ours"]:
                rows[-1]["counters"] = {"exits": exits["ours"]["all"] / times}
    return rows


def whole_table(rows, out):
    """Totals of the rows about whole guests, with the exits by reason."""
    form = "{:<11} {:<7} {:<5} {:>9} {:>7}  {}"
    print("\nWhole guests: million ticks in all, and exits by reason\n\n" +
          form.format("operation", "kind", "", "Mticks", "exits", "of these"),
          file=out)
    for row in rows:
        for who in ("ours", "kvm"):
            exits = sorted(row["exits"][who].items(), key=lambda e: -e[1])
            print(form.format(
                row["op"], row["kind"], {"kvm": "KVM"}.get(who, who),
                "%.1f" % (row[who] * row["times"] / 1e6)
                if "times" in row else "-",
                row["exits"][who].get("all", "-"),
                ", ".join("%s %d" % e for e in exits if e[0] != "all")),
                file=out)


def over(row):
    """Is it dearer than the limit?"""
    limit = LIMITS[row["op"]][KINDS.index(row["kind"])]
    if limit is None or not row["kvm"]:
        return row["ours"] > row["kvm"] + 3
    return row["ours"] > row["kvm"] * limit


def ticks(value):
    return "%.1f" % value if value < 1e6 else "%.1fM" % (value / 1e6)


def table(rows, out):
    form = "{:<17} {:<7} {:>8} {:>8} {:>7} {:>8} {:>8} {:>7}"
    print(form.format("operation", "kind", "ours", "KVM", "ratio", "VMREADs",
                      "VMWRITEs", "exits"), file=out)
    for row in rows:
        c = row["counters"]
        print(form.format(
            row["op"], row["kind"], ticks(row["ours"]), ticks(row["kvm"]),
            "-" if row["ratio"] is None else "%.3f" % row["ratio"],
            *("%.2f" % c[k] if k in c else "-"
              for k in ("vmreads", "vmwrites", "exits"))) +
            ("  over the limit" if over(row) else ""), file=out)


def plot(rows, data, value, **look):
    """One diagram: the rows' values, in a file @data, and how to show it."""
    kinds = [k for k in KINDS if any(r["kind"] == k for r in rows)]
    by = {(r["op"], r["kind"]): r for r in rows}
    for op in dict.fromkeys(r["op"] for r in rows):
        values = []
        for kind in kinds:
            row = by.get((op, kind))
            for who in ("kvm", "ours"):
                shown = row and row["kvm"] > 20
                values.append(str(value(row, who)) if shown else "NaN")
        data.write(op.replace("_", r"\\_") + " " + " ".join(values) + "\n")
    data.flush()
    plots = ['"%s" using %d:xtic(1) title "%s, %s" lc rgb "%s"' % (
        data.name, col + 2, name, kind, COLOURS[who, kind])
        for col, (kind, who, name) in enumerate(
            (k, w, n) for k in kinds
            for w, n in (("kvm", "KVM"), ("ours", "this module")))]
    return PLOT.format(plots=", \\\n  ".join(plots), **look)


def figure(rows, svg):
    """Operations by their cost each, whole guests by their cost in all."""
    # An operation that costs a few instructions has no exit: not shown
    shown = {r["op"] for r in rows if r["kvm"] > 20}
    single = [r for r in rows if r["op"] in shown and "exits" not in r and
              "assists" not in r]
    whole = [r for r in rows if "times" in r]
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as one, \
            tempfile.NamedTemporaryFile("w", suffix=".dat") as two:
        script = GNUPLOT.format(svg=svg) + plot(
            single, one, lambda r, who: max(r[who], 1), origin=0,
            width=.7 if whole else 1, key="outside top center horizontal",
            label="TSC ticks per operation", scale="set logscale y", low=1)
        if whole:
            script += plot(
                whole, two, lambda r, who: r[who] * r["times"] / 1e6,
                origin=.7, width=.3, key="off",
                label="million TSC ticks in all", scale="unset logscale y",
                low=0)
        subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log")
    parser.add_argument("--json")
    parser.add_argument("--svg")
    parser.add_argument("--host", default="stock")
    args = parser.parse_args()

    rows = rows_of(read_log(args.log))
    if not rows:
        sys.exit("bench: %s holds no results" % args.log)
    print("TSC ticks per operation; host kernel: %s\n" % args.host)
    table(rows, sys.stdout)
    whole = [r for r in rows if "exits" in r]
    if whole:
        whole_table(whole, sys.stdout)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump([{k: r[k] for k in
                        ("op", "kind", "ours", "kvm", "ratio", "times",
                         "exits", "assists") if k in r}
                       for r in rows], out, indent=1)
            out.write("\n")
    if args.svg:
        os.makedirs(os.path.dirname(args.svg), exist_ok=True)
        figure(rows, args.svg)
    bad = [r for r in rows if over(r)]
    print("\n%d of %d operations within the limits" %
          (len(rows) - len(bad), len(rows)))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
