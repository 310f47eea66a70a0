"""What a rule may ask about a customer's way through the lifecycle stages."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.core.messages import N_
from crm.customers.models import Customer, Stage, StageChange, names
from crm.customers.segment_fields.clauses import Clause, has_row
from crm.customers.segment_fields.fields import SegmentField
from crm.customers.segment_fields.kinds import Kind
from crm.customers.segment_fields.related import Related, RelatedField

STAGES = N_("Lifecycle stages")
#: A field each, so that every comparison of days can be made with it.
ENTERED = {
    Stage.PROSPECT: N_("Became a prospect"),
    Stage.INTERESTED: N_("Became interested"),
    Stage.NEW: N_("Became a new customer"),
    Stage.REGULAR: N_("Became a regular customer"),
    Stage.LOYAL: N_("Became a loyal customer"),
    Stage.DORMANT: N_("Became dormant"),
    Stage.LOST: N_("Became a lost customer"),
}


def was_in_stage(values: Sequence[str] | None) -> Clause:
    """Customers who were ever in one of these stages, and those who are now."""
    wanted = list(Stage) if values is None else [Stage(value) for value in values]
    return Customer.stage.in_(wanted) | has_row(
        StageChange.customer_id, StageChange.after.in_(wanted)
    )


def stages_been_in(session: Session, customer_ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    rows = session.execute(
        select(StageChange.customer_id, StageChange.after)
        .where(StageChange.customer_id.in_(customer_ids))
        .distinct()
        .union(select(Customer.id, Customer.stage).where(Customer.id.in_(customer_ids)))
    )
    found: dict[int, set[Stage]] = {}
    for customer_id, stage in rows:
        found.setdefault(customer_id, set()).add(stage)
    return {
        customer_id: [stage.value for stage in Stage if stage in stages]
        for customer_id, stages in found.items()
    }


STAGED = (
    SegmentField(
        name="stage",
        label=N_("Lifecycle stage"),
        kind=Kind.CHOICE,
        column=Customer.stage,
        choices=[(stage.value, name) for stage, name in names.STAGES.items()],
        decode=Stage,
        group=STAGES,
    ),
    SegmentField(
        name="stage_since",
        label=N_("In this stage since"),
        kind=Kind.DATE,
        column=Customer.stage_since,
        group=STAGES,
    ),
    SegmentField(
        name="stage_ever",
        label=N_("Was ever in the stage"),
        kind=Kind.SET,
        choices=[(stage.value, name) for stage, name in names.STAGES.items()],
        holds=was_in_stage,
        tells=stages_been_in,
        group=STAGES,
    ),
    *(
        RelatedField(
            name=f"entered_{stage.value}",
            label=label,
            kind=Kind.DATE,
            related=Related(
                key=StageChange.customer_id,
                where=(StageChange.after == stage,),
                at=StageChange.at,
            ),
            may_be_empty=True,
            group=STAGES,
        )
        for stage, label in ENTERED.items()
    ),
)
