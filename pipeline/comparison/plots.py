"""Charts of a comparison as inline SVG: curves over named steps, points with whiskers, and rows of intervals.

They share colours and style with the charts of the report pages. Every axis says its unit; every mark says its figure when
pointed at.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from textwrap import wrap
from typing import NamedTuple

from pipeline.report.charts import legend
from pipeline.report.html import Html, element, number

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520.0, 240.0, 52.0, 14.0, 20.0, 38.0
FLOOR = HEIGHT - BOTTOM
Box = tuple[float, float, float, float]  # left, top, right, bottom
COLOURS = (4, 0, 2, 5, 6, 7, 1, 3, 9)  # 8 shows nothing


class Mark(NamedTuple):
    """A point or an interval: what it is of, where it stands, its bounds (None: there are none), and its colour."""

    name: str
    x: float
    y: float
    low: float | None
    high: float | None
    colour: int


def colours_of(names: Sequence[str]) -> dict[str, int]:
    """A colour for each name, the same in every chart of a page."""
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def curves(
    steps: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    colours: Mapping[str, int],
    y_title: str,
    x_title: str,
    bands: Mapping[str, Sequence[tuple[float, float] | None]] | None = None,
    top: float | None = None,
) -> Html:
    """One curve for each series over named steps, with a band where there are bounds; y begins at 0."""
    bands = bands or {}
    values = [value for line in series.values() for value in line if value is not None]
    values += [bounds[1] for band in bands.values() for bounds in band if bounds]
    end = top or _span(0.0, max(values, default=0.0))[1]
    places = [LEFT + 8 + (WIDTH - LEFT - RIGHT - 16) * at / max(len(steps) - 1, 1) for at in range(len(steps))]
    shapes = _y_axis(0.0, end, y_title) + _x_axis(dict(zip(steps, places, strict=True)), x_title)
    for name, line in series.items():
        colour, band = f"c{colours[name]}", bands.get(name, ())
        there = [(x, bounds) for x, bounds in zip(places, band, strict=False) if bounds]
        if len(there) > 1:
            outline = [(x, _height(high, 0.0, end)) for x, (_, high) in there]
            outline += [(x, _height(low, 0.0, end)) for x, (low, _) in reversed(there)]
            shapes.append(element("path", d=f"M{_path(outline)}Z", class_=f"band {colour}"))
        points = [(x, _height(value, 0.0, end)) for x, value in zip(places, line, strict=True) if value is not None]
        shapes.append(element("path", d=f"M{_path(points)}" if points else "M0 0", class_=colour))
        for step, x, value in zip(steps, places, line, strict=True):
            if value is not None:
                said = element("title", f"{name}, {step}: {number(value)}")
                y = f"{_height(value, 0.0, end):.1f}"
                shapes.append(element("circle", said, cx=f"{x:.1f}", cy=y, r=2.6, class_=colour))
    return element("div", _frame(shapes, HEIGHT), legend(list(series), [colours[name] for name in series]))


def points(marks: Sequence[Mark], ticks: Mapping[str, float], y_title: str, x_title: str) -> Html:
    """A named point for each mark, x on a logarithmic scale between the outer ticks; y is cut to where the marks are.

    What lies below the first tick, as 0 does on such a scale, stands at it.
    """
    start, end = heights(marks)
    least, most = min(ticks.values()), max(ticks.values())
    low, high = log10(least), log10(most)
    inside = WIDTH - LEFT - RIGHT - 24

    def across(value: float) -> float:
        return LEFT + 12 + inside * (log10(min(max(value, least), most)) - low) / (high - low)

    shapes = _y_axis(start, end, y_title) + _x_axis({said: across(at) for said, at in ticks.items()}, x_title)
    at = {one: (across(one.x), _height(one.y, start, end)) for one in marks}
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in at.values()]
    for one in sorted(marks, key=lambda mark: (mark.x, mark.y)):
        (x, y), colour = at[one], f"c{one.colour}"
        if one.low is not None and one.high is not None:
            shapes.append(_whisker(x, x, _height(one.low, start, end), _height(one.high, start, end), colour))
        said = element("title", f"{one.name}: {number(one.y)} at {number(one.x)}")
        shapes.append(element("circle", said, cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.5, class_=colour))
        shapes.append(_label(one, x, y, taken))
    return _frame(shapes, HEIGHT)


def heights(marks: Sequence[Mark]) -> tuple[float, float]:
    """Where the y axis of these points begins and ends."""
    bounds = [value for one in marks for value in (one.low, one.high, one.y) if value is not None]
    return _span(min(bounds), max(bounds))


def intervals(rows: Sequence[Mark], x_title: str) -> Html:
    """A row for each mark: its name, its value (`x`) and the bounds of it; the axis begins at 0, or below where one is."""
    values = [value for one in rows for value in (one.low, one.high, one.x) if value is not None]
    start, end = _span(min(0.0, *values), max(0.0, *values))
    left, line = 190.0, 13.0
    names = [wrap(one.name, 30) or [""] for one in rows]
    step = max(20.0, line * max(map(len, names), default=1) + 4)
    tall = TOP + step * len(rows) + BOTTOM

    def across(value: float) -> float:
        return left + (WIDTH - left - RIGHT) * (value - start) / (end - start)

    shapes = []
    for value in _ticks(start, end):
        x = f"{across(value):.1f}"
        shapes.append(element("line", x1=x, x2=x, y1=TOP - 6, y2=tall - BOTTOM, class_="grid"))
        shapes.append(element("text", number(value, 3), x=x, y=tall - BOTTOM + 15, text_anchor="middle"))
    shapes.append(element("text", x_title, x=WIDTH - RIGHT, y=tall - 6, text_anchor="end"))
    for place, one in enumerate(rows):
        y, colour = TOP + step * (place + 0.5) - 4, f"c{one.colour}"
        if one.low is not None and one.high is not None:
            shapes.append(_whisker(across(one.low), across(one.high), y, y, colour))
        between = f" ({number(one.low, 3)} to {number(one.high, 3)})" if one.low is not None else ""
        said = element("title", f"{one.name}: {number(one.x)}{between}")
        shapes.append(element("circle", said, cx=f"{across(one.x):.1f}", cy=f"{y:.1f}", r=4, class_=colour))
        for below, part in enumerate(names[place]):
            down = y + 4 + line * (below - (len(names[place]) - 1) / 2)
            shapes.append(element("text", part, x=left - 10, y=f"{down:.1f}", text_anchor="end"))
    return _frame(shapes, tall)


def time_ticks(least: float, most: float) -> dict[str, float]:
    """Round times around these seconds, for a logarithmic axis."""
    all_ticks = {"0.1 s": 0.1, "1 s": 1.0, "10 s": 10.0, "1 min": 60.0, "5 min": 300.0, "15 min": 900.0, "1 h": 3600.0}
    all_ticks |= {"4 h": 14_400.0, "1 day": 86_400.0, "1 week": 604_800.0, "10 weeks": 6_048_000.0}
    all_ticks |= {"1 year": 31_536_000.0, "10 years": 315_360_000.0, "100 years": 3_153_600_000.0}
    times = list(all_ticks.values())
    first = max((place for place, at in enumerate(times[:-1]) if at <= least), default=0)
    last = next((place for place, at in enumerate(times) if place > first and at >= most), len(times) - 1)
    return dict(list(all_ticks.items())[first : last + 1])


def power_ticks(least: float, most: float) -> dict[str, float]:
    """Powers of ten around these amounts, for a logarithmic axis."""
    low, high = floor(log10(least)), max(ceil(log10(most)), floor(log10(least)) + 1)
    return {number(10.0**power): 10.0**power for power in range(low, high + 1)}


def _label(one: Mark, x: float, y: float, taken: list[Box]) -> Html:
    """The name beside a point, at the first place where it lies on no other name and no point; the box it takes is taken."""
    said = _short(one.name, 32)
    wide = 6.0 * len(said)
    anchors = {"start": x + 8, "end": x - 8 - wide, "middle": x - wide / 2}
    places = [("start", 4), ("end", 4), ("middle", -9), ("middle", 16)]
    places += [(side, 4 + down) for down in (13, -12, 26, -25, 39) for side in ("start", "end")]
    boxes = {
        (side, down): (anchors[side], y + down - 9, anchors[side] + wide, y + down + 2)
        for side, down in places
        if LEFT < anchors[side] < WIDTH - wide
    } or {("start", 4): (x + 8, y - 5, x + 8 + wide, y + 6)}
    free = [place for place, box in boxes.items() if not any(_overlap(box, other) for other in taken)]
    side, down = (free or list(boxes))[0]
    taken.append(boxes[side, down])
    at = {"start": x + 8, "end": x - 8, "middle": x}[side]
    return element("text", said, x=f"{at:.1f}", y=f"{y + down:.1f}", text_anchor=side, class_=f"name c{one.colour}")


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _y_axis(start: float, end: float, title: str) -> list[Html]:
    shapes = []
    for value in _ticks(start, end):
        y = _height(value, start, end)
        shapes.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        shapes.append(element("text", number(value, 3), x=LEFT - 6, y=f"{y + 4:.1f}", text_anchor="end"))
    return [*shapes, element("text", title, x=0, y=8)]


def _x_axis(ticks: Mapping[str, float], title: str) -> list[Html]:
    shapes = [element("text", said, x=f"{x:.1f}", y=FLOOR + 15, text_anchor="middle") for said, x in ticks.items()]
    return [*shapes, element("text", title, x=WIDTH - RIGHT, y=HEIGHT - 6, text_anchor="end")]


def _height(value: float, start: float, end: float) -> float:
    return TOP + (FLOOR - TOP) * (1 - (min(max(value, start), end) - start) / (end - start))


def _whisker(x1: float, x2: float, y1: float, y2: float, colour: str) -> Html:
    return element("path", d=f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", class_=f"whisker {colour}")


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _frame(shapes: Sequence[Html], tall: float) -> Html:
    return element("svg", list(shapes), viewBox=f"0 0 {WIDTH:.0f} {tall:.0f}", role="img")


def _short(name: str, length: int) -> str:
    """A name cut in its middle: names of arms often differ at their end alone."""
    begins = length // 3
    return name if len(name) <= length else f"{name[:begins]}…{name[begins + 1 - length :]}"


def _step(room: float) -> float:
    """A round step that divides a range into three to six."""
    size = 10.0 ** floor(log10(room / 3))
    return max(size * digit for digit in (1, 2, 2.5, 5) if size * digit <= room / 3 * (1 + 1e-9))


def _ticks(start: float, end: float) -> list[float]:
    """Round values from start to end."""
    step = _step(end - start)
    first = ceil(start / step - 1e-9)
    return [round(place * step, 12) for place in range(first, floor(end / step + 1e-9) + 1)]


def _span(least: float, most: float) -> tuple[float, float]:
    """Round bounds around these values, 0 among them where they are near it."""
    # What differs by less than a thousandth of itself is drawn as one value and not as noise.
    room = max(most - least, abs(most) / 1000, 1e-9) if most or least else 1.0
    step = _step(room) / 2
    first, last = floor(least / step + 1e-9), ceil(most / step - 1e-9)
    return first * step, max(last, first + 1) * step
