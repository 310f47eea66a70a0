"""Copy what the browser needs from node_modules to crm/web/static/vendor, licences beside it.

The version of every part is in package.json, its checksum in package-lock.json; npm has checked
both. The icons are cut from their 5,000 drawings to the names in crm/web/icons.txt.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "crm/web/static/vendor"
ICON_NAMES = ROOT / "crm/web/icons.txt"
OUTLINES = "icons/outline"

# The package names MIT and its copyright holder but carries no licence text.
TABLER_LICENCE = """\
The MIT License (MIT)

Copyright (c) 2018-2026 The Tabler Authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Part:
    package: str
    files: tuple[str, ...]
    licences: tuple[str, ...] = ("LICENSE",)


PARTS = (
    Part("htmx.org", ("dist/htmx.min.js",)),
    Part("@tabler/core", ("dist/css/tabler.min.css",), licences=()),
    Part("sortablejs", ("Sortable.min.js",)),
    Part(
        "swagger-ui-dist",
        ("swagger-ui.css", "swagger-ui-bundle.js"),
        ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"),
    ),
    Part("axe-core", ("axe.min.js",), ("LICENSE", "LICENSE-3RD-PARTY.txt")),
    Part("@tabler/icons", ()),  # its files are cut into icons.svg
)


def main() -> None:
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "licences").mkdir(parents=True)
    try:
        notices = [copy_part(part, fresh) for part in PARTS]
        (fresh / "icons.svg").write_text(icon_sprite(), encoding="utf-8")
        notice = "What the browser gets from others, with licence texts in licences/.\n\n"
        (fresh / "THIRD-PARTY.txt").write_text(notice + "".join(notices), encoding="utf-8")
    except OSError as missing:
        shutil.rmtree(fresh)
        sys.exit(f"browser parts: {missing}")
    # Whole or not at all: a stopped set-up leaves the former parts in place.
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def copy_part(part: Part, into: Path) -> str:
    """Copy the part's files and licences; its line of the notice comes back."""
    source = MODULES / part.package
    about = json.loads((source / "package.json").read_text(encoding="utf-8"))
    for name in part.files:
        copy_text(source / name, into / Path(name).name)
    plain = part.package.lstrip("@").replace("/", "-")
    for name in part.licences:
        shutil.copyfile(
            source / name, into / "licences" / f"{plain}-{name.removesuffix('.txt')}.txt"
        )
    if not part.licences:
        (into / "licences" / f"{plain}-LICENSE.txt").write_text(TABLER_LICENCE, encoding="utf-8")
    return f"{part.package} {about['version']}: {about['license']}\n"


def copy_text(source: Path, target: Path) -> None:
    """Without the pointer to a source map, which is not shipped and would be asked for in vain."""
    text = source.read_text(encoding="utf-8")
    text = re.sub(r"\n?(/\*# sourceMappingURL=\S+ \*/|//# sourceMappingURL=\S+)\s*$", "\n", text)
    target.write_text(text, encoding="utf-8")


def icon_sprite() -> str:
    names = [
        line.strip()
        for line in ICON_NAMES.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    symbols = [icon_symbol(name) for name in sorted(set(names))]
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def icon_symbol(name: str) -> str:
    source = MODULES / "@tabler/icons" / OUTLINES / f"{name}.svg"
    drawing = source.read_text(encoding="utf-8")
    inner = drawing[drawing.index(">") + 1 : drawing.rindex("</svg>")]
    shapes = [line.strip() for line in inner.splitlines() if line.strip()]
    # The first path of many drawings is an invisible square that only holds the place.
    shapes = [shape for shape in shapes if 'd="M0 0h24v24H0z"' not in shape]
    return f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(shapes)}</symbol>'


if __name__ == "__main__":
    main()
