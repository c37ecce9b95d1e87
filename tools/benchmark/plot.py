"""Results as SVG: bars for each table, by gnuplot."""

import statistics
import subprocess

from scenarios import TABLES

SCRIPT = """set terminal svg size {width},{height} font "sans,12" background "white"
set output {output}
set title {title} noenhanced
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set boxwidth 0.9
set xtics rotate by -45 left noenhanced
set grid ytics
set key outside right top noenhanced
set ylabel {unit} noenhanced
{scale}
$figures << EOD
{data}
EOD
plot {columns}
"""


def quoted(text):
    """For gnuplot, in which a double quote in a single-quoted text is a plain character."""
    return "'" + text.replace("'", "''") + "'"


def draw(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for key, table in TABLES.items():
        rows = {row: {name: statistics.median(values) for name, values in by_broker.items()}
                for (of, row), by_broker in results.figures.items() if of == key}
        if rows:
            script = script_for(table, rows, [broker.name for broker in results.brokers], folder / f"{key}.svg")
            subprocess.run(["gnuplot"], input=script, text=True, check=True)


def script_for(table, rows, names, file):
    names = [name for name in names if any(name in by_broker for by_broker in rows.values())]
    values = [value for by_broker in rows.values() for value in by_broker.values()]
    is_wide = min(values) > 0 and max(values) / min(values) > 50
    lines = [" ".join(['"' + row.replace('"', "'") + '"', *(f"{by_broker[name]:g}" if name in by_broker else "?" for name in names)])
             for row, by_broker in rows.items()]
    direction = "smaller is better" if table.is_lower_better else "larger is better"
    return SCRIPT.format(
        width=380 + 34 * len(rows) * max(2, len(names)), height=560, output=quoted(str(file)),
        title=quoted(f"{table.title} ({direction})"), unit=quoted(table.unit),
        scale="set logscale y" if is_wide else "set yrange [0:]" if min(values) >= 0 else "",
        data="\n".join(lines),
        columns=", ".join(f"$figures using {at + 2}{':xtic(1)' if at == 0 else ''} title {quoted(name)}"
                          for at, name in enumerate(names)))
