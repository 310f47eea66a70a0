"""The client and a real server: TLS that is checked, and a sign-in over it."""

import shutil
import socket
import ssl
import subprocess
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from crm.core import smtp
from crm.core.mail import Mail, compose
from crm.core.smtp import Accepted, ChannelPaused, Pause
from crm.core.transports import SmtpTransport
from crm.settings import Smtp

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


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
