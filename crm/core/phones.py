"""How a phone number is shown: to those who may call it, and to those who may only recognise it."""

PARTS = (3, 4)  # shown in front and at the end of a masked number


def phone(e164: str | None) -> str:
    """A number as people here write it: without +86, other countries' whole."""
    return (e164 or "").removeprefix("+86")


def mask_phone(e164: str | None) -> str:
    """138****6217: enough to recognise, too little to call."""
    plain = phone(e164)
    head, tail = PARTS
    return plain if len(plain) <= head + tail else f"{plain[:head]}****{plain[-tail:]}"
