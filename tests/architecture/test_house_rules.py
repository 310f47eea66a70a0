"""The rules of the house that no linter knows; each names every file and line that breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400
EDGES = {"crm/web/context.py", "crm/worker.py", "crm/cli.py"}
CLOCK = "crm/core/clock.py"
ENVIRONMENT_READERS = {"crm/cli.py"}  # hands the environment to the settings
MODULES = ("users", "customers", "outreach", "activities", "followups", "reports")

READS_THE_TIME = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.time)$")
BANNED_NAME = re.compile(r"^(utils?|helpers?|common|process|info|handle_data)$|^do_|.Manager$")
ASSERTING = {"pytest.raises", "pytest.warns", "pytest.fail", "expect"}  # the last is Playwright's
INLINE = re.compile(
    r"<style\b|\sstyle\s*=|<script(?![^>]*\ssrc=)|\son[a-z]+\s*=|\shx-on|javascript:|['\"]js:",
    re.IGNORECASE,
)


def python_files(folder: str) -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py"))
    return sorted(found)


SOURCES = [path for path in python_files("crm") if not path.startswith("crm/migrations/")]
TESTS = python_files("tests")
TEST_FILES = [path for path in TESTS if Path(path).name.startswith("test_")]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "crm").glob("*/templates/**/*.html")
    # What is printed or mailed is shown by no browser under our content security policy.
    if not {"pdf", "mail"} & set(path.parts)
)


@cache
def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse(text_of(path))


def dotted(node: ast.expr) -> str:
    """`datetime.now` of such an expression, or what can be said of it."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_a_file_fits_in_a_head() -> None:
    lengths = {path: len(text_of(path).splitlines()) for path in [*SOURCES, *TESTS]}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_only_the_edges_commit() -> None:
    found = [
        f"{path}:{call.lineno}"
        for path in SOURCES
        for name, call in calls(tree_of(path))
        if name.endswith(".commit") and path not in EDGES
    ]
    assert found == []


def test_sql_is_written_as_expressions() -> None:
    written = {"sqlalchemy.text", "sqlalchemy.sql.text", "sa.text"}
    found = [
        path
        for path in SOURCES
        if written & {*imported(tree_of(path)), *(name for name, _ in calls(tree_of(path)))}
    ]
    assert found == []


def test_pages_and_endpoints_leave_asking_to_queries() -> None:
    faces = [path for path in SOURCES if re.search(r"^crm/\w+/(views|api)\b", path)]
    found = [path for path in faces if "sqlalchemy.select" in set(imported(tree_of(path)))]
    assert len(faces) > len(MODULES)
    assert found == []


def test_only_the_clock_reads_the_time() -> None:
    found = [
        f"{path}:{call.lineno}"
        for path in SOURCES
        for name, call in calls(tree_of(path))
        if READS_THE_TIME.search(name) and path != CLOCK
    ]
    assert found == []


def test_only_the_settings_read_the_environment() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and dotted(node) in {"os.environ", "os.getenv"}
        and path not in ENVIRONMENT_READERS
    ]
    assert found == []


def test_every_relationship_refuses_to_load_by_itself() -> None:
    found = [
        f"{path}:{call.lineno}"
        for path in SOURCES
        for name, call in calls(tree_of(path))
        if name.split(".")[-1] == "relationship"
        if not any(
            given.arg == "lazy"
            and isinstance(given.value, ast.Constant)
            and given.value.value == "raise"
            for given in call.keywords
        )
    ]
    assert found == []


def test_names_say_what_things_are() -> None:
    found = []
    for path in SOURCES:
        nodes = ast.walk(tree_of(path))
        named = [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        found += [(path, name) for name in [Path(path).stem, *named] if BANNED_NAME.search(name)]
    assert found == []


def test_forms_and_schemas_are_a_modules_own_affair() -> None:
    found = []
    for path in SOURCES:
        others = "|".join(set(MODULES) - {path.split("/")[1]})
        foreign = re.compile(rf"^crm\.({others})\.(forms|schemas)\b")
        found += [(path, name) for name in imported(tree_of(path)) if foreign.search(name)]
    assert found == []


def test_a_page_carries_no_style_and_no_script_of_its_own() -> None:
    assert PAGES
    found = [(path, match.group()) for path in PAGES for match in INLINE.finditer(text_of(path))]
    assert found == []


def test_a_test_is_in_a_file_that_pytest_collects() -> None:
    found = [
        f"{path}:{function.lineno}"
        for path in TESTS
        for function in functions(tree_of(path))
        if function.name.startswith("test_") and path not in TEST_FILES
    ]
    assert found == []


def test_every_function_in_a_test_file_is_run() -> None:
    """A test that lost its prefix never fails: a function is a test, a fixture or is used."""
    found = []
    for path in TEST_FILES:
        tree = tree_of(path)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        used |= {argument.arg for function in functions(tree) for argument in function.args.args}
        # A fixture may be asked for by name: @pytest.mark.usefixtures("small_steps").
        used |= {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        found += [
            f"{path}:{function.name}"
            for function in tree.body
            if isinstance(function, ast.FunctionDef)
            and not function.name.startswith("test_")
            and function.name not in used
            and not is_automatic(function)
        ]
    assert found == []


def test_every_test_asserts_something() -> None:
    found = []
    for path in TEST_FILES:
        # A test may leave the asserting to a function of its file.
        asserting = {
            function.name for function in functions(tree_of(path)) if asserts(function, set())
        }
        found += [
            f"{path}:{function.name}"
            for function in functions(tree_of(path))
            if function.name.startswith("test_") and not asserts(function, asserting)
        ]
    assert found == []


def is_automatic(function: ast.FunctionDef) -> bool:
    """A fixture that nobody asks for by name."""
    return any("autouse" in ast.unparse(decorator) for decorator in function.decorator_list)


def asserts(function: ast.FunctionDef, through: set[str]) -> bool:
    if any(isinstance(node, ast.Assert) for node in ast.walk(function)):
        return True
    called = {name for name, _ in calls(function)}
    # In a browser, waiting for an address that never comes is a failure.
    waits = any(name.endswith(".wait_for_url") for name in called)
    return waits or bool(called & (ASSERTING | through))
