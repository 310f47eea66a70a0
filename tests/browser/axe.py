"""What axe-core finds wrong on the page that a browser journey is looking at."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Error, Page

PATIENCE: Final = 3
SCRIPT: Final = Path("crm/web/static/vendor/axe.min.js")
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: A drawer that is still sliding in is half transparent, and so are its texts.
AT_REST: Final = """() => Promise.all(document.getAnimations()
    .filter(moving => moving.effect.getComputedTiming().endTime !== Infinity)
    .map(moving => moving.finished.catch(() => null))).then(() => true)"""  # one may be cancelled
RUN: Final = """rules => axe.run(document, {runOnly: rules}).then(found => found.violations.flatMap(
    broken => broken.nodes.map(node => `${broken.id}: ${node.html.slice(0, 160)}`)))"""


def violations(page: Page) -> list[str]:
    """One line per fault: the rule and the element. An empty list is what a page must give.

    axe comes in through the debugger, past the page's own content policy, which stays in force.
    """
    for _ in range(PATIENCE):
        try:
            return _violations(page)
        except Error as gone:
            # The page was left while axe looked at it: look at the one that came.
            if "context was destroyed" not in str(gone):
                raise
            page.wait_for_load_state("networkidle")
    return _violations(page)


def _violations(page: Page) -> list[str]:
    page.evaluate(AT_REST)
    debugger = page.context.new_cdp_session(page)
    debugger.send("Runtime.evaluate", {"expression": SCRIPT.read_text(encoding="utf-8")})
    debugger.detach()
    found: list[str] = page.evaluate(RUN, RULES)
    return found
