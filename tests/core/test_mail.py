"""What a message may hold, and what is refused before any server could see it."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core import mail
from crm.core.mail import Mail, Unsendable, checked_address, compose, envelope, wire
from crm.core.smtp import Accepted, Phase, Refused
from crm.core.transports import FolderTransport, SmtpTransport, transport_for
from crm.settings import Settings, Smtp

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def a_mail(**changed: object) -> Mail:
    values: dict[str, object] = {
        "sender": "crm@qinghe.example",
        "recipient": "li.na@qinghe.example",
        "subject": "提醒",
        "text": "正文\n",
        "message_id": "<notice-17@qinghe.example>",
        "at": MONDAY,
    }
    return Mail(**{**values, **changed})  # type: ignore[arg-type]  # fields by name


def read_back(message: EmailMessage) -> EmailMessage:
    return BytesParser(policy=SMTP).parsebytes(wire(message).removesuffix(b".\r\n"))


LINE_BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x00", "\x1b", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("broken", LINE_BREAKS)
@pytest.mark.parametrize("field", ["subject", "sender_name", "recipient_name"])
def test_a_header_that_would_start_a_new_line_is_refused(field: str, broken: str) -> None:
    with pytest.raises(Unsendable):
        compose(a_mail(**{field: f"hello{broken}Bcc: everybody@example.com"}))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@example.com",
        "a@",
        "a@b@c.cn",
        "a b@example.com",
        "a@example.com\r\nRCPT TO:<b@example.com>",
        "a@example.com>, <b@example.com",
        "a@example.com,b@example.com",
        "Li Na <li.na@example.com>",
        '"a b"@example.com',
        "李娜@example.com",
        "a@-example.com",
        "a@exa mple.com",
        "a@" + "x" * 64 + ".com",
        "a" * 250 + "@x.cn",
        "a@example..com",
        ".a@example.com",
    ],
)
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(Unsendable):
        compose(a_mail(recipient=address))
    with pytest.raises(Unsendable):
        compose(a_mail(sender=address))


def test_a_chinese_domain_travels_in_ascii() -> None:
    assert checked_address("li.na@例子.中国") == "li.na@xn--fsqu00a.xn--fiqs8s"
    assert checked_address(" o'brien+crm@mail.example.co.uk ") == "o'brien+crm@mail.example.co.uk"


@pytest.mark.parametrize("name", ["Bcc", "to", "Subject", "X Y", "X:Y", "", "X-Y\r\nBcc", "标题"])
def test_an_extra_header_cannot_stand_in_for_one_of_ours(name: str) -> None:
    with pytest.raises(Unsendable):
        compose(a_mail(headers={name: "x"}))


def test_an_extra_header_is_carried() -> None:
    message = compose(a_mail(headers={"Auto-Submitted": "auto-generated"}))

    assert read_back(message)["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("bad", ["", "17", "<17>", "<a@b>\r\nX: y", "<a b@c.cn>", "<a@b><c@d>"])
def test_a_message_needs_an_id_of_its_own(bad: str) -> None:
    with pytest.raises(Unsendable):
        compose(a_mail(message_id=bad))


def test_the_same_mail_is_the_same_bytes_on_a_second_try() -> None:
    assert wire(compose(a_mail())) == wire(compose(a_mail()))


def test_a_page_in_html_always_has_a_plain_text_beside_it() -> None:
    message = read_back(compose(a_mail(html="<p>正文</p>")))

    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert plain.get_content() == "正文\r\n" or plain.get_content() == "正文\n"
    assert "<p>正文</p>" in page.get_content()


@pytest.mark.parametrize("name", ["Cc", "Bcc"])
def test_a_message_goes_to_one_person(name: str) -> None:
    message = compose(a_mail())
    message[name] = "zhang.wei@qinghe.example"

    with pytest.raises(Unsendable):
        envelope(message)


def test_a_message_that_hides_a_second_header_in_a_value_is_never_put_on_the_wire() -> None:
    message = compose(a_mail())
    # The front door refuses this value, so it is slipped in as a careless library might.
    message._headers.append(("X-Note", "a\r\nBcc: everybody@example.com"))  # type: ignore[attr-defined]  # on purpose

    with pytest.raises((Unsendable, ValueError)):
        wire(message)


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_typed_one_person_gets_one_message_or_it_is_refused(
    text: str, subject: str, name: str
) -> None:
    try:
        message = compose(a_mail(text=text, subject=subject, recipient_name=name))
        sent = wire(message)
    except Unsendable:
        return

    back = read_back(message)
    assert sent.isascii()
    assert sent.count(b"\r\n.\r\n") == 1
    assert sent.endswith(b"\r\n.\r\n")
    assert len(back.get_all("To", [])) == 1
    assert [address.addr_spec for address in back["To"].addresses] == ["li.na@qinghe.example"]
    assert back["Bcc"] is None
    assert set(back.keys()) == set(message.keys())


def test_a_folder_keeps_every_message_whole(tmp_path: Path) -> None:
    steps: list[str] = []
    folder = FolderTransport(tmp_path / "outbox")

    first = folder.deliver(compose(a_mail()), before_body=lambda: steps.append("recorded"))
    second = folder.deliver(compose(a_mail()))

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert steps == ["recorded"]
    kept = sorted((tmp_path / "outbox" / "new").iterdir())
    assert len(kept) == 2
    assert {path.name for path in kept} == {first.text, second.text}
    assert BytesParser(policy=SMTP).parsebytes(kept[0].read_bytes())["Subject"] == "提醒"
    assert list((tmp_path / "outbox" / "tmp").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_refusal_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")

    outcome = FolderTransport(tmp_path / "outbox").deliver(compose(a_mail()))

    assert isinstance(outcome, Refused)
    assert (outcome.phase, outcome.is_permanent) == (Phase.BODY, False)


def test_a_folder_refuses_what_a_server_should_never_see(tmp_path: Path) -> None:
    message = compose(a_mail())
    message["Bcc"] = "zhang.wei@qinghe.example"

    with pytest.raises(Unsendable):
        FolderTransport(tmp_path).deliver(message)

    assert list(tmp_path.iterdir()) == []


def test_the_transport_is_the_configured_server_and_else_the_folder(tmp_path: Path) -> None:
    settings = Settings(database_url="sqlite://", secret_key="x" * 32, var_dir=tmp_path)
    assert transport_for(settings) == FolderTransport(tmp_path / "outbox")

    server = Smtp("mail.qinghe.example", 587, starttls=True)
    with_server = Settings(
        database_url="sqlite://", secret_key="x" * 32, var_dir=tmp_path, smtp=server
    )
    assert transport_for(with_server) == SmtpTransport(server)


def test_the_policy_is_seven_bit() -> None:
    assert mail.POLICY.cte_type == "7bit"
