"""Domain events: a module publishes upwards, the listeners run now and in the same transaction."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session


class Event:
    """Something that happened, in the past tense; ids and values only."""

    __slots__ = ()


E = TypeVar("E", bound=Event)


class EventBus:
    """Who listens to what; filled once in `crm.app.wire_events`."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], list[Callable[[Session, Any], None]]] = defaultdict(list)

    def subscribe(self, event: type[E], *handlers: Callable[[Session, E], None]) -> None:
        self._handlers[event].extend(handlers)

    def publish(self, session: Session, event: Event) -> None:
        for handler in self._handlers[type(event)]:
            handler(session, event)


def publish(session: Session, event: Event) -> None:
    """Run every handler now, in the caller's transaction: all of it happens or none of it."""
    bus: EventBus = session.info["bus"]
    bus.publish(session, event)
