"""What stands behind the addresses of the access table: one builder per kind of thing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.core import clock
from crm.customers.models import Customer, CustomField, Segment, Tag, TagGroup
from crm.customers.services import merging, segments, tag_settings
from crm.customers.services.merging import MergeCustomers
from crm.users.models import ApiToken, PasswordReset, User, UserSession
from crm.users.rules import Scope, digest
from crm.users.services import sessions
from crm.users.services.sessions import Browser
from tests.architecture import access_table as table
from tests.conftest import NOW
from tests.factories.activities import make_activity, make_goal, make_plan
from tests.factories.custom_fields import make_field
from tests.factories.customers import (
    make_assignment,
    make_customer,
    make_opportunity,
    make_order,
    make_person,
    make_tag,
    make_tag_group,
)
from tests.factories.duplicates import make_pair
from tests.factories.followups import make_followup
from tests.factories.imports import make_import
from tests.factories.lists import make_bulk_act, make_export, make_view
from tests.factories.outreach import make_suppression
from tests.factories.reports import make_drawn_run
from tests.factories.users import make_team, make_token, make_user


def _customer(session: Session, owner: User | None) -> dict[str, Any]:
    customer = make_customer(session, owner=owner)
    tag = make_tag(session)
    return {"customer_id": customer.id, "public_id": customer.public_id, "tag_id": tag.id}


def _assignment(session: Session, owner: User | None) -> dict[str, Any]:
    by = owner or make_user(session, role="admin")
    made = make_assignment(session, by=by)
    return {"assignment_id": made.id, "public_id": made.public_id}


def _opportunity(session: Session, owner: User | None) -> dict[str, Any]:
    deal = make_opportunity(session, make_customer(session, owner=owner))
    return {"opportunity_id": deal.id, "public_id": deal.public_id}


def _order(session: Session, owner: User | None) -> dict[str, Any]:
    return {"order_id": make_order(session, make_customer(session, owner=owner)).id}


def _named_order(session: Session, owner: User | None) -> dict[str, Any]:
    order = make_order(session, make_customer(session, owner=owner))
    return {"source": order.source, "number": order.number}


def _deal(session: Session, owner: User | None) -> dict[str, Any]:
    customer = make_customer(session, owner=owner)
    number = f"D-{customer.id}"
    return {"customer": customer.public_id, "source": "shop", "number": number, "title": "框架"}


def _person(session: Session, owner: User | None) -> dict[str, Any]:
    del owner
    person = make_user(session, name="新同事")
    return {"user_id": person.id, "public_id": person.public_id}


def _segment(session: Session, owner: User | None) -> dict[str, Any]:
    by = owner or make_user(session, role="admin")
    name = f"客群 {session.scalar(select(func.count()).select_from(Segment))}"
    wanted = segments.Describe(name, table.A_SEGMENT["rule"])
    segment = segments.create(session, wanted, by=by, now=NOW)
    return {"segment_id": segment.id, "public_id": segment.public_id}


def _activity(session: Session, owner: User | None) -> dict[str, Any]:
    by = owner or make_user(session, role="admin")
    activity = make_activity(session, owner=by)
    segment = session.get_one(Segment, _segment(session, by)["segment_id"])
    return {
        "activity_id": activity.id,
        "public_id": activity.public_id,
        "goal_id": make_goal(session, activity).id,
        "plan_id": make_plan(session, activity, segment).id,
    }


def _contact_person(session: Session, owner: User | None) -> dict[str, Any]:
    customer = make_customer(session, owner=owner)
    person = make_person(session, customer)
    return {
        "customer_id": customer.id,
        "public_id": customer.public_id,
        "person_id": person.id,
        "person_public_id": person.public_id,
    }


def _custom_field(session: Session, owner: User | None) -> dict[str, Any]:
    del owner
    count = session.scalar(select(func.count()).select_from(CustomField))
    return {"field_id": make_field(session, label=f"字段 {count}").id}


def _tag(session: Session, owner: User | None) -> dict[str, Any]:
    del owner
    count = session.scalar(select(func.count()).select_from(Tag))
    into = make_tag(session, "留下的")
    return {"tag_id": make_tag(session, f"标签 {count}").id, "into_id": into.id}


def _tag_group(session: Session, owner: User | None) -> dict[str, Any]:
    del owner
    count = session.scalar(select(func.count()).select_from(TagGroup))
    return {"group_id": make_tag_group(session, f"组 {count}").id}


def _tag_removal(session: Session, owner: User | None) -> dict[str, Any]:
    tag = session.get_one(Tag, _tag(session, owner)["tag_id"])
    by = make_user(session, role="admin")
    return {"removal_id": tag_settings.remove(session, tag, by=by, now=datetime.now(UTC)).id}


def _followup(session: Session, owner: User | None) -> dict[str, Any]:
    by = owner or make_user(session)
    followup = make_followup(session, make_customer(session, owner=by), owner=by)
    return {"followup_id": followup.id}


def _mark(session: Session, owner: User | None) -> dict[str, Any]:
    return {"customer_id": make_customer(session, owner=owner).id}


def _suppression(session: Session, owner: User | None) -> dict[str, Any]:
    customer = make_customer(session, owner=owner)
    mark = make_suppression(session, customer)
    return {"customer_id": customer.id, "suppression_id": mark.id}


def _pair(session: Session, owner: User | None) -> dict[str, Any]:
    first, second = make_customer(session, owner=owner), make_customer(session, owner=owner)
    pair = make_pair(session, first, second)
    return {"pair_id": pair.id}


def _merging(session: Session, owner: User | None) -> dict[str, Any]:
    earlier = update(Customer).where(Customer.public_id == table.ANOTHER)
    session.execute(earlier.values(public_id=uuid4().hex))
    make_customer(session, owner=owner, public_id=table.ANOTHER)
    return {"customer_id": make_customer(session, owner=owner).id, "public_id": table.ANOTHER}


def _merging_api(session: Session, owner: User | None) -> dict[str, Any]:
    kept_id = _merging(session, owner)["customer_id"]
    return {"public_id": session.get_one(Customer, kept_id).public_id}


def _merge(session: Session, owner: User | None) -> dict[str, Any]:
    kept, other = (make_customer(session, owner=owner).id for _ in range(2))
    admin = make_user(session, role="admin")
    merge = merging.merge(session, MergeCustomers(kept, other), by=admin, now=clock.now())
    return {"merge_id": merge.id, "public_id": merge.public_id}


def _pairs(session: Session, owner: User | None) -> dict[str, Any]:
    return {"pair_ids": [_pair(session, owner)["pair_id"]]}


def _import(session: Session, owner: User | None) -> dict[str, Any]:
    item = make_import(session, owner=owner or make_user(session, role="admin"))
    return {"import_id": item.id}


def _report(session: Session, owner: User | None) -> dict[str, Any]:
    run = make_drawn_run(session, owner or make_user(session))
    return {"public_id": run.public_id}


def _team(session: Session, owner: User | None) -> dict[str, Any]:
    del owner
    return {"team_id": make_team(session, name="空组").id}


def _user_session(session: Session, owner: User | None) -> dict[str, Any]:
    user = owner or make_user(session)
    secret = sessions.open_session(session, user, Browser(), now=NOW)
    row = session.scalars(select(UserSession).where(UserSession.token_hash == digest(secret))).one()
    return {"session_id": row.id}


def _api_token(session: Session, owner: User | None) -> dict[str, Any]:
    secret = make_token(session, owner or make_user(session))
    token = session.scalars(select(ApiToken).where(ApiToken.token_hash == digest(secret))).one()
    return {"public_id": token.public_id}


def _feed(session: Session, owner: User | None) -> dict[str, Any]:
    return {"secret": make_token(session, owner or make_user(session), [Scope.CALENDAR_READ])}


def _cell(session: Session, owner: User | None) -> dict[str, Any]:
    return {"customer_id": make_customer(session, owner=owner).id, "name": "region"}


def _bulk_act(session: Session, owner: User | None) -> dict[str, Any]:
    return {"public_id": make_bulk_act(session, owner or make_user(session)).public_id}


def _view(session: Session, owner: User | None) -> dict[str, Any]:
    view = make_view(session, owner or make_user(session))
    return {"view_id": view.id, "public_id": view.public_id}


def _deleted_view(session: Session, owner: User | None) -> dict[str, Any]:
    view = make_view(session, owner or make_user(session), deleted_at=NOW)
    return {"view_id": view.id}


def _export(session: Session, owner: User | None) -> dict[str, Any]:
    return {"public_id": make_export(session, owner or make_user(session)).public_id}


def _reset(session: Session, owner: User | None) -> dict[str, Any]:
    user = owner or make_user(session)
    session.add(
        PasswordReset(
            token_hash=digest(f"a link for {user.id}"),
            user_id=user.id,
            password_fingerprint=digest(user.password_hash),
            created_at=NOW,
            expires_at=NOW.replace(year=2100),
        )
    )
    session.flush()
    return {"secret": f"a link for {user.id}"}


#: Kind → builder (session, owner or None for the pool) → values for the address or the body.
THINGS: dict[str, Callable[[Session, User | None], dict[str, Any]]] = {
    "activity": _activity,
    "assignment": _assignment,
    "api_token": _api_token,
    "contact_person": _contact_person,
    "custom_field": _custom_field,
    "bulk_act": _bulk_act,
    "cell": _cell,
    "customer": _customer,
    "deal": _deal,
    "deleted_view": _deleted_view,
    "export": _export,
    "followup": _followup,
    "import": _import,
    "mark": _mark,
    "named order": _named_order,
    "opportunity": _opportunity,
    "order": _order,
    "merge": _merge,
    "merging": _merging,
    "merging_api": _merging_api,
    "pair": _pair,
    "pairs": _pairs,
    "person": _person,
    "report": _report,
    "reset": _reset,
    "feed": _feed,
    "segment": _segment,
    "suppression": _suppression,
    "tag": _tag,
    "tag_group": _tag_group,
    "tag_removal": _tag_removal,
    "team": _team,
    "user_session": _user_session,
    "view": _view,
}
#: Kinds that nobody owns: built once, without an owner.
UNOWNED = frozenset(
    {
        "custom_field",
        "feed",
        "person",
        "reset",
        "segment",
        "tag",
        "tag_group",
        "tag_removal",
        "team",
    }
)
#: Kinds that always belong to somebody.
ALWAYS_OWNED = frozenset(
    {
        "activity",
        "api_token",
        "assignment",
        "bulk_act",
        "deleted_view",
        "export",
        "followup",
        "import",
        "report",
        "user_session",
        "view",
    }
)
