from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.bin.programs import load

DRAWING = """<svg
  xmlns="http://www.w3.org/2000/svg"
  viewBox="0 0 24 24"
>
  <path stroke="none" d="M0 0h24v24H0z" fill="none" />
  <path d="M5 12h14" />
  <path d="M12 5v14" />
</svg>
"""


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("browser_parts")
    monkeypatch.setattr(module, "MODULES", tmp_path)
    monkeypatch.setattr(module, "ICON_NAMES", tmp_path / "icons.txt")
    drawings = tmp_path / "@tabler/icons/icons/outline"
    drawings.mkdir(parents=True)
    for name in ("plus", "bell"):
        (drawings / f"{name}.svg").write_text(DRAWING, encoding="utf-8")
    return module


def test_an_icon_keeps_its_strokes_and_loses_the_invisible_square(parts: ModuleType) -> None:
    wanted = (
        '<symbol id="plus" viewBox="0 0 24 24"><path d="M5 12h14" /> <path d="M12 5v14" /></symbol>'
    )
    assert parts.icon_symbol("plus") == wanted


def test_the_sprite_holds_the_names_once_and_in_order(parts: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "icons.txt").write_text("# why\nplus\n\nbell\nplus\n", encoding="utf-8")
    sprite = parts.icon_sprite()
    assert sprite.count("<symbol ") == 2
    assert sprite.index('id="bell"') < sprite.index('id="plus"')


def test_an_icon_that_does_not_exist_stops_the_set_up(parts: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "icons.txt").write_text("no-such-icon\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="no-such-icon"):
        parts.icon_sprite()


@pytest.mark.parametrize(
    "pointer", ["/*# sourceMappingURL=a.css.map */", "\n//# sourceMappingURL=a.js.map\n"]
)
def test_a_copied_file_points_to_no_source_map(
    parts: ModuleType, tmp_path: Path, pointer: str
) -> None:
    (tmp_path / "a").write_text("b{}" + pointer, encoding="utf-8")
    parts.copy_text(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text(encoding="utf-8") == "b{}\n"
