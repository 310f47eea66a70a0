"""How the access table is written: how far each role reaches, and what a row says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from werkzeug.routing import AnyConverter, Rule

Far = Literal["none", "own", "own+pool", "team", "team+pool", "all"]


@dataclass(frozen=True, slots=True)
class Reaches:
    """How far each role reaches. "pool" are things that nobody owns."""

    rep: Far
    lead: Far
    manager: Far
    admin: Far


@dataclass(frozen=True, slots=True)
class Row:
    """`thing` names a builder in THINGS; without one the row is about the page itself."""

    see: Reaches
    act: Reaches
    thing: str = ""
    is_public: bool = False
    in_body: bool = False  # the thing is named in what is sent, not in the address
    body: Mapping[str, Any] = field(default_factory=dict)


ALL = Reaches("all", "all", "all", "all")
MINE = Reaches("own", "own", "own", "own")  # not even an administrator's business
DOERS = Reaches("own", "own", "none", "own")
ADMIN = Reaches("none", "none", "none", "all")
LEADS = Reaches("none", "all", "none", "all")
BUT_MANAGERS = Reaches("all", "all", "none", "all")

# Customers: a rep sees his own and the pool, a lead his team's and the pool (product.md, Roles).
SIGHT = Reaches("own+pool", "team+pool", "all", "all")
EDIT = Reaches("own", "team+pool", "none", "all")
ASSIGN = Reaches("none", "team+pool", "none", "all")
CLAIM = Reaches("own+pool", "team+pool", "none", "all")

# A report about one person: his lead sees its figures too, a colleague does not.
REPORTS = Reaches("own", "team", "all", "all")

# Activities: a rep sees those he takes part in; leads run their team's.
ACTIVITIES = Reaches("own", "team", "all", "all")
RUN = Reaches("none", "team", "all", "all")
PLANNERS = Reaches("none", "all", "all", "all")

# Follow-ups: whoever works with the customer; managers and admins only read.
FOLLOWUPS = Reaches("own", "team", "all", "all")
# Imports: not for reps and managers (403); a lead finds the team's only.
IMPORT_SIGHT = Reaches("all", "team", "all", "all")
# Pages of pairs: not for reps and managers (403); a lead finds those whose records he sees.
PAIR_SIGHT = Reaches("all", "team+pool", "all", "all")
IMPORT = Reaches("none", "team", "none", "all")
WORK = Reaches("own", "team", "none", "none")
WORK_WITH_POOL = Reaches("own", "team+pool", "none", "none")
HAND_OVER = Reaches("none", "team", "none", "none")
SELLERS = Reaches("all", "all", "none", "none")

PUBLIC = Row(ALL, ALL, is_public=True)
SIGNED_IN = Row(ALL, ALL)


def examples(rule: Rule) -> dict[str, Any]:
    """Values for the address of any route; the thing they name need not exist."""
    found: dict[str, Any] = dict.fromkeys(rule.arguments, 1)
    for name, converter in rule._converters.items():
        if isinstance(converter, AnyConverter):
            found[name] = min(converter.items)
    if "filename" in found:
        found["filename"] = "app.css"
    return found


def only(who: Reaches) -> Row:
    """A page of some roles; the others get 403."""
    return Row(ALL, who)


def of(thing: str, see: Reaches, act: Reaches | None = None, **more: Any) -> Row:
    """A page about one thing, which may belong to somebody."""
    return Row(see, act or see, thing, **more)
