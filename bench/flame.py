#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flame graphs of bench/run's rows: where the time of both cores goes.

    bench/flame.py ROW [WAY]      bench/results/flame-ROW-WAY.svg, of all
                                  processes and the kernel, idle time too
    bench/flame.py --fold FILE    `perf script` of FILE as folded stacks
    --time S                      how long a run is recorded (1.5)

A box is a function, as wide as its share of the samples; what it calls
stands on it. Boxes of less than a 500th are left out, so that the picture
can be read and kept. Needs perf (linux-perf), and root for the kernel's part.
"""
import argparse
import collections
import html
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH, HEIGHT, FONT, LEAST = 1400, 15, 10, 1 / 500


# What is of the bench, or on the way into the kernel, and tells nothing.
BENCH = ("python3", "ip", "perf", "perf-exec", "unshare")
ENTRY = ("entry_SYSCALL_64_after_hwframe", "do_syscall_64")


def fold(lines):
    """Counts of stacks, outermost first, the program's name at the bottom."""
    counts, comm, stack = collections.Counter(), None, []
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            if comm:
                counts[(comm,) + tuple(reversed(stack))] += 1
            comm, stack = None, []
        elif not line[0].isspace():
            comm = line.rsplit(None, 1)[0] if " " in line else line
        elif comm is None:  # a name that begins with a space
            comm = line.strip()
        else:
            name = line.split(None, 1)[1].rsplit(" (", 1)[0]
            name = name.rsplit("+0x", 1)[0]
            # unknown: a caller without frame pointers
            if name != "[unknown]" and name not in ENTRY:
                stack.append(name)
    if comm:
        counts[(comm,) + tuple(reversed(stack))] += 1
    return counts


def tree(counts):
    root = {"n": 0, "kids": {}}
    for stack, n in counts.items():
        root["n"] += n
        at = root
        for name in stack:
            at = at["kids"].setdefault(name, {"n": 0, "kids": {}})
            at["n"] += n
    return root


def colour(name, level):
    if level == 1:
        return "#8888cc"
    warm = sum(name.encode()) % 60
    if name.startswith(("fdnet_", "shim_")):
        return "#%02x%02x50" % (90 + warm, 190)  # ours
    return "#f0%02x%02x" % (110 + warm, 60 + warm)


def boxes(node, name, level, x, scale, out):
    width = node["n"] * scale
    out.append((level, x, width, name, node["n"]))
    for kid in sorted(node["kids"]):
        if node["kids"][kid]["n"] * scale >= WIDTH * LEAST:
            boxes(node["kids"][kid], kid, level + 1, x, scale, out)
        x += node["kids"][kid]["n"] * scale


def picture(counts, title):
    root, out = tree(counts), []
    boxes(root, "all", 0, 0, WIDTH / max(1, root["n"]), out)
    top = max(b[0] for b in out)
    high = (top + 3) * HEIGHT
    svg = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="%d">' % (WIDTH, high, FONT),
           '<text x="4" y="12">%s</text>' % html.escape(title)]
    for level, x, width, name, n in out:
        y = high - (level + 1) * HEIGHT
        share = "%.1f%%" % (100 * n / root["n"])
        svg.append('<g><title>%s, %s</title><rect x="%.1f" y="%d" '
                   'width="%.1f" height="%d" fill="%s"/>' % (
                       html.escape(name), share, x, y, max(0.5, width - 0.4),
                       HEIGHT - 1, colour(name, level)))
        room = int(width / (FONT * 0.58))
        if room > 3:
            text = "%s %s" % (name, share) if level <= 1 else name
            svg.append('<text x="%.1f" y="%d">%s</text>' % (
                x + 2, y + 11, html.escape(text[:room])))
        svg.append("</g>")
    return "\n".join(svg + ["</svg>", ""])


def script(path):
    words = ["perf", "script", "-i", path, "-F", "comm,ip,sym"]
    text = subprocess.run(words, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    return fold(text.decode(errors="replace").splitlines())


def record(row, way, seconds, path):
    words = ["perf", "record", "-q", "-a", "-g", "-F", "4999", "-o", path,
             "--", os.path.join(TOP, "bench/run"), "--rows", row, "--ways",
             way, "--rounds", "1", "--time", "%g" % seconds]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL)


def main():
    ap = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0])
    ap.add_argument("row", nargs="?")
    ap.add_argument("way", nargs="?", default="fdnet")
    ap.add_argument("--fold", metavar="FILE")
    ap.add_argument("--time", type=float, default=1.5)
    opts = ap.parse_args()
    if opts.fold:
        for stack, n in sorted(script(opts.fold).items()):
            print(";".join(stack), n)
        return
    if not opts.row:
        sys.exit("bench/flame.py: which row? see bench/run --list")
    with tempfile.TemporaryDirectory() as room:
        data = os.path.join(room, "data")
        record(opts.row, opts.way, opts.time, data)
        counts = collections.Counter({k: n for k, n in script(data).items()
                                      if k[0] not in BENCH})
    name = "flame-%s-%s.svg" % (opts.row, opts.way)
    path = os.path.join(TOP, "bench/results", name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(picture(counts, "%s by %s, %d samples of all cores, "
                        "without the bench's own" % (
                            opts.row, opts.way, sum(counts.values()))))
    total = sum(counts.values())
    by = collections.Counter()
    for stack, n in counts.items():
        by[stack[0]] += n
    for comm, n in by.most_common(8):
        print("%5.1f %%  %s" % (100 * n / total, comm))


if __name__ == "__main__":
    main()
