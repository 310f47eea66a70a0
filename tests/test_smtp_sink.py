"""The sink must not flatter the client: these tests talk to it byte by byte."""

import socket

import pytest

from tests.smtp_sink import Drop, Hang, Reply, Sink, running_sink


def talk(sink: Sink, *sent: bytes) -> bytes:
    """Send each piece after something was answered; give back everything the sink said."""
    said = b""
    with socket.create_connection(("127.0.0.1", sink.port), timeout=5) as connection:
        said += connection.recv(1000)
        for piece in sent:
            connection.sendall(piece)
            if piece.endswith(b"\r\n"):
                said += connection.recv(1000)
    return said


UP_TO_DATA = (b"EHLO me\r\n", b"MAIL FROM:<a@x.cn>\r\n", b"RCPT TO:<b@y.cn>\r\n", b"DATA\r\n")


def test_a_whole_message_is_received_with_its_dots_and_envelope() -> None:
    with running_sink() as sink:
        said = talk(sink, *UP_TO_DATA, b"Subject: hi\r\n\r\n..dot\r\n.\r\n", b"QUIT\r\n")
        sink.settle()

    (received,) = sink.received
    assert received.sender == "a@x.cn"
    assert received.recipients == ("b@y.cn",)
    assert received.content == b"Subject: hi\r\n\r\n.dot\r\n"
    assert received.message["Subject"] == "hi"
    assert said.endswith(b"221 bye\r\n")
    assert sink.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize("part", [b"", b"Subject: hi\r\n\r\nhalf", b"Subject: hi\r\n\r\n.\n"])
def test_a_connection_that_ends_during_data_counts_as_nothing_received(part: bytes) -> None:
    with running_sink() as sink:
        talk(sink, *UP_TO_DATA, part)
        sink.settle()

    assert sink.received == []
    assert sink.unfinished == 1


def test_a_script_is_for_one_session_and_the_next_behaves() -> None:
    with running_sink() as sink:
        sink.misbehave(banner=Reply("421 later"))
        assert talk(sink) == b"421 later\r\n"
        assert talk(sink) == b"220 sink ready\r\n"
        sink.settle()

    assert sink.sessions == 2


def test_dropped_at_the_dot_before_taking_leaves_nothing_and_after_taking_leaves_one() -> None:
    for taken, expected in ((False, 0), (True, 1)):
        with running_sink() as sink:
            sink.misbehave(dot=Drop(taken=taken))
            assert talk(sink, *UP_TO_DATA, b"x\r\n.\r\n").endswith(b"354 go ahead\r\n")
            sink.settle()
        assert len(sink.received) == expected


def test_a_hanging_session_ends_when_the_test_settles() -> None:
    with running_sink() as sink:
        sink.misbehave(banner=Hang())
        with socket.create_connection(("127.0.0.1", sink.port), timeout=5):
            sink.settle()

    assert sink.open_sessions == 0


def test_after_a_refused_data_command_the_session_goes_on() -> None:
    with running_sink() as sink:
        sink.misbehave(data=Reply("451 not now"))
        said = talk(sink, *UP_TO_DATA, b"QUIT\r\n")
        sink.settle()

    assert said.endswith(b"451 not now\r\n221 bye\r\n")
    assert sink.received == []


def test_a_script_for_an_unknown_phase_is_a_mistake_of_the_test() -> None:
    with running_sink() as sink, pytest.raises(ValueError, match="no such phase"):
        sink.misbehave(helo=Drop())
