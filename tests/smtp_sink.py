"""A mail server for tests that misbehaves by script, phase by phase, and keeps a true ledger.

Only a message whose final dot arrived counts as received. A connection that ends during DATA
leaves nothing in the ledger: that is what every real server does with it.
"""

import socketserver
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP

PHASES = ("banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "quit")


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer this phase with these lines, instead of the good answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection. At the dot: before the message is taken, or (`taken`) after it."""

    taken: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing until the client gives up. At the dot the message may have been `taken`."""

    taken: bool = False


@dataclass(frozen=True, slots=True)
class Drip:
    """Send a byte of a reply that never ends every few milliseconds."""


Misdeed = Reply | Drop | Hang | Drip


@dataclass(frozen=True, slots=True)
class Received:
    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return BytesParser(policy=SMTP).parsebytes(self.content)


@dataclass
class Sink:
    """What happened: sessions begun, commands seen, messages received."""

    port: int = 0
    features: Sequence[str] = ()
    scripts: deque[dict[str, Misdeed]] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    sessions: int = 0
    unfinished: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    idle: threading.Condition = field(default_factory=threading.Condition)
    open_sessions: int = 0

    def misbehave(self, **script: Misdeed) -> None:
        """The next session that has no script yet does this; later ones behave."""
        unknown = set(script) - set(PHASES)
        if unknown:
            raise ValueError(f"no such phase: {unknown}")
        self.scripts.append(script)

    def settle(self, timeout: float = 5) -> None:
        """Wait until every session has ended, so that the ledger is complete."""
        self.released.set()
        with self.idle:
            if not self.idle.wait_for(lambda: self.open_sessions == 0, timeout):
                raise TimeoutError("a session is still open")

    def verbs(self) -> list[str]:
        return [command.split(" ")[0].upper() for command in self.commands]


@contextmanager
def running_sink(features: Sequence[str] = ("PIPELINING", "8BITMIME")) -> Iterator[Sink]:
    """A sink on a port that the kernel chose."""
    sink = Sink(features=features)

    class Handler(_Session):
        ledger = sink

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield sink
        finally:
            sink.released.set()
            server.shutdown()
            thread.join()


class _GoneError(Exception):
    """This session ends now."""


class _Session(socketserver.StreamRequestHandler):
    ledger: Sink
    sender = ""
    recipients: tuple[str, ...] = ()

    def setup(self) -> None:
        super().setup()
        with self.ledger.idle:
            self.ledger.sessions += 1
            self.ledger.open_sessions += 1
            self.script = self.ledger.scripts.popleft() if self.ledger.scripts else {}

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        with self.ledger.idle:
            self.ledger.open_sessions -= 1
            self.ledger.idle.notify_all()

    def handle(self) -> None:
        try:
            self.answer("banner", "220 sink ready")
            while line := self.rfile.readline():
                self.obey(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
        except (_GoneError, OSError):
            return

    def obey(self, command: str) -> None:
        self.ledger.commands.append(command)
        verb, _, argument = command.partition(" ")
        match verb.upper():
            case "EHLO":
                lines = ["sink", *self.ledger.features]
                self.answer("ehlo", _many(250, lines))
            case "STARTTLS":
                self.answer("starttls", "454 no certificate here")
            case "AUTH":
                self.answer("auth", "235 welcome")
            case "MAIL":
                self.sender = _address(argument)
                self.answer("mail", "250 sender fine")
            case "RCPT":
                self.recipients += (_address(argument),)
                self.answer("rcpt", "250 recipient fine")
            case "DATA":
                self.answer("data", "354 go ahead")
                self.take()
            case "QUIT":
                self.answer("quit", "221 bye")
                raise _GoneError
            case _:
                self.say("500 what?")

    def take(self) -> None:
        if isinstance(self.script.get("data"), Reply):
            return
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line.endswith(b"\n"):
                self.ledger.unfinished += 1
                raise _GoneError
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        misdeed = self.script.get("dot")
        if misdeed is None or getattr(misdeed, "taken", False):
            received = Received(self.sender, self.recipients, b"".join(lines))
            self.ledger.received.append(received)
        self.answer("dot", "250 taken")

    def answer(self, phase: str, good: str) -> None:
        match self.script.get(phase):
            case None:
                self.say(good)
            case Reply(text):
                self.say(text)
            case Drop():
                raise _GoneError
            case Hang():
                self.ledger.released.wait(30)
                raise _GoneError
            case Drip():
                while not self.ledger.released.wait(0.01):
                    self.wfile.write(b"2")
                raise _GoneError

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


def _many(code: int, lines: Sequence[str]) -> str:
    return "\r\n".join(
        f"{code}{' ' if number == len(lines) else '-'}{line}"
        for number, line in enumerate(lines, start=1)
    )


def _address(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]
