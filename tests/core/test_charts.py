"""The drawings: what they say, that they are the same each time, and that no label breaks them."""

from xml.etree import ElementTree

import pytest

from crm.core import charts
from crm.core.charts import Bar, Canvas, Step

STEPS = [
    Step("沟通", 412, "412", ("", "", "100.0 %")),
    Step("邀约", 240, "240", ("58.3 %", "172", "58.3 %")),
    Step("成交", 40, "40", ("16.7 %", "200", "9.7 %"), is_marked=True),
]
HEADS = ("逐级转化", "本级流失", "占沟通")
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def bar_lengths(svg: str, *, colour: str) -> list[float]:
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    drawn = [path.get("d", "") for path in paths if path.get("fill") == colour]
    return [float(d.split("h")[1].split("v")[0]) for d in drawn]


def test_a_funnel_prints_every_step_figure_and_column() -> None:
    said = texts(charts.funnel(STEPS, heads=HEADS, label="Funnel"))

    assert {"沟通", "邀约", "成交", "412", "240", "40", "58.3 %", "占沟通"} <= set(said)


def test_the_bars_of_a_funnel_are_as_long_as_their_counts() -> None:
    svg = charts.funnel(STEPS, heads=HEADS, label="Funnel")
    first, second = bar_lengths(svg, colour=charts.BLUE)
    (marked,) = bar_lengths(svg, colour=charts.ORANGE)

    assert second / first == pytest.approx(240 / 412, abs=0.001)
    assert marked / first == pytest.approx(40 / 412, abs=0.001)


def test_on_a_phone_a_funnel_leaves_its_columns_to_the_table() -> None:
    said = texts(charts.funnel(STEPS, heads=HEADS, label="Funnel", canvas=charts.PHONE))

    assert "412" in said
    assert "58.3 %" not in said


@pytest.mark.parametrize("canvas", [charts.PAGE, charts.PHONE])
def test_no_text_on_a_page_is_smaller_than_twelve_pixels(canvas: Canvas) -> None:
    svg = charts.funnel(STEPS, heads=HEADS, label="Funnel", canvas=canvas)
    sizes = [text.get("font-size", "") for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]

    assert min(float(size.removesuffix("px")) for size in sizes) >= 12


def test_a_chart_speaks_once_through_its_label() -> None:
    svg = charts.funnel(STEPS, heads=HEADS, label='Funnel: 412 to 40, "all" <b> & more')
    root = ElementTree.fromstring(svg)

    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Funnel: 412 to 40, "all" <b> & more'
    assert svg.count("aria-") == 1


def test_colours_carry_a_class_so_that_a_dark_page_can_change_them() -> None:
    svg = charts.funnel(STEPS, heads=HEADS, label="Funnel")

    assert 'class="k-blue-fill"' in svg
    assert 'class="k-ink-stroke k-orange-fill"' in svg
    assert "style=" not in svg


def test_the_same_rows_give_the_same_bytes() -> None:
    first = charts.funnel(STEPS, heads=HEADS, label="Funnel")
    charts._drawn.cache_clear()

    assert charts.funnel(STEPS, heads=HEADS, label="Funnel") == first


@pytest.mark.parametrize(
    "name",
    [
        "</text><script>alert(1)</script>",
        'A&B "quoted"',
        "v1.23456789",
        'x role="button" aria-label="y"',
        "brand\x00new\x1b[0m",
        "A|B",
        "datum.count",
        "笑😀脸",
    ],
)
def test_any_name_is_drawn_as_the_text_it_is(name: str) -> None:
    rows = [Bar(name, "20 / 100", "20.0 %", 20, 13.3, 28.9), Bar("B", "1 / 3", "too few")]

    svg = charts.bars(rows, top=40, label=name, canvas=charts.PAGE)

    assert name.translate({0: " ", 0x1B: " "}).replace("|", "/") in texts(svg)
    assert not list(ElementTree.fromstring(svg).iter(f"{SVG}script"))


def test_a_row_without_a_rate_keeps_its_place_and_gets_no_bar() -> None:
    rows = [Bar("A", "20 / 100", "20.0 %", 20, 13.3, 28.9), Bar("B", "1 / 3", "too few")]

    svg = charts.bars(rows, top=40, label="Bars")

    assert {"A", "B", "1 / 3", "too few"} <= set(texts(svg))
    assert len(bar_lengths(svg, colour=charts.BLUE)) == 1


def test_a_marked_column_is_orange_with_an_outline() -> None:
    svg = charts.bars([Bar("A", "", "20.0 %", 20, is_marked=True)], top=40, label="Bars")

    assert len(bar_lengths(svg, colour=charts.ORANGE)) == 1
    assert not bar_lengths(svg, colour=charts.BLUE)


def test_an_empty_funnel_is_a_drawing_all_the_same() -> None:
    assert charts.funnel([], heads=HEADS, label="Empty").startswith("<svg")
    nothing = [Step("沟通", 0, "0"), Step("成交", 0, "0")]
    assert texts(charts.funnel(nothing, heads=(), label="Nothing")).count("0") == 2


def test_points_become_circles_and_lines_of_a_label_become_texts_of_their_own() -> None:
    point = {
        "data": {"values": [{"x": 1, "l": "a|b"}]},
        "mark": {"type": "point", "filled": True, "color": charts.BLUE},
        "encoding": {
            "x": {
                "field": "l",
                "type": "nominal",
                "axis": {"labelExpr": "split(datum.label, '|')", "labelAngle": 0},
            },
            "y": {"field": "x", "type": "quantitative"},
        },
    }

    svg = charts.svg(point, height=100, label="Point")

    assert len(list(ElementTree.fromstring(svg).iter(f"{SVG}circle"))) == 1
    assert {"a", "b"} <= set(texts(svg))
    assert "<tspan" not in svg


def test_a_spec_cannot_make_the_engine_fetch_or_read() -> None:
    spec = {
        "data": {"url": "file:///etc/passwd", "format": {"type": "dsv", "delimiter": ":"}},
        "mark": "text",
        "encoding": {"text": {"field": "root"}},
    }

    try:
        svg = charts.svg(spec, height=50, label="Nothing")
    except ValueError:
        svg = ""

    assert "/root" not in svg
    assert "/bin/" not in svg
