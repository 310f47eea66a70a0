"""The stage rules: changed as a new version, and applied to everybody in the background."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from crm.core import audit, bulk
from crm.core.company import company
from crm.core.errors import Invalid
from crm.customers.models import Customer, Stage, StageReason, StageRules, StageRun
from crm.customers.queries import lifecycle as queries
from crm.customers.rules.stages import StageTerms
from crm.customers.services import stages
from crm.customers.services.stages import Why
from crm.users import policies
from crm.users.models import User

PAGE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRules:
    """The numbers of a new version."""

    regular_orders: int
    loyal_orders: int
    dormant_days: int
    lost_days: int
    held_days: int
    loyal_amount_fen: int | None = None
    interested_by_contact: bool = False


def count_moves(
    session: Session, wanted: NewRules, *, by: User, now: datetime
) -> Mapping[Stage, int]:
    """How many customers these rules would move, and where. Nothing is changed."""
    policies.require(by, "customers.edit_rules")
    return queries.count_moves(session, _checked(wanted), now=now)


def change(session: Session, wanted: NewRules, *, by: User, now: datetime) -> StageRules:
    """A new version, and the work of applying it; the same again changes nothing."""
    policies.require(by, "customers.edit_rules")
    terms = _checked(wanted)
    known = queries.find_rules(session)
    if known is not None and queries.as_terms(known) == _with_id(terms, known.id):
        return known
    rules = StageRules(**asdict(wanted), created_by_id=by.id, created_at=now)
    session.add(rules)
    session.flush()
    session.add(StageRun(rules_id=rules.id, started_at=now))
    audit.record(
        session,
        "stages.change_rules",
        by_id=by.id,
        thing=f"stage_rules:{rules.id}",
        now=now,
        **asdict(wanted),
    )
    return rules


def advance(session: Session, now: datetime) -> bool:
    """One page of the oldest unfinished pass, or of today's for silence. True while there is more.

    A pass for rules that were changed again meanwhile goes on with the newest ones.
    """
    run = _unfinished(session) or _todays(session, now)
    if run is None:
        return False
    last = queries.next_page(session, run.cursor, PAGE)
    if last is None:
        run.finished_at = now
        return True
    terms = queries.terms(session)
    is_daily = run.rules_id is None
    moves = (queries.by_silence if is_daily else queries.by_rules)(session, terms, now=now)
    reason = StageReason.SILENCE if is_daily else StageReason.RULES
    page = and_(Customer.id > run.cursor, Customer.id <= last)
    for stage, due in moves:
        run.moved_count += stages.move(session, and_(page, due), stage, Why(reason, terms.id, now))
    run.cursor = last
    return True


def _unfinished(session: Session) -> StageRun | None:
    runs = select(StageRun).where(StageRun.finished_at.is_(None)).order_by(StageRun.id)
    return session.scalars(runs.limit(1).with_for_update()).first()


def _todays(session: Session, now: datetime) -> StageRun | None:
    """Today's pass, begun now; None when it has been made."""
    today = company(session).day_of(now)
    made = session.scalar(
        bulk.insert(session, StageRun)
        .values(day=today, cursor=0, moved_count=0, started_at=now)
        .on_conflict_do_nothing(index_elements=["day"])
        .returning(bulk.table(StageRun).c.id)
    )
    return session.get(StageRun, made) if made is not None else None


def _checked(wanted: NewRules) -> StageTerms:
    if wanted.loyal_orders <= wanted.regular_orders:
        raise Invalid("stages.loyal_too_early", field="loyal_orders")
    if wanted.lost_days <= wanted.dormant_days:
        raise Invalid("stages.lost_too_early", field="lost_days")
    return StageTerms(**asdict(wanted))


def _with_id(terms: StageTerms, rules_id: int) -> StageTerms:
    return StageTerms(**{**asdict(terms), "id": rules_id})
