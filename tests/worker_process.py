"""What the worker's tests run in processes of their own."""

import os
import signal
from collections.abc import Callable
from email.message import EmailMessage

from crm.app import make_sessions
from crm.core import smtp
from crm.core.transports import SmtpTransport
from crm.settings import Settings
from crm.worker import Worker


class DyingTransport:
    """Hands over so many mails; then the process is gone before it can note the last one."""

    def __init__(self, inner: SmtpTransport, *, after: int) -> None:
        self._inner, self._left = inner, after

    def deliver(
        self, message: EmailMessage, *, before_body: Callable[[], None] | None = None
    ) -> smtp.Outcome:
        outcome = self._inner.deliver(message, before_body=before_body)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome


def die_while_delivering(settings: Settings, after: int) -> None:
    """Do what is due, and be killed between the server's yes and our own note of it."""
    if settings.smtp is None:
        raise ValueError("this needs a mail server")
    transport = DyingTransport(SmtpTransport(settings.smtp), after=after)
    Worker(make_sessions(settings), transport, settings).run_once()
