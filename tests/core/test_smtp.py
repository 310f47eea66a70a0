"""The client against a server that fails at every phase: what it says happened did happen."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from crm.core import smtp
from crm.core.mail import Mail, Unsendable, compose
from crm.core.smtp import Accepted, ChannelPaused, Pause, Phase, Refused, Timeouts, Uncertain
from crm.core.transports import SmtpTransport
from crm.settings import Smtp
from tests.smtp_sink import Drip, Drop, Hang, Misdeed, Reply, Sink, running_sink

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
QUICK = Timeouts(connect=0.3, banner=0.3, command=0.3, body=0.3, reply=0.3, total=3)


def a_message(text: str = "三天没联系了，今天打个电话。\n") -> EmailMessage:
    return compose(
        Mail(
            sender="crm@qinghe.example",
            sender_name="闭环 CRM",
            recipient="li.na@qinghe.example",
            recipient_name="李娜",
            subject="今天该跟进：杭州远山民宿",
            text=text,
            message_id="<notice-17@qinghe.example>",
            at=MONDAY,
        )
    )


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running
        running.settle()


def server(sink: Sink, **settings: str | bool) -> Smtp:
    return Smtp(host="127.0.0.1", port=sink.port, **settings)  # type: ignore[arg-type]  # named


def test_an_accepted_message_arrives_once_and_whole(sink: Sink) -> None:
    outcome = smtp.deliver(server(sink), a_message("第一行\n.\n..点\n最后一行"), timeouts=QUICK)
    sink.settle()

    assert outcome == Accepted(250, "taken")
    (received,) = sink.received
    assert received.sender == "crm@qinghe.example"
    assert received.recipients == ("li.na@qinghe.example",)
    assert received.message["Message-ID"] == "<notice-17@qinghe.example>"
    assert received.message["Subject"] == "今天该跟进：杭州远山民宿"
    assert str(received.message["From"]) == "闭环 CRM <crm@qinghe.example>"
    assert received.message.get_content().splitlines() == ["第一行", ".", "..点", "最后一行"]
    assert received.content.isascii()
    assert sink.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


def test_the_point_of_no_return_lies_between_the_go_ahead_and_the_first_body_byte(
    sink: Sink,
) -> None:
    seen: list[tuple[list[str], int]] = []

    outcome = smtp.deliver(
        server(sink),
        a_message(),
        before_body=lambda: seen.append((sink.verbs(), len(sink.received))),
        timeouts=QUICK,
    )

    assert isinstance(outcome, Accepted)
    assert seen == [(["EHLO", "MAIL", "RCPT", "DATA"], 0)]


@pytest.mark.parametrize("error", [RuntimeError("disk full"), OSError("disk full")])
def test_when_the_point_of_no_return_cannot_be_recorded_nothing_is_sent(
    sink: Sink, error: Exception
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error), match="disk full"):
        smtp.deliver(server(sink), a_message(), before_body=fail, timeouts=QUICK)
    sink.settle()

    assert sink.received == []
    assert sink.unfinished == 1


BEFORE_BODY = ["banner", "ehlo", "mail", "rcpt", "data"]


@pytest.mark.parametrize("phase", [*BEFORE_BODY, "dot"])
@pytest.mark.parametrize(("code", "final"), [(421, "no"), (451, "no"), (550, "yes")])
def test_a_refusal_in_any_phase_is_told_with_its_code_and_nothing_is_taken(
    sink: Sink, phase: str, code: int, final: str
) -> None:
    sink.misbehave(**{phase: Reply(f"{code} 4.7.1 greylisted")})

    outcome = smtp.deliver(server(sink), a_message(), timeouts=QUICK)
    sink.settle()

    expected = Phase.REPLY if phase == "dot" else Phase(phase)
    assert outcome == Refused(expected, final == "yes", code, "4.7.1 greylisted")
    assert sink.received == []


@pytest.mark.parametrize("phase", BEFORE_BODY)
@pytest.mark.parametrize("misdeed", [Drop(), Hang(), Drip(), Reply("nonsense"), Reply("25")])
def test_a_broken_server_before_the_body_is_a_refusal_that_may_be_tried_again(
    sink: Sink, phase: str, misdeed: Misdeed
) -> None:
    sink.misbehave(**{phase: misdeed})
    called: list[bool] = []

    outcome = smtp.deliver(
        server(sink), a_message(), before_body=lambda: called.append(True), timeouts=QUICK
    )
    sink.settle()

    assert isinstance(outcome, Refused)
    assert (outcome.phase, outcome.is_permanent, outcome.code) == (Phase(phase), False, None)
    assert outcome.text
    assert sink.received == []
    assert not called


@pytest.mark.parametrize(
    ("misdeed", "received"),
    [
        (Drop(), 0),
        (Drop(taken=True), 1),
        (Hang(), 0),
        (Hang(taken=True), 1),
        (Drip(), 0),
        (Reply("nonsense"), 0),
    ],
)
def test_without_a_reply_after_the_dot_the_outcome_is_uncertain(
    sink: Sink, misdeed: Misdeed, received: int
) -> None:
    sink.misbehave(dot=misdeed)

    outcome = smtp.deliver(server(sink), a_message(), timeouts=QUICK)
    sink.settle()

    assert isinstance(outcome, Uncertain)
    assert outcome.phase is Phase.REPLY
    assert len(sink.received) == received


def test_a_connection_lost_in_the_middle_of_the_body_is_uncertain() -> None:
    def hang_up_while_reading(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 hi\r\n")
            for reply in (b"250 me\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                connection.recv(1000)
                connection.sendall(reply)
            connection.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up_while_reading, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        outcome = smtp.deliver(
            Smtp("127.0.0.1", port), a_message("字" * 4_000_000), timeouts=Timeouts(total=10)
        )
        thread.join()

    assert isinstance(outcome, Uncertain)
    assert outcome.phase in {Phase.BODY, Phase.REPLY}


def test_nobody_listening_is_a_refusal_that_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    outcome = smtp.deliver(Smtp("127.0.0.1", port), a_message(), timeouts=QUICK)

    assert isinstance(outcome, Refused)
    assert (outcome.phase, outcome.is_permanent, outcome.code) == (Phase.CONNECT, False, None)


def test_no_delivery_outlasts_its_total_however_patient_its_phases_are(sink: Sink) -> None:
    sink.misbehave(mail=Hang())

    outcome = smtp.deliver(server(sink), a_message(), timeouts=Timeouts(total=0.2))

    assert outcome == Refused(
        Phase.MAIL, is_permanent=False, code=None, text="the server took too long"
    )


def test_a_server_that_hangs_at_quit_does_not_hold_up_the_next_message(sink: Sink) -> None:
    sink.misbehave(quit=Hang())

    outcome = smtp.deliver(server(sink), a_message(), timeouts=Timeouts(total=5))

    assert isinstance(outcome, Accepted)


def test_without_starttls_where_it_is_asked_for_the_channel_pauses(sink: Sink) -> None:
    wanted = server(sink, starttls=True, user="crm", password="secret")

    outcome = smtp.deliver(wanted, a_message(), timeouts=QUICK)
    sink.settle()

    assert isinstance(outcome, ChannelPaused)
    assert outcome.reason is Pause.NO_STARTTLS
    assert sink.verbs() == ["EHLO"]


@pytest.mark.parametrize("code", [500, 502, 554])
def test_refused_starttls_pauses_the_channel_instead_of_going_on_in_clear_text(code: int) -> None:
    with running_sink(features=("STARTTLS",)) as sink:
        sink.misbehave(starttls=Reply(f"{code} no"))
        outcome = smtp.deliver(server(sink, starttls=True), a_message(), timeouts=QUICK)
        sink.settle()

    assert outcome == ChannelPaused(Pause.NO_STARTTLS, code, "no")
    assert sink.verbs() == ["EHLO", "STARTTLS"]


def test_bytes_sent_ahead_of_the_tls_handshake_are_not_believed() -> None:
    with running_sink(features=("STARTTLS",)) as sink:
        sink.misbehave(starttls=Reply("220 go\r\n250 AUTH PLAIN"))
        outcome = smtp.deliver(server(sink, starttls=True), a_message(), timeouts=QUICK)
        sink.settle()

    assert isinstance(outcome, Refused)
    assert outcome.phase is Phase.STARTTLS
    assert sink.received == []


@pytest.mark.parametrize("ways", ["AUTH PLAIN LOGIN", "AUTH LOGIN"])
def test_wrong_credentials_pause_the_channel(ways: str) -> None:
    with running_sink(features=(ways,)) as sink:
        sink.misbehave(auth=Reply("535 5.7.8 wrong password"))
        wanted = server(sink, user="crm", password="secret")
        outcome = smtp.deliver(wanted, a_message(), timeouts=QUICK)
        sink.settle()

    assert outcome == ChannelPaused(Pause.CREDENTIALS, 535, "5.7.8 wrong password")
    assert sink.verbs() == ["EHLO", "AUTH"]


def test_a_server_that_demands_a_sign_in_at_mail_pauses_the_channel(sink: Sink) -> None:
    sink.misbehave(mail=Reply("530 5.7.0 sign in first"))

    outcome = smtp.deliver(server(sink), a_message(), timeouts=QUICK)

    assert outcome == ChannelPaused(Pause.CREDENTIALS, 530, "5.7.0 sign in first")


def test_a_busy_sign_in_is_tried_again_later() -> None:
    with running_sink(features=("AUTH PLAIN",)) as sink:
        sink.misbehave(auth=Reply("454 4.7.0 later"))
        wanted = server(sink, user="crm", password="secret")
        outcome = smtp.deliver(wanted, a_message(), timeouts=QUICK)

    assert outcome == Refused(Phase.AUTH, is_permanent=False, code=454, text="4.7.0 later")


def test_a_server_without_sign_in_is_not_used_unsigned(sink: Sink) -> None:
    wanted = server(sink, user="crm", password="secret")

    outcome = smtp.deliver(wanted, a_message(), timeouts=QUICK)
    sink.settle()

    assert isinstance(outcome, ChannelPaused)
    assert outcome.reason is Pause.NO_AUTH
    assert sink.received == []


def test_a_password_is_never_said_in_clear_text_to_another_machine(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda _, timeout: connect(("127.0.0.1", sink.port), timeout)
    )
    wanted = Smtp("mail.qinghe.example", 25, user="crm", password="secret")

    outcome = smtp.deliver(wanted, a_message(), timeouts=QUICK)
    sink.settle()

    assert isinstance(outcome, ChannelPaused)
    assert outcome.reason is Pause.CLEAR_TEXT_LOGIN
    assert sink.verbs() == ["EHLO"]


def test_credentials_are_said_as_the_server_asks_for_them() -> None:
    with running_sink(features=("AUTH PLAIN",)) as sink:
        wanted = server(sink, user="crm", password="geheim密")
        outcome = smtp.deliver(wanted, a_message(), timeouts=QUICK)
        sink.settle()

    assert isinstance(outcome, Accepted)
    assert sink.commands[1] == "AUTH PLAIN AGNybQBnZWhlaW3lr4Y="


def test_a_message_no_server_should_see_is_refused_before_any_connection(sink: Sink) -> None:
    message = a_message()
    del message["To"]
    message["To"] = "li.na@qinghe.example, zhang.wei@qinghe.example"

    with pytest.raises(Unsendable):
        smtp.deliver(server(sink), message, timeouts=QUICK)

    assert sink.sessions == 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate for localhost that nobody else vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    wanted = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    names = [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([openssl, *wanted.split(), *names], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def certificate(pair: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


@pytest.fixture
def trusting(pair: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pair[0])


class _Inbox:
    """What aiosmtpd was given."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, server: object, session: object, envelope: object
    ) -> str:
        del server, session
        self.contents.append(envelope.content)  # type: ignore[attr-defined]  # untyped library
        return "250 OK"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_real_server_takes_the_message_over_starttls_with_a_sign_in(
    certificate: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    inbox = _Inbox()
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=_free_port(),
        tls_context=certificate,
        require_starttls=True,
        authenticator=lambda *_: AuthResult(success=True),
        auth_required=True,
    )
    controller.start()
    try:
        wanted = Smtp("localhost", controller.port, user="crm", password="secret", starttls=True)
        outcome = SmtpTransport(wanted, tls=trusting).deliver(a_message("。\n.\n"))
    finally:
        controller.stop()

    assert isinstance(outcome, Accepted)
    assert len(inbox.contents) == 1


def test_a_certificate_nobody_vouches_for_pauses_the_channel(certificate: ssl.SSLContext) -> None:
    inbox = _Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=_free_port(), tls_context=certificate)
    controller.start()
    try:
        wanted = Smtp("localhost", controller.port, starttls=True)
        outcome = smtp.deliver(wanted, a_message())
    finally:
        controller.stop()

    assert isinstance(outcome, ChannelPaused)
    assert outcome.reason is Pause.CERTIFICATE
    assert inbox.contents == []
