"""Where a message is handed over: to a mail server, or to a folder on a machine without one."""

import os
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
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


def transport_for(settings: Settings) -> Transport:
    """The configured mail server, else the folder `var/outbox` whose page shows what was sent."""
    if settings.smtp is not None:
        return SmtpTransport(settings.smtp)
    return FolderTransport(settings.var_dir / "outbox")
