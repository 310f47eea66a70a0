"""What a rule may ask about the person: birthday, age, sex, how we won them, what they like."""

from datetime import date, timedelta

from sqlalchemy import and_

from crm.core.messages import N_
from crm.customers.models import Customer, PurchasingPower, Sex, names
from crm.customers.segment_fields.clauses import Asked, Clause, Read, is_null
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Kind, Operator

FEBRUARY = 2
LEAP_DAY = 29


class AgeField(SegmentField):
    """Whole years on the company's day; who was born on 29 February turns older on 1 March."""

    __slots__ = ()

    def _clause(self, operator: Operator, value: Read, asked: Asked) -> Clause:
        born = Customer.birth_on
        if operator is Operator.EMPTY:
            return is_null(born)
        low, high = value if operator is Operator.BETWEEN else (value, value)
        today = asked.company.day_of(asked.now)
        bounds: list[Clause] = [born.is_not(None)]
        if operator is not Operator.AT_MOST:
            bounds.append(born <= _years_before(today, low))
        if operator is not Operator.AT_LEAST:
            bounds.append(born > _years_before(today, high + 1))
        return and_(*bounds)


def _years_before(today: date, years: int) -> date:
    """The last birthday with which somebody is so many years old today."""
    year = today.year - years
    if year < 1:
        return date.min
    if (today.month, today.day) == (FEBRUARY, LEAP_DAY):
        return date(year, 3, 1) - timedelta(days=1)
    return today.replace(year=year)


PROFILE = (
    SegmentField(
        name="birthday",
        label=N_("Birthday"),
        kind=Kind.DAY,
        column=Customer.birth_on,
        may_be_empty=True,
    ),
    AgeField(
        name="age",
        label=N_("Age"),
        kind=Kind.NUMBER,
        column=Customer.birth_on,
        may_be_empty=True,
    ),
    SegmentField(
        name="sex",
        label=N_("Sex"),
        kind=Kind.CHOICE,
        column=Customer.sex,
        choices=[(sex.value, name) for sex, name in names.SEXES.items()],
        decode=Sex,
        may_be_empty=True,
    ),
    SegmentField(
        name="channel",
        label=N_("Won through"),
        kind=Kind.TEXT,
        column=Customer.channel,
        may_be_empty=True,
    ),
    SegmentField(
        name="interests",
        label=N_("Interests"),
        kind=Kind.TEXT,
        column=Customer.interests,
        may_be_empty=True,
    ),
    SegmentField(
        name="purchasing_power",
        label=N_("Purchasing power"),
        kind=Kind.CHOICE,
        column=Customer.purchasing_power,
        choices=[(power.value, name) for power, name in names.POWERS.items()],
        decode=PurchasingPower,
        may_be_empty=True,
    ),
    SegmentField(
        name="member_level",
        label=N_("Member level"),
        kind=Kind.TEXT,
        column=Customer.member_level,
        may_be_empty=True,
    ),
    SegmentField(
        name="points",
        label=N_("Member points"),
        kind=Kind.NUMBER,
        column=Customer.points,
        may_be_empty=True,
    ),
)
