"""How an address is shown to somebody who may not use it."""


def mask_email(address: str) -> str:
    """f***@example.com: enough to tell two apart, too little to write to."""
    local, at, domain = address.partition("@")
    return f"{local[:1]}***{at}{domain}"
