"""F16: one form pressed twenty times at once makes one record."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from crm.app import create_app
from crm.core.db import Sessions
from crm.customers.models import Customer
from crm.settings import Settings
from crm.users import auth
from tests.factories.users import make_rep

pytestmark = pytest.mark.faults

PRESSES = 20
Press = Callable[[int], int]


def test_a_form_pressed_twenty_times_at_once_makes_one_record(
    race_sessions: Sessions, settings: Settings
) -> None:
    app = create_app(settings, race_sessions)
    app.config["WTF_CSRF_ENABLED"] = False
    with race_sessions.begin() as session:
        rep = make_rep(session)
        token = auth.open_session(session, rep, now=datetime.now(UTC))

    def press(_number: int) -> int:
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["sid"] = token
        form = {"name": "双击", "kind": "person", "idempotency_key": "the same"}
        return client.post("/customers/", data=form).status_code

    with ThreadPoolExecutor(PRESSES) as pool:
        statuses = Counter(pool.map(press, range(PRESSES)))

    with race_sessions() as session:
        made = session.scalar(select(func.count()).where(Customer.name == "双击"))
    assert made == 1
    # 409 and 503 say "come back": the browser that does gets the kept answer.
    assert set(statuses) <= {303, 409, 503}
    assert statuses[303] >= 1
