"""Every refusal's text in English, by code; the translations start from here."""


def N_(text: str) -> str:  # noqa: N802 - the mark that translators' tools look for
    """Mark a text for translation where it cannot be translated yet."""
    return text


ERRORS: dict[str, str] = {
    # core and web
    "core.not_found": N_("This page does not exist, or it is not yours to see."),
    "core.not_allowed": N_("Your role does not allow this."),
    "core.invalid": N_("Some fields need another look; nothing was saved and your text is kept."),
    "core.stale": N_("Somebody changed this record since you opened it; your text is kept."),
    "core.csrf": N_(
        "This page is too old to be sent. Reload it and send again; your text is kept."
    ),
    "core.busy": N_("The database is busy. Nothing was saved; try again in a few seconds."),
    "core.too_large": N_("The file or form is larger than allowed."),
    "core.bad_request": N_("The request could not be understood."),
    "core.method_not_allowed": N_("This address does not take this kind of request."),
    "core.unsupported_type": N_("This kind of content is not accepted here."),
    "core.too_many_requests": N_("Too many attempts. Try again in %(retry_after)s seconds."),
    "core.unexpected": N_(
        "Something went wrong on our side. Nothing was saved. Number: %(request_id)s"
    ),
    "core.cursor_invalid": N_(
        "This page link is not valid any more. Start again from the first page."
    ),
    "core.idempotency_running": N_("The same request is still being worked on."),
    "core.idempotency_mismatch": N_("This key was used for a different request."),
    "core.sort_unknown": N_("The list cannot be sorted by %(field)s."),
    "core.filter_unknown": N_("The list cannot be filtered by %(field)s."),
}
