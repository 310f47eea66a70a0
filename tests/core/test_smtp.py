"""The client against a server that fails at every phase: what it says happened did happen."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from crm.core import smtp
from crm.core.mail import Mail, Unsendable, compose
from crm.core.smtp import Accepted, ChannelPaused, Pause, Phase, Refused, Timeouts, Uncertain
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
