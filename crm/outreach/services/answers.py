"""One answer for everybody: the chip in a list, the drawer, the launch forecast, the API."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crm.core.company import company
from crm.customers.models import Channel, Customer
from crm.outreach import queries
from crm.outreach.rules import ALLOWED, Answer, Question, judge
from crm.users.models import User


def ask(
    session: Session,
    customer: Customer,
    *,
    channel: Channel | None = None,
    at: datetime,
    by: User | None,
    now: datetime,
) -> Answer:
    """May `by` (None: the machine) contact this customer at `at`. Writes nothing.

    `channel` None asks before the channel is known. A time that is past is asked as now.
    """
    answers = ask_many(session, [customer], channel=channel, at=at, by=by, now=now)
    return answers[customer.id]


def ask_many(
    session: Session,
    customers: Sequence[Customer],
    *,
    channel: Channel | None = None,
    at: datetime,
    by: User | None,
    now: datetime,
) -> Mapping[int, Answer]:
    """The answer for each customer by its id, in four statements whatever their number."""
    question = Question(max(at, now), channel, by.id if by else None)
    by_subject = _judge(session, [customer.subject_id for customer in customers], question)
    return {customer.id: by_subject.get(customer.subject_id, ALLOWED) for customer in customers}


def not_allowed(
    session: Session,
    customer_ids: Select[int],
    *,
    channel: Channel | None = None,
    at: datetime,
    by: User | None,
    now: datetime,
) -> Mapping[int, Answer]:
    """Of a described set, those held or blocked, by customer id; the others may be contacted."""
    question = Question(max(at, now), channel, by.id if by else None)
    meant = select(Customer.subject_id).where(Customer.id.in_(customer_ids))
    refused = {
        subject_id: answer
        for subject_id, answer in _judge(session, meant, question).items()
        if not answer.is_allowed
    }
    if not refused:
        return {}
    rows = session.execute(
        select(Customer.id, Customer.subject_id).where(Customer.id.in_(customer_ids))
    )
    return {
        customer_id: refused[subject_id]
        for customer_id, subject_id in rows
        if subject_id in refused
    }


def _judge(
    session: Session, subjects: Sequence[int] | Select[int], question: Question
) -> Mapping[int, Answer]:
    terms = queries.terms(session)
    facts = queries.facts(session, subjects, question, terms)
    return {
        subject_id: judge(question, known, terms, company(session))
        for subject_id, known in facts.items()
    }
