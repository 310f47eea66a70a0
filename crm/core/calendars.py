"""A calendar that other programs subscribe to: entries in, iCalendar (RFC 5545) out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from icalendar import Calendar, Event

PRODUCT = "-//Bihuan CRM//follow-ups//EN"
AS_LONG = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`uid` stays the same while the entry is moved; `sequence` grows with every change.

    A day instead of a moment is an entry without a time.
    """

    uid: str
    sequence: int
    starts: datetime | date
    title: str
    text: str = ""
    url: str = ""


def written(name: str, entries: Iterable[Entry], *, now: datetime) -> bytes:
    """The whole calendar. Line ends and commas in texts are escaped, long lines folded."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for entry in entries:
        calendar.add_component(_event(entry, now))
    return bytes(calendar.to_ical())


def _event(entry: Entry, now: datetime) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", now)
    event.add("dtstart", entry.starts)
    if isinstance(entry.starts, datetime):
        event.add("dtend", entry.starts + AS_LONG)
    event.add("summary", entry.title)
    if entry.text:
        event.add("description", entry.text)
    if entry.url:
        event.add("url", entry.url)
    return event
