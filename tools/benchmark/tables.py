"""Results as text: a table for each kind of figure, a row for each case, a column for each broker."""

import statistics


def number_text(value):
    """Three digits that count, and no more."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values):
    """How far the rounds lie apart, in percent of their median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / abs(middle) * 100 if middle else 0


def cell(values, faults):
    if not values:
        return "failed" if faults else "-"
    text = number_text(statistics.median(values))
    if len(values) > 1:
        text += f" ±{spread(values) / 2:.0f}%"
    return text + (" !" if faults else "")


def text_table(head, rows):
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = ["  ".join([text.ljust(width) if at == 0 else text.rjust(width)
                        for at, (text, width) in enumerate(zip(row, widths))]).rstrip() for row in [head, *rows]]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
