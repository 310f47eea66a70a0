"""Business acts on activities: planning, execution and the customers' way through."""

from crm.activities.services import execution, pipeline, planning

__all__ = ["execution", "pipeline", "planning"]
