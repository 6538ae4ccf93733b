# SPDX-License-Identifier: Apache-2.0
"""What bench/run measured, for people: tables, costs, plots.

Results are tuples (row's name, way's name, round, figure as text).
"""
import os
import shutil
import statistics
import subprocess


def costs(path):
    """Processor time of all processes per operation or byte, and memory."""
    seen = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.rstrip("\n").split("\t")
            if line.startswith("#") or len(words) < 5:
                continue
            pairs = dict(w.split("=", 1) for w in words[4:] if "=" in w)
            cell = seen.setdefault((words[0], words[1]), [])
            n = float(pairs.get("ops", pairs.get("bytes", 0)))
            if "busy" in pairs and n:
                scale = 1e6 if "ops" in pairs else 1e9
                cell.append(("us/op" if "ops" in pairs else "ns/byte",
                             float(pairs["busy"]) * scale / n))
            elif "helper_kb" in pairs:
                cell.append(("KiB there, %s KiB in the program" %
                             pairs.get("maxrss_kb", "?"),
                             float(pairs["helper_kb"])))
    lines = ["%-11s %-13s %10.4g %s" % (
        row, way, statistics.median([x[1] for x in cell]), cell[-1][0])
        for (row, way), cell in seen.items() if cell]
    return "\n".join(lines + idle_costs(seen))


def idle_costs(seen):
    """Memory of the helpers for each idle connection: between the two rows
    that differ in the number of connections only."""
    lines = []
    for (row, way), cell in seen.items():
        few = seen.get(("conn10", way))
        if row.startswith("conn") and row != "conn10" and few and cell:
            n = int(row[4:])
            more = (statistics.median([x[1] for x in cell]) -
                    statistics.median([x[1] for x in few]))
            lines.append("%-11s %-13s %10.4g KiB for each connection there" %
                         (row, way, more / (n - 10)))
    return lines


def load(path):
    results = []
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.rstrip("\n").split("\t")
            if len(words) >= 4 and not line.startswith("#"):
                results.append((words[0], words[1], words[2], words[3]))
    return results


def shorten(value):
    return "%.0f" % value if value >= 1000 else "%.3g" % value


def summarise(results, rows, ways):
    """row -> way -> (median, min, max, ratio or None)"""
    sums = {}
    for row in rows:
        cells = {}
        for way in ways:
            values = [float(v) for r, w, _, v in results
                      if r == row.name and w == way.name and v != "-"]
            if values:
                cells[way.name] = [statistics.median(values), min(values),
                                   max(values), None]
        base = cells.get("native")
        for cell in cells.values():
            if base and base[0]:
                cell[3] = cell[0] / base[0]
        if cells:
            sums[row.name] = cells
    return sums


def table(results, rows, ways, markdown=False):
    sums = summarise(results, rows, ways)
    names = [w.name for w in ways if any(w.name in c for c in sums.values())]
    lines = [["row", "unit", "goal"] + names]
    for row in rows:
        if row.name not in sums:
            continue
        line = ["%s: %s" % (row.name, row.text), row.unit,
                str(row.goal or "")]
        for name in names:
            cell = sums[row.name].get(name)
            if not cell:
                line.append("-")
                continue
            text = "%s (%s-%s)" % tuple(shorten(v) for v in cell[:3])
            if cell[3] and name != "native":
                text = "%.2f; %s" % (cell[3], text)
            line.append(text)
        lines.append(line)
    if markdown:
        lines.insert(1, ["---"] * len(lines[0]))
        return "\n".join("| " + " | ".join(x) + " |" for x in lines)
    widths = [max(len(x[i]) for x in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(x, widths)).rstrip()
                     for x in lines)


def plot(results, rows, ways, path):
    """Ratios to native as bars."""
    if not shutil.which("gnuplot"):
        return
    sums = summarise(results, rows, ways)
    names = [w.name for w in ways if w.name != "native" and
             any(w.name in c for c in sums.values())]
    rows = [r for r in rows if r.name in sums and not r.less and
            "native" in sums[r.name]]
    data = ["row " + " ".join('"%s"' % n for n in names)]
    for row in rows:
        cells = sums[row.name]
        data.append(row.name + " " + " ".join(
            "%.3f" % cells[n][3] if n in cells else "NaN" for n in names))
    script = ["set terminal svg size 1200,480", 'set output "%s"' % path,
              "set style data histogram", "set style fill solid 0.8",
              'set ylabel "x native loopback"', "set yrange [0:*]",
              "set xtics rotate by -45", "set grid y",
              "$d << EOD"] + data + ["EOD"]
    script.append("plot " + ", ".join(
        "$d using %d:xtic(1) title columnheader(%d)" % (i + 2, i + 2)
        for i in range(len(names))))
    subprocess.run(["gnuplot"], input="\n".join(script), text=True,
                   check=False)


def machine():
    def first(path, key=""):
        try:
            with open(path, encoding="utf-8") as f:
                for line in f:
                    if line.startswith(key):
                        return line.split(":", 1)[-1].strip()
        except OSError:
            pass
        return "?"
    return "%d cores, %s, Linux %s" % (
        os.cpu_count(), first("/proc/cpuinfo", "model name"),
        os.uname().release)


class Results:
    """Files NAME.tsv, NAME.txt and NAME.svg in a folder."""

    def __init__(self, folder, name, what):
        self.base = os.path.join(folder, name)
        self.tsv = self.base + ".tsv"
        self.head = "# %s; cubic; %s\n" % (machine(), what)
        with open(self.tsv, "w", encoding="ascii") as f:
            f.write(self.head + "# row\tway\tround\tfigure\tmore\n")

    def add(self, path):
        """What was measured already."""
        with open(path, encoding="ascii") as f, \
                open(self.tsv, "a", encoding="ascii") as sink:
            sink.writelines(x for x in f if not x.startswith("#"))

    def finish(self, results, rows, ways):
        with open(self.base + ".txt", "w", encoding="ascii") as f:
            f.write(self.head)
            f.write("# ratio to native; median (least-most)\n\n")
            f.write(table(results, rows, ways))
            f.write("\n\n# processor time of all processes, memory\n\n")
            f.write(costs(self.tsv) + "\n")
        plot(results, rows, ways, self.base + ".svg")
