"""A browser without script: it reads the page's forms, and sends what a person would send."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse


@dataclass
class Form:
    """A form as it stands on the page, with what it holds already."""

    action: str
    values: "MultiDict[str, str]" = field(default_factory=MultiDict)

    def fill(self, **answers: str) -> None:
        """Put answers in; a field that the page does not offer is a mistake of the story."""
        for name, answer in answers.items():
            if name not in self.values:
                raise KeyError(f"{self.action} asks for {sorted(set(self.values))}, not {name}")
            self.values.setlist(name, [answer])


class Page:
    """What came back: its words, its links and its forms."""

    def __init__(self, answer: TestResponse) -> None:
        self.status = answer.status_code
        self.address = answer.request.path
        self.html = answer.get_data(as_text=True)
        reader = _Reader()
        reader.feed(self.html)
        self.forms = reader.forms
        for form in self.forms:
            form.action = form.action or self.address
        self.links = reader.links
        self.text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", self.html)))

    def form(self, action: str) -> Form:
        """The first form whose address matches this pattern."""
        for one in self.forms:
            if re.fullmatch(action, one.action):
                return one
        raise LookupError(
            f"{self.address}: no form to {action} but {[f.action for f in self.forms]}"
        )

    def link(self, address: str) -> str:
        for one in self.links:
            if re.fullmatch(address, one):
                return one
        raise LookupError(f"{self.address} has no link to {address}")


class Browser:
    """One person's browser."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def visit(self, address: str) -> Page:
        return self._seen(self._client.get(address, follow_redirects=True))

    def send(
        self,
        form: Form,
        to: str = "",
        file: tuple[str, bytes] | None = None,
        *,
        status: int = 200,
    ) -> Page:
        """Press the form's button; `to` is that of a button with an address of its own.

        `status` is what the page that comes back should have, 422 for one that asks again.
        """
        data: MultiDict[str, object] = MultiDict(form.values)
        if file is not None:
            name, content = file
            data["file"] = (BytesIO(content), name)
        return self._seen(
            self._client.post(
                to or form.action,
                data=data,
                headers={"Referer": "http://localhost/"},
                follow_redirects=True,
            ),
            status,
        )

    def download(self, address: str) -> bytes:
        answer = self._client.get(address)
        assert answer.status_code == 200, answer.status
        return answer.get_data()

    def _seen(self, answer: TestResponse, status: int = 200) -> Page:
        page = Page(answer)
        assert page.status == status, f"{page.address}: {page.status}\n{page.text[:2000]}"
        return page


class _Reader(HTMLParser):
    """Gathers forms as a browser would submit them when nobody touched them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(known.get("href", ""))
        if tag == "form":
            self._form = Form(known.get("action", ""))
            self.forms.append(self._form)
        if self._form is None:
            return
        name = known.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self._choose(known.get("value", ""), is_chosen="selected" in known)
        elif tag == "textarea":
            self._form.values.add(name, "")
        elif tag == "input" and name:
            self._input(name, known)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def _choose(self, value: str, *, is_chosen: bool) -> None:
        """The chosen option, else the first."""
        if self._form is not None and (is_chosen or self._select not in self._form.values):
            self._form.values.setlist(self._select, [value])

    def _input(self, name: str, known: dict[str, str]) -> None:
        if self._form is None:
            return
        if known.get("type") == "file":
            return
        if known.get("type") in {"radio", "checkbox"}:
            if "checked" in known:
                self._form.values.add(name, known.get("value", "on"))
            else:
                self._form.values.setlistdefault(name)
            return
        self._form.values.add(name, known.get("value", ""))
