"""The metric dictionary's entries that reports print; a changed meaning gets a new version."""

from dataclasses import dataclass

from crm.core.messages import N_


@dataclass(frozen=True, slots=True)
class Definition:
    """Texts are message ids; `version` is stored with every report that used them."""

    id: str
    version: int
    name: str
    formula: str
    window: str
    inclusion: tuple[str, ...]


CV_ALL = Definition(
    id="CV-ALL",
    version=1,
    name=N_("Overall conversion"),
    formula=N_("Targets that reached the deal ÷ targets that reached the talk"),
    window=N_("Targets whose first step lies in the month, in the company's time zone"),
    inclusion=(
        N_("One unit is one customer in one activity, counted once for all contacts."),
        N_("The furthest step counts: whoever reached a later step has passed the earlier ones."),
        N_("Open targets stay in the denominator."),
        N_("Nothing after the as-of day enters, also when the report is made later."),
        N_("Control groups, our own staff and test customers are left out."),
    ),
)

CV_STEP = Definition(
    id="CV-STEP",
    version=1,
    name=N_("Step conversion"),
    formula=N_("Targets that reached a step ÷ targets that reached the step before"),
    window=N_("The same targets as CV-ALL"),
    inclusion=(N_("Counted like CV-ALL, by the furthest step."),),
)

DICTIONARY = (CV_ALL, CV_STEP)
