"""A page of the list is found in one of two ways; which one must never show."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from crm.customers.models import Stage
from crm.customers.queries import listing
from crm.customers.queries.listing import At, Filters, Next, Tab
from crm.users.models import Role, User
from tests.conftest import NOW
from tests.factories.customers import make_customer
from tests.factories.users import make_user

ASKED = (
    Filters(stage=[Stage.LOST]),
    Filters(region="杭州"),
    Filters(region="杭州", stage=[Stage.LOST]),
    Filters(tab=Tab.MINE),
    Filters(next=Next.NONE),
    Filters(q="子涵"),
    Filters(stage=[Stage.LOYAL]),
)


@pytest.fixture
def viewer(session: Session) -> User:
    boss = make_user(session, name="周敏", role=Role.ADMIN)
    for number in range(2 * listing.PAGE + 7):
        customer = make_customer(
            session, name=f"子涵{number:02}", owner=boss if number % 2 else None
        )
        customer.stage = Stage.LOST if number % 3 else Stage.NEW
        customer.region = "杭州" if number % 4 else "拉萨"
        customer.next_followup_at = NOW + timedelta(hours=number) if number % 5 else None
    session.flush()
    return boss


@pytest.mark.parametrize("asked", ASKED, ids=range(len(ASKED)))
def test_few_and_many_are_listed_alike(
    session: Session, viewer: User, monkeypatch: pytest.MonkeyPatch, asked: Filters
) -> None:
    for sort in ("next", "name", "created", "amount"):
        wanted = replace(asked, sort=sort)
        with monkeypatch.context() as patched:
            as_few = list(walked(session, wanted, viewer))
            patched.setattr(listing, "FEW", -1)
            assert list(walked(session, wanted, viewer)) == as_few
        assert len(as_few) == listing.count(session, wanted, viewer=viewer, now=NOW)


def walked(session: Session, wanted: Filters, viewer: User) -> Iterator[int]:
    """The whole list, page by page."""
    cursor = None
    while True:
        found = listing.page(session, wanted, viewer=viewer, now=NOW, at=At(cursor))
        yield from (customer.id for customer in found.items)
        cursor = found.next_cursor
        if cursor is None:
            return
