"""What happens in activities that modules above may answer."""

from dataclasses import dataclass

from crm.core.events import Event


@dataclass(frozen=True, slots=True)
class ActivityLaunched(Event):
    """Work may start; the frozen targets stand in `activities.targets`."""

    activity_id: int
    launched_by: int
