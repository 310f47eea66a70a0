"""Plain rows in, one SVG text out, through Vega-Lite; page and PDF show the same drawing."""

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

INK, GREY, RULE = "#16202A", "#56626C", "#C5CDD4"
BLUE, ORANGE = "#17527F", "#E08A2E"
FAMILY = "Noto Sans SC"

#: A page's style sheet recolours by these classes (dark theme); print keeps the colours.
CLASSES = {INK: "k-ink", GREY: "k-grey", RULE: "k-rule", BLUE: "k-blue", ORANGE: "k-orange"}

_FONTS = Path(__file__).parents[1] / "web" / "static" / "fonts"
_CIRCLE = re.compile(r"M(-?[\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0")
_LONG_FRACTION = re.compile(r"-?\d+\.\d{3,}")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SPOKEN = ("role", "class", "tabindex")
_engine = threading.Lock()

Spec = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Canvas:
    """How wide the drawing is in pixels, and its size of type."""

    width: int
    type_px: float
    row: int
    is_narrow: bool = False


PRINT = Canvas(width=520, type_px=9, row=34)  # 138 mm at 0.75 pt a pixel: no text is scaled
PAGE = Canvas(width=600, type_px=12, row=42)
PHONE = Canvas(width=330, type_px=12, row=42, is_narrow=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of a funnel. The texts arrive formatted; `columns` stand to the right of the bar."""

    label: str
    count: int
    text: str
    columns: tuple[str, ...] = ()
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One column with its whisker, both in percent; without `share` the place stays empty."""

    label: str
    below: str
    text: str
    share: float | None = None
    low: float | None = None
    high: float | None = None
    is_marked: bool = False


def funnel(
    steps: Sequence[Step], *, heads: Sequence[str], label: str, canvas: Canvas = PRINT
) -> str:
    """Bars of falling length from zero; `heads` name the columns of figures beside them."""
    heads = () if canvas.is_narrow else heads
    longest = max([step.count for step in steps], default=0) or 1
    rows = [_step_row(step) for step in steps]
    room = longest * (1.35 if canvas.is_narrow else 1.95)
    scale = {"domain": [0, room], "nice": False}
    x = {"field": "count", "type": "quantitative", "scale": scale, "axis": None}
    y = _categories(steps, canvas)
    layers: list[Spec] = [
        *_bars(rows, {"x": x, "y": y}),
        _words(rows, {"x": x, "y": y, "text": {"field": "text"}}, align="left", dx=5, bold=True),
    ]
    for number, head in enumerate(heads):
        at = {"datum": longest * _column(number, len(heads)), "type": "quantitative"}
        place = {"x": {**at, "scale": scale}, "y": y, "text": {"field": f"column_{number}"}}
        layers.append(_words(rows, place, align="right", bold=number == 0))
        layers.append(_head(head, {**at, "scale": scale}, canvas))
    height = canvas.row * max(len(steps), 1) + (16 if heads else 0)
    return svg({"layer": layers}, height=height, label=label, canvas=canvas)


def bars(
    rows: Sequence[Bar], *, top: float, label: str, canvas: Canvas = PRINT, height: int = 165
) -> str:
    """Columns from zero to `top` percent with 95 % whiskers; the sample stands under each label."""
    data = [_bar_row(row) for row in rows]
    drawn = [row for row in data if row["share"] is not None]
    x = {
        "field": "label",
        "type": "nominal",
        "sort": [row["label"] for row in data],
        "axis": {
            "title": None,
            "labelAngle": 0,
            "ticks": False,
            "labelExpr": "split(datum.label, '|')",
            "labelLimit": canvas.width / max(len(rows), 1),
        },
        "scale": {"paddingInner": 0.45, "paddingOuter": 0.25},
    }
    scale = {"domain": [0, top], "nice": False}
    axis = {"title": None, "tickCount": 4, "labelExpr": "datum.label + '%'"}
    y = {"field": "share", "type": "quantitative", "scale": scale, "axis": axis}
    whisker = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    top_of = {"x": x, "y": {**y, "field": "top"}, "text": {"field": "text"}}
    layers: list[Spec] = [
        # An undrawn bar keeps the place of a row that has too few cases for a rate.
        {"data": {"values": data}, "mark": {"type": "bar", "opacity": 0}, "encoding": {"x": x}},
        *_bars(drawn, {"x": x, "y": y}),
        {
            "data": {"values": [row for row in drawn if row["low"] is not None]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1},
            "encoding": whisker,
        },
        _words(data, top_of, align="center", dy=-7, bold=True),
    ]
    return svg({"layer": layers}, height=height, label=label, canvas=canvas)


def svg(spec: Spec, *, height: float, label: str, canvas: Canvas = PRINT) -> str:
    """Draw one Vega-Lite spec. `label` is what a screen reader says instead of the drawing."""
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "config": _config(canvas),
        "autosize": {"type": "fit", "contains": "padding"},
        "width": canvas.width,
        "height": height,
        **spec,
    }
    return _drawn(json.dumps(whole, ensure_ascii=False, sort_keys=True), _clean(label))


@lru_cache(maxsize=256)
def _drawn(spec: str, label: str) -> str:
    """The same spec gives the same bytes, so a drawing is kept and not made again."""
    import vl_convert  # noqa: PLC0415 - an 80 MB engine: only a process that draws pays for it

    with _engine:
        _register_fonts()
        raw: str = vl_convert.vegalite_to_svg(
            spec,
            vl_version="6.4",
            allowed_base_urls=[],
            format_locale="zh-CN",
        )
    root = ElementTree.fromstring(raw)  # noqa: S314 - our own engine's output, labels escaped by it
    _tidy(root)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("class", "k k-drawn")
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


