"""What every service may ask about the company it works for: its zone, currency and name."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from crm.core import clock


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    zone: ZoneInfo
    currency: str = "CNY"
    locale: str = "zh_Hans_CN"

    def day_of(self, at: datetime) -> date:
        return clock.day_of(at, self.zone)

    def day_start(self, day: date) -> datetime:
        return clock.day_start(day, self.zone)


def company(session: Session) -> Company:
    """The company this session works for; put there by the composition root."""
    found: Company = session.info["company"]
    return found
