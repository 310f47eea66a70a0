"""Business acts on activities: planning, execution and the customers' way through."""

from crm.activities.services import execution, forecast, pipeline, planning

__all__ = ["execution", "forecast", "pipeline", "planning"]
