"""A real mail server (aiosmtpd) that remembers what it took, for tests of the worker."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from crm.settings import Smtp

PATIENCE = 20  # seconds that the first caller waits for company


@dataclass
class MailServer:
    """What was received, in order; `refusals` answer a recipient with a line of their own."""

    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    #: Hold the first mail back until so many clients speak at once.
    wants_company_of: int = 1
    most_at_once: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)
    _open: int = 0

    @property
    def smtp(self) -> Smtp:
        return Smtp("127.0.0.1", self.port)

    def ids(self) -> Counter[str]:
        """How often each Message-ID was received."""
        return Counter(str(message["Message-ID"]) for message in self.received)

    def recipients(self) -> Counter[str]:
        return Counter(message["To"].addresses[0].addr_spec for message in self.received)

    def wait_for(self, count: int, *, seconds: float) -> None:
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.received) >= count, seconds)

    # The names that aiosmtpd calls.

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        for _ in range(PATIENCE * 100):
            if self.most_at_once >= self.wants_company_of:
                break
            await asyncio.sleep(0.01)
        self._open -= 1
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        with self.arrived:
            self.received.append(message)
            self.arrived.notify_all()
        return "250 taken"


@contextmanager
def running_mail_server(wants_company_of: int = 1) -> Iterator[MailServer]:
    """The server on a port that the kernel chose."""
    server = MailServer(wants_company_of=wants_company_of)
    controller = _Controller(server, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        server.port = controller.port
        yield server
    finally:
        controller.stop()


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """aiosmtpd would knock at the port it was given, which is 0."""
        if isinstance(self.server, asyncio.Server):
            self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it untyped
