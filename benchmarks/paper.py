"""docs/benchmarks.md: one section for each benchmark, replaced when it is run again."""

from collections.abc import Sequence
from pathlib import Path

PAPER = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def keep(section: Sequence[str]) -> None:
    """Print the section and put it where the one of the same title (its first line) stood."""
    text = "\n".join(section)
    print(text)
    paper = PAPER.read_text(encoding="utf-8") if PAPER.exists() else "# Benchmarks\n"
    before, _, rest = paper.partition(f"{section[0]}\n")
    _, mark, after = rest.partition("\n## ")
    PAPER.write_text(f"{before.rstrip()}\n\n{text}\n{mark}{after}", encoding="utf-8")