@lru_cache(maxsize=1)
def _register_fonts() -> None:
    """Measure text with the font it will be shown in, or labels collide."""
    import vl_convert  # noqa: PLC0415

    if _FONTS.is_dir():
        vl_convert.register_font_directory(str(_FONTS))


def _tidy(parent: ElementTree.Element) -> None:
    """Drop what only a browser's chart needs, and mend what a PDF renderer draws wrongly."""
    parent.tag = parent.tag.rpartition("}")[2]
    for name in [name for name in parent.attrib if name in _SPOKEN or name.startswith("aria-")]:
        # The label of the whole says it once; hundreds of spoken marks help nobody.
        del parent.attrib[name]
    for name, value in parent.attrib.items():
        parent.set(name, _LONG_FRACTION.sub(lambda found: f"{float(found[0]):.2f}", value))
    _name_colours(parent)
    children: list[ElementTree.Element] = []
    for child in parent:
        _tidy(child)
        children.extend(_mended(child))
    parent[:] = children


def _mended(element: ElementTree.Element) -> list[ElementTree.Element]:
    if element.tag == "path":
        if element.get("d", "") in {"", "M0,0h0v0h0Z"} or element.get("display") == "none":
            return []
        if circle := _CIRCLE.fullmatch(element.get("d", "")):
            # Small arcs come out angular in a PDF.
            element.tag = "circle"
            del element.attrib["d"]
            element.set("r", circle[1])
    if element.tag == "text" and len(element):
        return _lines(element)
    return [element]


def _lines(text: ElementTree.Element) -> list[ElementTree.Element]:
    """A label of two lines as two texts: one anchor for both would shift the shorter line."""
    place = re.fullmatch(r"translate\(([-\d.]+),([-\d.]+)\)", text.get("transform", ""))
    across, down = (float(place[1]), float(place[2])) if place else (0.0, 0.0)
    lines = []
    for part in text:
        down += float(part.get("dy", 0))
        line = ElementTree.Element(
            "text", {**text.attrib, "transform": f"translate({across:g},{down:g})"}
        )
        line.text = part.text
        lines.append(line)
    return lines


def _name_colours(element: ElementTree.Element) -> None:
    names = {
        f"{name}-{kind}"
        for kind in ("fill", "stroke")
        if (name := CLASSES.get(element.get(kind, "")))
    }
    if names:
        element.set("class", " ".join(sorted(names)))


def _config(canvas: Canvas) -> Spec:
    size = canvas.type_px
    return {
        "font": FAMILY,
        "background": None,
        "padding": 2,
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": size,
            "titleFontSize": size,
            "titleFontWeight": "normal",
            "titleColor": GREY,
            "labelColor": INK,
            "domainColor": INK,
            "domainWidth": 0.6,
            "tickColor": INK,
            "tickWidth": 0.6,
            "tickSize": 3,
            "gridColor": RULE,
            "gridWidth": 0.4,
            "labelPadding": 3,
            "titlePadding": 6,
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False},
        "text": {"fontSize": size, "fill": INK},
    }


def _categories(steps: Sequence[Step], canvas: Canvas) -> Spec:
    return {
        "field": "label",
        "type": "nominal",
        "sort": [_clean(step.label) for step in steps],
        "axis": {
            "title": None,
            "domain": False,
            "ticks": False,
            "labelFontSize": canvas.type_px + 1,
            "labelLimit": canvas.width * 0.28,
        },
        "scale": {"paddingInner": 0.42, "paddingOuter": 0.3},
    }


def _step_row(step: Step) -> dict[str, Any]:
    return {
        "label": _clean(step.label),
        "count": step.count,
        "text": _clean(step.text),
        "is_marked": step.is_marked,
        **{f"column_{number}": _clean(text) for number, text in enumerate(step.columns)},
    }


def _bar_row(row: Bar) -> dict[str, Any]:
    below = f"|{_clean(row.below)}" if row.below else ""
    return {
        "label": _clean(row.label).replace("|", "/") + below,
        "text": _clean(row.text),
        "share": row.share,
        "low": row.low,
        "high": row.high,
        "top": max(row.high or 0, row.share or 0),
        "is_marked": row.is_marked,
    }


def _bars(rows: Rows, encoding: Spec) -> list[Spec]:
    """Orange is kept for the one thing the title speaks of, with an outline for grey print."""
    marked = [row for row in rows if row["is_marked"]]
    plain = [row for row in rows if not row["is_marked"]]
    outlined = {"type": "bar", "color": ORANGE, "stroke": INK, "strokeWidth": 0.8}
    return [
        {"data": {"values": plain}, "mark": {"type": "bar", "color": BLUE}, "encoding": encoding},
        {"data": {"values": marked}, "mark": outlined, "encoding": encoding},
    ]


def _words(rows: Rows, encoding: Spec, *, align: str, bold: bool, **offset: int) -> Spec:
    weight = "bold" if bold else "normal"
    mark = {"type": "text", "align": align, "fontWeight": weight, **offset}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _head(text: str, x: Spec, canvas: Canvas) -> Spec:
    mark = {
        "type": "text",
        "align": "right",
        "baseline": "bottom",
        "fontSize": canvas.type_px,
        "fill": GREY,
        "y": -4,
    }
    encoding = {"x": x, "text": {"value": _clean(text)}}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}


def _column(number: int, of: int) -> float:
    """Where a column of figures ends, in lengths of the longest bar."""
    return 1.92 - (of - 1 - number) * 0.29


def _clean(text: str) -> str:
    """Characters that no XML may hold would make the whole drawing unreadable."""
    return _NOT_TEXT.sub(" ", text)
