"""The process that draws: it takes one order on its standard input and imports nothing of ours.

Two walls keep it in: a fetcher that knows packaged assets by name, and, should the renderer ever
go around its fetcher, an audit hook that refuses every connection and every new process.
"""

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2]
FONTS = PACKAGE / "web" / "static" / "fonts"
SHEETS = PACKAGE / "reports" / "templates" / "reports" / "pdf"
FONT_FILES = ("NotoSansSC-Regular.ttf", "NotoSansSC-Bold.ttf")

#: What the text may name as `asset:<name>`, and nothing else.
ASSETS = {
    "report.css": (SHEETS / "report.css", "text/css"),
    **{name: (FONTS / name, "font/ttf") for name in FONT_FILES},
}
IMAGES = ("data:image/svg+xml;base64,", "data:image/png;base64,", "data:image/jpeg;base64,")
IMAGE_LIMIT = 3 * 1024 * 1024

NO_ENGINE, NO_MEMORY, TOO_LARGE = 3, 4, 5
FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")


def main() -> int:
    order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    _limit(order)
    try:
        from weasyprint import HTML  # noqa: PLC0415 - the parent must not need it
    except OSError:
        return NO_ENGINE
    sys.addaudithook(_refuse)
    try:
        HTML(string=order["html"], url_fetcher=_fetcher()).write_pdf(
            order["target"], pdf_variant="pdf/ua-1", srgb=True
        )
    except MemoryError:
        return NO_MEMORY
    except OSError as error:
        # Python ignores SIGXFSZ, so a file over its limit ends as an error of the write.
        return TOO_LARGE if "too large" in str(error).lower() else 1
    return 0


def _limit(order: dict[str, Any]) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: order["file_bytes"],
        resource.RLIMIT_CPU: order["seconds"],
        # Private memory, not address space: libraries that are mapped read-only are free.
        resource.RLIMIT_DATA: order["memory_bytes"],
    }
    for kind, amount in limits.items():
        resource.setrlimit(kind, (amount, amount))
    # A parent that was killed cannot end us any more.
    signal.alarm(order["seconds"] + 5)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    del arguments
    if event.startswith(FORBIDDEN):
        raise PermissionError(f"{event} has no business in a report")


def _fetcher() -> Any:  # noqa: ANN401 - its base class exists only where the engine does
    from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415

    class PackagedAssets(URLFetcher):  # type: ignore[misc]  # WeasyPrint carries no types
        """Answers for packaged assets by name and for images inside the text, for nothing else."""

        def __init__(self) -> None:
            super().__init__(allowed_protocols={"asset", "data"}, allow_redirects=False)

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
            scheme, _, name = url.partition(":")
            if scheme == "asset" and name in ASSETS:
                path, kind = ASSETS[name]
                return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})
            if url.startswith(IMAGES) and len(url) <= IMAGE_LIMIT:
                return super().fetch(url, headers)
            raise ValueError("a report loads nothing from there")

    return PackagedAssets()


if __name__ == "__main__":
    sys.exit(main())
