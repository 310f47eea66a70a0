"""Cut Noto Sans SC to the characters a Chinese company writes, for pages and for PDF.

The whole font is 10.6 MB a weight. What stays: all of GBK, the signs and Latin letters that
reports and foreign names need, and the rare characters of names that GBK lacks.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, save_font

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "node_modules/@expo-google-fonts/noto-sans-sc"
TARGET = ROOT / "crm/web/static/fonts"
WEIGHTS = {
    "NotoSansSC-Regular.ttf": "400Regular/NotoSansSC_400Regular.ttf",
    "NotoSansSC-Bold.ttf": "700Bold/NotoSansSC_700Bold.ttf",
}

BLOCKS = (
    (0x0020, 0x017F),  # Latin with the accents of European names
    (0x2000, 0x206F),  # dashes, quotes, ellipsis
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x218F),  # ℃ № ™ Ⅳ
    (0x2190, 0x21FF),  # arrows
    (0x2200, 0x22FF),  # ≤ ≥ ≈ ∑
    (0x2460, 0x24FF),  # ① ② ③
    (0x2500, 0x25FF),  # lines, blocks, ■ ▲ ●
    (0x2600, 0x27BF),  # ★ ✓
    (0x3000, 0x303F),  # Chinese punctuation
    (0xFF00, 0xFFEF),  # full-width forms
)
RARE_IN_NAMES = "䶮䲟䴖䴙㛃㛚㙦㬊㬎㫰㳘㵑㸆㻬㻏㼆㽏䁖䂮䃅䎃䏝䏡䓖䓛䓨䓫䓬䗖䗛䗪䗴䜣䝙䢺䢼䣘䥽䦃䲠䲢"


def main() -> None:
    fresh = TARGET.with_name("fonts.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        for name, source in WEIGHTS.items():
            cut(SOURCE / source, fresh / name)
        shutil.copyfile(SOURCE / "LICENSE_FONT", fresh / "OFL.txt")
    except OSError as missing:
        shutil.rmtree(fresh)
        sys.exit(f"fonts: {missing}")
    shutil.rmtree(TARGET, ignore_errors=True)
    fresh.rename(TARGET)


def cut(source: Path, target: Path) -> None:
    options = Options()
    options.hinting = False
    options.layout_features = ["*"]
    options.name_IDs = ["*"]  # the copyright and the licence stay in the file
    font = load_font(str(source), options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=wanted())
    subsetter.subset(font)
    save_font(font, str(target), options)


def wanted() -> set[int]:
    chosen = {point for first, last in BLOCKS for point in range(first, last + 1)}
    return chosen | gbk() | {ord(character) for character in RARE_IN_NAMES}


def gbk() -> set[int]:
    """Every character that two bytes of GBK can mean."""
    points = set()
    for first in range(0x81, 0xFF):
        for second in range(0x40, 0xFF):
            try:
                points.add(ord(bytes((first, second)).decode("gbk")))
            except UnicodeDecodeError:
                continue
    return points


if __name__ == "__main__":
    main()
