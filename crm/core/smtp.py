"""Hands one message to a mail server and says truly how far it came.

SMTP shares no transaction with our database. What can be known is on which side of the first
body byte a failure came: before it nothing was sent and a retry is safe; after it the server may
hold the message or not, and the outcome is Uncertain (RFC 1047).
"""

import base64
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from ipaddress import ip_address

from crm.core import clock
from crm.core.mail import envelope, wire
from crm.settings import Smtp

LINE_LIMIT = 4096
REPLY_LIMIT = 100
CHUNK = 16_384


class Phase(StrEnum):
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    REPLY = "reply"


class Pause(StrEnum):
    """Why nothing more should be tried on this channel until a person has looked."""

    CREDENTIALS = "credentials"
    NO_STARTTLS = "no_starttls"
    CERTIFICATE = "certificate"
    NO_AUTH = "no_auth"
    CLEAR_TEXT_LOGIN = "clear_text_login"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server has taken the message on; `text` is its final reply."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Provably not taken: no body byte was sent, or the server answered the body with a refusal.

    `code` is None when the network failed and no reply came.
    """

    phase: Phase
    is_permanent: bool
    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The body was on its way and no reply came: received or not, nobody can know from here."""

    phase: Phase
    text: str


@dataclass(frozen=True, slots=True)
class ChannelPaused:
    """Not the message's fault, and trying the next one would fail the same way."""

    reason: Pause
    code: int | None
    text: str


Outcome = Accepted | Refused | Uncertain | ChannelPaused


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds each phase may take as a whole, however slowly the server drips its bytes.

    `total` ends the delivery whatever the phases would still allow: a lease must outlast it.
    """

    connect: float = 10
    banner: float = 20
    command: float = 20
    body: float = 45
    reply: float = 45
    total: float = 90

    def of(self, phase: Phase) -> float:
        own = {
            Phase.CONNECT: self.connect,
            Phase.BANNER: self.banner,
            Phase.BODY: self.body,
            Phase.REPLY: self.reply,
        }
        return own.get(phase, self.command)


def deliver(
    smtp: Smtp,
    message: EmailMessage,
    *,
    before_body: Callable[[], None] | None = None,
    timeouts: Timeouts | None = None,
    tls: ssl.SSLContext | None = None,
) -> Outcome:
    """Hand one message to the server. Raises Unsendable for a message that no server should see.

    `before_body` runs after the server's go-ahead and before the first body byte: the point of no
    return is recorded there. If it raises, nothing is sent and its exception comes through.
    """
    sender, recipient = envelope(message)
    body = wire(message)
    talk = _Talk(timeouts or Timeouts())
    try:
        stopped = _until_go_ahead(talk, smtp, tls, sender, recipient)
        if stopped is not None:
            return stopped
        if before_body is not None:
            before_body()
        return _hand_over(talk, body)
    finally:
        talk.close()


class _Stop(Exception):
    """No error: the delivery ends here, before the body, with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Reply:
    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(line for line in self.lines if line)

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 400  # noqa: PLR2004 - the classes of RFC 5321

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500  # noqa: PLR2004


