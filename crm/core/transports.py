"""Where a message is handed over: to a mail server, or to a folder on a machine without one."""

import os
import ssl
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Protocol

from crm.core import mail, smtp
from crm.settings import Settings, Smtp


class Transport(Protocol):
    def deliver(
        self, message: EmailMessage, *, before_body: Callable[[], None] | None = None
    ) -> smtp.Outcome:
        """Hand over one message; see `smtp.deliver` for what `before_body` promises."""


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    server: Smtp
    timeouts: smtp.Timeouts = field(default_factory=smtp.Timeouts)
    tls: ssl.SSLContext | None = None

    def deliver(
        self, message: EmailMessage, *, before_body: Callable[[], None] | None = None
    ) -> smtp.Outcome:
        return smtp.deliver(
            self.server, message, before_body=before_body, timeouts=self.timeouts, tls=self.tls
        )


@dataclass(frozen=True, slots=True)
class FolderTransport:
    """Keeps every message as a file under `folder/new`, much like a maildir."""

    folder: Path

    def deliver(
        self, message: EmailMessage, *, before_body: Callable[[], None] | None = None
    ) -> smtp.Outcome:
        """Write the message whole or not at all. Delivered twice, it lies there twice."""
        mail.envelope(message)
        mail.wire(message)  # refuses what a server should never see, so the demo refuses it too
        if before_body is not None:
            before_body()
        try:
            name = self._keep(message.as_bytes(policy=mail.POLICY))
        except OSError as error:
            text = error.strerror or str(error)
            return smtp.Refused(smtp.Phase.BODY, is_permanent=False, code=None, text=text)
        return smtp.Accepted(250, name)

    def _keep(self, content: bytes) -> str:
        name = f"{uuid.uuid4().hex}.eml"
        for part in ("tmp", "new"):
            (self.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished, finished = self.folder / "tmp" / name, self.folder / "new" / name
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(finished)
        finally:
            unfinished.unlink(missing_ok=True)
        return name


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail that lies in the folder. `order` grows with time; it is where a page begins."""

    order: int
    at: datetime
    message_id: str
    to: str
    subject: str
    text: str


def kept(folder: Path, *, before: int | None = None) -> Iterator[Kept]:
    """The mails that a FolderTransport keeps here, newest first; older than `before`."""
    try:
        found = [(entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(folder / "new")]
    except FileNotFoundError:
        return
    for order, path in sorted(found, reverse=True):
        if before is None or order < before:
            yield _read(Path(path), order)


def _read(path: Path, order: int) -> Kept:
    message = BytesParser(_class=EmailMessage, policy=mail.POLICY).parsebytes(path.read_bytes())
    body = message.get_body(("plain",))
    return Kept(
        order=order,
        at=datetime.fromtimestamp(order / 10**9, UTC),
        message_id=str(message.get("Message-ID", "")),
        to=", ".join(one.addr_spec for one in message["To"].addresses),
        subject=str(message.get("Subject", "")),
        text=body.get_content() if body is not None else "",
    )


def outbox_of(settings: Settings) -> Path:
    return settings.var_dir / "outbox"


def transport_for(settings: Settings) -> Transport:
    """The configured mail server, else the folder `var/outbox` whose page shows what was sent."""
    if settings.smtp is not None:
        return SmtpTransport(settings.smtp)
    return FolderTransport(outbox_of(settings))
