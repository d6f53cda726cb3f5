"""Small charts as inline SVG: stacked columns and lines over hours, and bars of shares."""

from collections.abc import Mapping, Sequence

from pipeline.report.html import Html, element, number

WIDTH, HEIGHT, LEFT, BOTTOM = 520.0, 170.0, 46.0, 18.0
Series = Mapping[str, Sequence[float | None]]  # what is shown: its value in each hour
Bands = Mapping[str, Sequence[tuple[float, float] | None]]  # what is shown: its bounds in each hour


def columns(hours: Sequence[str], series: Series, colours: Sequence[int], unit: str = "") -> Html:
    """Stacked columns, one for each hour."""
    totals = [sum(values[place] or 0 for values in series.values()) for place in range(len(hours))]
    top = _round_up(max(totals, default=0))
    step = (WIDTH - LEFT) / max(len(hours), 1)
    shapes = []
    for place, hour in enumerate(hours):
        floor = HEIGHT - BOTTOM
        for colour, (name, values) in zip(colours, series.items(), strict=True):
            value = values[place] or 0
            tall = value / top * (HEIGHT - BOTTOM)
            if tall > 0:
                floor -= tall
                shapes.append(
                    element(
                        "rect",
                        element("title", f"{hour}: {number(value)}{unit} {name}"),
                        x=f"{LEFT + place * step + step * 0.1:.1f}",
                        y=f"{floor:.1f}",
                        width=f"{step * 0.8:.1f}",
                        height=f"{tall:.1f}",
                        class_=f"c{colour}",
                    )
                )
    return element("div", _frame(hours, top, shapes, unit), legend(list(series), colours))


def lines(
    hours: Sequence[str],
    series: Series,
    colours: Sequence[int],
    limits: Mapping[str, float],
    unit: str = "",
    bands: Bands | None = None,
) -> Html:
    """One line for each series, broken where there is no value, a dashed line for each limit, and a band around a series
    that has bounds.
    """
    bands = bands or {}
    values = [value for line in series.values() for value in line if value is not None]
    values += [bounds[1] for band in bands.values() for bounds in band if bounds]
    top = _round_up(max([*values, *limits.values()], default=0))
    step = (WIDTH - LEFT) / max(len(hours), 1)
    shapes = []
    for name, limit in limits.items():
        high = f"{_height(limit, top):.1f}"
        said = element("title", f"{name}: {number(limit)}{unit}")
        shapes.append(element("line", said, x1=LEFT, x2=WIDTH, y1=high, y2=high, class_=f"limit {name}"))
    for colour, (name, line) in zip(colours, series.items(), strict=True):
        shapes += [
            element("path", d=outline, class_=f"band c{colour}")
            for outline in _outlines(bands.get(name, ()), top, step)
        ]
        path, is_down = [], False
        for place, value in enumerate(line):
            if value is None:
                is_down = False
                continue
            x, y = LEFT + (place + 0.5) * step, _height(value, top)
            path.append(f"{'L' if is_down else 'M'}{x:.1f} {y:.1f}")
            is_down = True
            said = element("title", f"{hours[place]}: {name} {number(value)}{unit}")
            shapes.append(element("circle", said, cx=f"{x:.1f}", cy=f"{y:.1f}", r=2.2, class_=f"c{colour}"))
        shapes.append(element("path", d="".join(path) or "M0 0", class_=f"c{colour}"))
    return element("div", _frame(hours, top, shapes, unit), legend(list(series), colours))


def _outlines(bounds: Sequence[tuple[float, float] | None], top: float, step: float) -> list[str]:
    """The outline of a band, one for each stretch of hours that have bounds."""
    stretches: list[list[tuple[float, float, float]]] = [[]]
    for place, one in enumerate(bounds):
        if one is None:
            stretches.append([])
        else:
            stretches[-1].append((LEFT + (place + 0.5) * step, _height(one[0], top), _height(one[1], top)))
    outlines = []
    for stretch in filter(None, stretches):
        there = [(x, high) for x, _, high in stretch]
        back = [(x, low) for x, low, _ in reversed(stretch)]
        outlines.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in there + back) + "Z")
    return outlines


def bar(parts: Mapping[str, float], colours: Sequence[int]) -> Html:
    """One bar of shares."""
    total = sum(parts.values()) or 1
    return element(
        "div",
        [
            element("i", class_=f"c{colour}", style=f"width:{value / total:.3%}", title=f"{name}: {number(value)}")
            for colour, (name, value) in zip(colours, parts.items(), strict=True)
            if value
        ],
        class_="bar",
    )


def legend(names: Sequence[str], colours: Sequence[int]) -> Html:
    """Which colour is what."""
    shown = [element("span", element("i", class_=f"c{c}"), name) for name, c in zip(names, colours, strict=True)]
    return element("div", shown, class_="legend")


def _height(value: float, top: float) -> float:
    """How far down a value stands; what is beyond an end of the axis stands at that end."""
    return (HEIGHT - BOTTOM) * (1 - min(max(value, 0), top) / top)


def _round_up(value: float) -> float:
    """The next round number; 1 where there is nothing above zero."""
    if value <= 0:
        return 1.0
    size = 1e-4
    while True:
        for digit in (1, 1.5, 2, 3, 4, 5, 6, 8):
            if size * digit >= value:
                return size * digit
        size *= 10


def _frame(hours: Sequence[str], top: float, shapes: Sequence[Html], unit: str) -> Html:
    grid = []
    for share in (0, 0.5, 1):
        high = (HEIGHT - BOTTOM) * (1 - share)
        grid.append(element("line", x1=LEFT, x2=WIDTH, y1=f"{high:.1f}", y2=f"{high:.1f}", class_="grid"))
        grid.append(element("text", f"{_short(top * share)}{unit}", x=LEFT - 6, y=f"{high + 4:.1f}", text_anchor="end"))
    ends = [(0, "start", LEFT), (len(hours) - 1, "end", WIDTH)] if len(hours) > 1 else [(0, "start", LEFT)]
    for place, anchor, x in ends if hours else []:
        grid.append(element("text", f"{hours[place].replace('T', ' ')}h", x=x, y=HEIGHT - 2, text_anchor=anchor))
    return element("svg", grid, list(shapes), viewBox=f"0 -8 {WIDTH:.0f} {HEIGHT + 8:.0f}", role="img")


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.4g}"
