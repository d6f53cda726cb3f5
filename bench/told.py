"""Figures as people read them: the machine they were taken on, a table in Markdown, and a plot of hours in a row."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "duckdb",
    "implicit",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "great-expectations",
    "sqlalchemy",
    "apache-airflow",
)
COLUMNS = {
    "case": "what",
    "stage": "stage",
    "seconds": "seconds",
    "cpu_seconds": "CPU-s",
    "peak_mb": "peak MB",
    "read_mb": "read MB",
    "written_mb": "written MB",
    "rows_in": "rows in",
    "rows_out": "rows out",
}
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 260, 48, 34

Row = Mapping[str, object]


def describe_machine() -> str:
    """Cores, memory, Python and libraries in one paragraph."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    model = next((one.split(":", 1)[1].strip() for one in lines if one.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[0]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, load {busy:.1f} from others at the start; "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}."
    )


def show(value: object) -> str:
    """A cell: counts with commas, figures with as many digits as matter, nothing for what is not known."""
    if isinstance(value, float):
        if value != value:
            return ""
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def write_markdown(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """The rows as a table; figures stand to the right."""
    is_figure = {name: all(not isinstance(row.get(name), str) for row in rows) for name in columns}
    lines = [list(columns.values()), ["---:" if is_figure[name] else "---" for name in columns]]
    lines += [[show(row.get(name)) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def draw_growth(hours: Sequence[str], seconds: Mapping[str, Sequence[float]]) -> str:
    """Stacked columns as SVG, one for each hour, with the share of every stage in it."""
    colours = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#bbbbbb", "#222255", "#994f00")
    top = max((sum(parts) for parts in zip(*seconds.values(), strict=True)), default=0.0) or 1.0
    tall, step = HEIGHT - BOTTOM - 24, (WIDTH - LEFT - 130) / max(len(hours), 1)
    shapes = []
    for place, hour in enumerate(hours):
        floor = float(HEIGHT - BOTTOM)
        for colour, (stage, took) in zip(colours, seconds.items(), strict=False):
            high = took[place] / top * tall
            floor -= high
            shapes.append(
                f'<rect x="{LEFT + place * step:.1f}" y="{floor:.1f}" width="{step * 0.85:.1f}" height="{high:.1f}" '
                f'fill="{colour}"><title>{hour} {stage}: {took[place]:.2f} s</title></rect>'
            )
    for line in range(5):
        at = HEIGHT - BOTTOM - line / 4 * tall
        shapes.append(f'<line x1="{LEFT}" x2="{WIDTH - 130}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ccc"/>')
        shapes.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{line / 4 * top:.1f}</text>')
    for place, (colour, stage) in enumerate(zip(colours, seconds, strict=False)):
        at = 28 + place * 18
        shapes.append(f'<rect x="{WIDTH - 122}" y="{at - 9}" width="11" height="11" fill="{colour}"/>')
        shapes.append(f'<text x="{WIDTH - 106}" y="{at}">{stage}</text>')
    shapes.append(f'<text x="{LEFT}" y="14">CPU-seconds of each hour, by stage</text>')
    if hours:
        shapes.append(f'<text x="{LEFT}" y="{HEIGHT - 12}">{hours[0]} to {hours[-1]}</text>')
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    return f'<svg {box}><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(shapes)}</svg>\n'