class _Talk:
    """One connection: bytes out, replies in, each phase under its own deadline."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.phase = Phase.CONNECT
        self.features: dict[str, str] = {}
        self._timeouts = timeouts
        self._socket: socket.socket | None = None
        self._received = b""
        self._end = clock.monotonic() + timeouts.total
        self._deadline = self._end

    def connect(self, smtp: Smtp) -> None:
        self._enter(Phase.CONNECT)
        self._socket = socket.create_connection((smtp.host, smtp.port), self._left())

    def encrypt(self, smtp: Smtp, tls: ssl.SSLContext | None) -> None:
        if self._received:
            # Bytes sent ahead of the handshake would be read as if they had been encrypted.
            raise ConnectionError("the server spoke before the TLS handshake")
        context = tls or ssl.create_default_context()
        self._connected().settimeout(self._left())
        self._socket = context.wrap_socket(self._connected(), server_hostname=smtp.host)

    def own_name(self) -> str:
        """An address literal: always true, and needs no name server that might be slow."""
        address = self._connected().getsockname()[0]
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def read(self, phase: Phase) -> _Reply:
        self._enter(phase)
        lines: list[str] = []
        while len(lines) < REPLY_LIMIT:
            line = self._line()
            if len(line) < 3 or not (line[:3].isascii() and line[:3].isdigit()):  # noqa: PLR2004
                raise ConnectionError(f"not an SMTP reply: {line[:80]!r}")
            lines.append(line[4:].strip())
            if line[3:4] != "-":
                return _Reply(int(line[:3]), tuple(lines))
        raise ConnectionError("the reply does not end")

    def ask(self, phase: Phase, command: str) -> _Reply:
        self._enter(phase)
        self._send(command.encode("ascii") + b"\r\n")
        return self.read(phase)

    def send_body(self, body: bytes) -> None:
        self._enter(Phase.BODY)
        self._send(body)

    def say_goodbye(self) -> None:
        """The server has the message: however it answers now changes nothing, so do not wait."""
        with suppress(OSError):
            self._send(b"QUIT\r\n")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._deadline = min(clock.monotonic() + self._timeouts.of(phase), self._end)

    def _left(self) -> float:
        left = self._deadline - clock.monotonic()
        if left <= 0:
            raise TimeoutError("the server took too long")
        return left

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket

    def _send(self, data: bytes) -> None:
        connection = self._connected()
        for start in range(0, len(data), CHUNK):
            chunk = memoryview(data)[start : start + CHUNK]
            while chunk:
                connection.settimeout(self._left())
                chunk = chunk[connection.send(chunk) :]

    def _line(self) -> str:
        while b"\n" not in self._received:
            if len(self._received) > LINE_LIMIT:
                raise ConnectionError("a reply line is too long")
            self._connected().settimeout(self._left())
            more = self._connected().recv(LINE_LIMIT)
            if not more:
                raise ConnectionError("the server closed the connection")
            self._received += more
        line, _, self._received = self._received.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")


def _until_go_ahead(
    talk: _Talk, smtp: Smtp, tls: ssl.SSLContext | None, sender: str, recipient: str
) -> Outcome | None:
    """Everything before the body. An outcome means that it ends here, with nothing sent."""
    try:
        talk.connect(smtp)
        if smtp.tls:
            talk.encrypt(smtp, tls)
        _expect(talk.read(Phase.BANNER), talk.phase)
        _introduce(talk)
        if smtp.starttls:
            _start_tls(talk, smtp, tls)
        if smtp.user:
            _log_in(talk, smtp)
        _address(talk, sender, recipient)
    except _Stop as stop:
        return stop.outcome
    except ssl.SSLCertVerificationError as error:
        return ChannelPaused(Pause.CERTIFICATE, None, error.verify_message)
    except OSError as error:
        return Refused(talk.phase, is_permanent=False, code=None, text=_reason(error))
    return None


def _introduce(talk: _Talk) -> None:
    reply = talk.ask(Phase.EHLO, f"EHLO {talk.own_name()}")
    _expect(reply, Phase.EHLO)
    offered = (line.upper().partition(" ") for line in reply.lines[1:])
    talk.features = {name: arguments for name, _, arguments in offered}


def _start_tls(talk: _Talk, smtp: Smtp, tls: ssl.SSLContext | None) -> None:
    if "STARTTLS" not in talk.features:
        # Perhaps somebody between us and the server cut it out: never go on in clear text.
        raise _Stop(ChannelPaused(Pause.NO_STARTTLS, None, "the server does not offer STARTTLS"))
    reply = talk.ask(Phase.STARTTLS, "STARTTLS")
    if reply.is_permanent:
        raise _Stop(ChannelPaused(Pause.NO_STARTTLS, reply.code, reply.text))
    _expect(reply, Phase.STARTTLS)
    talk.encrypt(smtp, tls)
    _introduce(talk)


def _log_in(talk: _Talk, smtp: Smtp) -> None:
    if not (smtp.tls or smtp.starttls or _is_own_machine(smtp.host)):
        raise _Stop(ChannelPaused(Pause.CLEAR_TEXT_LOGIN, None, "a password needs TLS"))
    ways = talk.features.get("AUTH", "").split()
    if "PLAIN" in ways:
        reply = talk.ask(Phase.AUTH, "AUTH PLAIN " + _base64(f"\0{smtp.user}\0{smtp.password}"))
    elif "LOGIN" in ways:
        reply = talk.ask(Phase.AUTH, "AUTH LOGIN")
        for answer in (smtp.user, smtp.password):
            if reply.is_good:
                reply = talk.ask(Phase.AUTH, _base64(answer))
    else:
        raise _Stop(ChannelPaused(Pause.NO_AUTH, None, "the server offers no way to sign in"))
    if reply.is_permanent:
        raise _Stop(ChannelPaused(Pause.CREDENTIALS, reply.code, reply.text))
    _expect(reply, Phase.AUTH)


def _address(talk: _Talk, sender: str, recipient: str) -> None:
    reply = talk.ask(Phase.MAIL, f"MAIL FROM:<{sender}>")
    if reply.code in {530, 535}:
        raise _Stop(ChannelPaused(Pause.CREDENTIALS, reply.code, reply.text))
    _expect(reply, Phase.MAIL)
    _expect(talk.ask(Phase.RCPT, f"RCPT TO:<{recipient}>"), Phase.RCPT)
    reply = talk.ask(Phase.DATA, "DATA")
    if reply.code != 354:  # noqa: PLR2004 - any other good code is no leave to send
        raise _Stop(Refused(Phase.DATA, reply.is_permanent, reply.code, reply.text))


def _hand_over(talk: _Talk, body: bytes) -> Outcome:
    try:
        talk.send_body(body)
        reply = talk.read(Phase.REPLY)
    except OSError as error:
        return Uncertain(talk.phase, _reason(error))
    if not reply.is_good:
        return Refused(Phase.REPLY, reply.is_permanent, reply.code, reply.text)
    talk.say_goodbye()
    return Accepted(reply.code, reply.text)


def _expect(reply: _Reply, phase: Phase) -> None:
    if not reply.is_good:
        raise _Stop(Refused(phase, reply.is_permanent, reply.code, reply.text))


def _is_own_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "the server took too long"
    return error.strerror or str(error) or type(error).__name__
