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
    "touch_4k": (.318, .499), "cr3": (None, .369), "invlpg": (None, .32),
    "pf_reflect": (None, .0064), "pte_write": (None, .353),
    "pte_write_many": (None, .357), "switch": (None, .344),
    "unmap_storm": (None, .341),
}
KINDS = ("ept", "shadow")

GNUPLOT = """
set terminal svg size 900,420 font "sans-serif,11" background rgb "white"
set output "{svg}"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid
set boxwidth 0.9
set logscale y
set yrange [{low}:*]
set ylabel "TSC ticks per operation"
set xtics rotate by -40 left nomirror
set ytics nomirror
set border 3
set grid ytics lc rgb "#dddddd"
set key outside top center horizontal
plot {plots}
"""


def read_log(path):
    """{section: {(kind, op): values}}"""
    results, section = {}, None
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            line = line.strip()
            if line.startswith("# "):
                section = results.setdefault(line[2:], {})
            elif line.startswith("{") and section is not None:
                item = json.loads(line)
                section[item["kind"], item["op"]] = item
    return results


def rows_of(results):
    ours, kvm = results.get("ours", {}), results.get("kvm", {})
    count = results.get("count", {})
    rows = []
    for kind in KINDS:
        for op in LIMITS:
            if (kind, op) not in ours or (kind, op) not in kvm:
                continue
            a, b = ours[kind, op]["ticks"], kvm[kind, op]["ticks"]
            rows.append({
                "op": op, "kind": kind, "ours": a, "kvm": b,
                "ratio": round(a / b, 3) if b else None,
                "counters": count.get((kind, op), {}),
            })
    return rows


def over(row):
    """Is it dearer than the limit?"""
    limit = LIMITS[row["op"]][KINDS.index(row["kind"])]
    if limit is None or not row["kvm"]:
        return row["ours"] > row["kvm"] + 3
    return row["ours"] > row["kvm"] * limit


def table(rows, out):
    form = "{:<15} {:<7} {:>8} {:>8} {:>7} {:>8} {:>8} {:>7}"
    print(form.format("operation", "kind", "ours", "KVM", "ratio", "VMREADs",
                      "VMWRITEs", "exits"), file=out)
    for row in rows:
        c = row["counters"]
        print(form.format(
            row["op"], row["kind"], "%.1f" % row["ours"],
            "%.1f" % row["kvm"],
            "-" if row["ratio"] is None else "%.3f" % row["ratio"],
            *("%.2f" % c[k] if k in c else "-"
              for k in ("vmreads", "vmwrites", "exits"))) +
            ("  over the limit" if over(row) else ""), file=out)


def figure(rows, svg):
    kinds = [k for k in KINDS if any(r["kind"] == k for r in rows)]
    # An operation that costs a few instructions has no exit: not shown
    ops = [op for op in LIMITS
           if any(r["op"] == op and r["kvm"] > 20 for r in rows)]
    by = {(r["op"], r["kind"]): r for r in rows}
    colours = {("kvm", "ept"): "#b9b9b9", ("ours", "ept"): "#1f5fa8",
               ("kvm", "shadow"): "#8a8a8a", ("ours", "shadow"): "#d1701f"}
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as data:
        for op in ops:
            values = []
            for kind in kinds:
                row = by.get((op, kind))
                for who in ("kvm", "ours"):
                    shown = row and row["kvm"] > 20
                    values.append(str(max(row[who], 1)) if shown else "NaN")
            data.write(op.replace("_", r"\\_") + " " + " ".join(values) + "\n")
        data.flush()
        plots, col = [], 2
        for kind in kinds:
            for who, name in (("kvm", "KVM"), ("ours", "this module")):
                plots.append('"%s" using %d:xtic(1) title "%s, %s" lc rgb "%s"'
                             % (data.name, col, name, kind,
                                colours[who, kind]))
                col += 1
        script = GNUPLOT.format(svg=svg, low=1, plots=", \\\n  ".join(plots))
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
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump([{k: r[k] for k in
                        ("op", "kind", "ours", "kvm", "ratio")}
                       for r in rows], out, indent=1)
            out.write("\n")
    if args.svg:
        os.makedirs(os.path.dirname(args.svg), exist_ok=True)
        figure(rows, args.svg)
    bad = [r for r in rows if over(r)]
    print("\n%d of %d operations within the limits" %
          (len(rows) - len(bad), len(rows)))


if __name__ == "__main__":
    main()
