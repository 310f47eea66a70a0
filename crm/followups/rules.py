"""What an outcome is called and means for a target, and how contacts are spread over days."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta

from crm.activities.models import Step
from crm.core.company import Company
from crm.followups.models import Outcome

#: The step that a target has reached when a contact went this way; None: no step.
REACHES: Mapping[Outcome, Step | None] = {
    Outcome.REACHED: Step.TALK,
    Outcome.INTERESTED: Step.TALK,
    Outcome.INVITED: Step.INVITE,
    Outcome.REVISITED: Step.REVISIT,
    Outcome.DEAL: Step.DEAL,
    Outcome.REFUSED: Step.TALK,
    Outcome.NO_ANSWER: None,
}

#: Days until the next contact that the drawer proposes; None proposes none.
PROPOSES: Mapping[Outcome, int | None] = {
    Outcome.REACHED: 7,
    Outcome.INTERESTED: 3,
    Outcome.INVITED: 3,
    Outcome.REVISITED: 3,
    Outcome.DEAL: 30,
    Outcome.REFUSED: None,
    Outcome.NO_ANSWER: 1,
}

PER_DAY = 30  # contacts that a launch plans for one rep on one day
MORNING = time(9, 0)


def is_real_contact(outcome: Outcome) -> bool:
    """Whether silence ends with it: nobody answered is no contact that a customer felt."""
    return outcome is not Outcome.NO_ANSWER


def is_two_way(outcome: Outcome) -> bool:
    """Whether the customer answered, and did not turn us away."""
    return outcome not in {Outcome.NO_ANSWER, Outcome.REFUSED}


def next_step(reached: int) -> Step | None:
    """The step after the furthest one reached (0: none yet); None after the last."""
    steps = list(Step)
    return steps[reached] if reached < len(steps) else None


def morning(day: date, company: Company) -> datetime:
    """Nine o'clock of the company's day, when a planned contact falls due."""
    midnight = company.day_start(day)
    wanted = datetime.combine(day, MORNING, tzinfo=company.zone)
    return max(midnight, wanted)


def spread(
    owner_ids: Iterable[int], *, taken: Mapping[int, int], first: date, last: date
) -> list[date]:
    """A day for each contact, in order: PER_DAY per owner and day; the last day takes the rest.

    `taken` counts what each owner has been given already.
    """
    count = dict(taken)
    days = []
    for owner_id in owner_ids:
        day = first + timedelta(days=count.get(owner_id, 0) // PER_DAY)
        days.append(max(first, min(day, last)))
        count[owner_id] = count.get(owner_id, 0) + 1
    return days
