"""Messages, composed and checked so that no field can smuggle a header or a second recipient."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP

#: Seven bits on the wire: every server takes it, and no relay has to rewrite it.
POLICY = SMTP.clone(cte_type="7bit", max_line_length=78)

ADDRESS_LIMIT = 254
HEADER_LIMIT = 500

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_MESSAGE_ID = re.compile(rf"<{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*>")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_OURS = {"from", "to", "subject", "date", "message-id", "cc", "bcc", "sender", "reply-to"}


class Unsendable(ValueError):
    """The message itself is wrong; no server and no second try would make it right."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one person. A second try carries the same `message_id` as the first."""

    sender: str
    recipient: str
    subject: str
    text: str
    message_id: str
    at: datetime
    html: str | None = None
    sender_name: str = ""
    recipient_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def compose(mail: Mail) -> EmailMessage:
    """Build the message. Raises Unsendable when a field holds what no header may."""
    sender = checked_address(mail.sender)
    message = EmailMessage(policy=POLICY)
    message["From"] = _mailbox(mail.sender_name, sender)
    message["To"] = _mailbox(mail.recipient_name, checked_address(mail.recipient))
    message["Subject"] = _header_text(mail.subject, "subject")
    message["Date"] = mail.at
    message["Message-ID"] = _checked_id(mail.message_id)
    for name, value in mail.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise Unsendable(f"{name!r} is no header of a message's own")
        message[name] = _header_text(value, name)
    message.set_content(_body_text(mail.text), cte="base64")
    if mail.html is not None:
        message.add_alternative(_body_text(mail.html), subtype="html", cte="base64")
    return message


def checked_address(address: str) -> str:
    """A bare address fit for an envelope, its domain in ASCII. Raises Unsendable otherwise."""
    local, at, domain = address.strip(" ").rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii") if at else ""
    except UnicodeError:
        ascii_domain = ""
    plain = f"{local}@{ascii_domain}"
    if len(plain) > ADDRESS_LIMIT or not _ADDRESS.fullmatch(plain):
        raise Unsendable("the address is not valid")
    return plain


def envelope(message: EmailMessage) -> tuple[str, str]:
    """Sender and the one recipient, from the parsed headers. Raises Unsendable unless one each."""
    parties = []
    for name in ("From", "To"):
        found = [address for header in message.get_all(name, []) for address in header.addresses]
        if len(found) != 1:
            raise Unsendable(f"a message has exactly one {name} address")
        parties.append(checked_address(found[0].addr_spec))
    if "Cc" in message or "Bcc" in message:
        raise Unsendable("a message goes to one person")
    return parties[0], parties[1]


def wire(message: EmailMessage) -> bytes:
    """The bytes between the go-ahead and the final dot, this included, with dots doubled."""
    content = message.as_bytes(policy=POLICY)
    head, _, body = content.partition(b"\r\n\r\n")
    # Trust neither the caller nor the interpreter's generator (CVE-2024-6923, CVE-2026-1299).
    if BytesHeaderParser(policy=POLICY).parsebytes(head + b"\r\n\r\n").keys() != message.keys():
        raise Unsendable("a header holds a line break")
    _checked_id(message.get("Message-ID", ""))
    content = head + b"\r\n\r\n" + re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    stuffed = re.sub(rb"(?m)^\.", b"..", content)
    return stuffed.removesuffix(b"\r\n") + b"\r\n.\r\n"


def _checked_id(message_id: str) -> str:
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Unsendable("a message needs a Message-ID such as <notice-17@crm.example.com>")
    return message_id


def _mailbox(name: str, address: str) -> Address:
    return Address(display_name=_header_text(name, "name"), addr_spec=address)


def _header_text(text: str, what: str) -> str:
    if _CONTROL.search(text) or len(text) > HEADER_LIMIT:
        raise Unsendable(f"the {what} holds a line break, a control character or is too long")
    return text


def _body_text(text: str) -> str:
    """Lone surrogates cannot be encoded, and a NUL ends the message for some servers."""
    return re.sub(r"[\x00\ud800-\udfff]", "\ufffd", text)
