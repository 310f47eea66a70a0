"""Pages of the guard: why a customer is held, do-not-contact, the rules in words."""

from typing import Any, TypeVar

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from crm.core.company import company
from crm.core.errors import Invalid
from crm.customers import queries as customer_queries
from crm.outreach import forms, queries, services
from crm.outreach.forms import ClearingForm, ListedForm, MarkForm, PolicyForm
from crm.users import policies
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.forms import Form
from crm.web.htmx import go_to, page, toast

C = TypeVar("C")
LATEST = 8
VERSIONS = 30

bp = Blueprint("outreach", __name__, url_prefix="/outreach", template_folder="templates")


@bp.get("/policy")
@login_required
def policy() -> ResponseReturnValue:
    current = queries.find_policy(context.session())
    return page("outreach/policy.html", **_policy(PolicyForm(start=forms.policy_start(current))))


@bp.post("/policy")
@login_required
def revise_policy() -> ResponseReturnValue:
    """A new version of the rules, in force at once."""
    viewer = current_user()
    policies.require(viewer, "outreach.edit_policy")
    form = PolicyForm(request.form)
    wanted = form.parse()
    if wanted is None:
        return render_template("outreach/policy.html", **_policy(form)), 422
    try:
        services.revise(context.session(), wanted, by=viewer, now=context.now_once())
    except Invalid as refusal:
        form.refuse(refusal)
        return render_template("outreach/policy.html", **_policy(form)), 422
    return toast(go_to(url_for(".policy")), _("The rules hold from now on."))


@bp.get("/answers/<int:customer_id>")
@login_required
def answer(customer_id: int) -> ResponseReturnValue:
    """Why this customer may or may not be contacted now, and the contacts behind it."""
    session, viewer, now = context.session(), current_user(), context.now_once()
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    given = services.ask(session, customer, at=now, by=viewer, now=now)
    contacts = session.scalars(queries.contacts_of(customer.subject_id, limit=LATEST)).all()
    return page(
        "outreach/answer.html",
        "outreach/_answer.html",
        customer=customer,
        chip=forms.chip(given),
        contacts=contacts,
        names=queries.names(session, [contact.by_id for contact in contacts]),
        rules=forms.rules_in_words(queries.terms(session), company(session)),
    )


@bp.get("/suppressions")
@login_required
def suppressed() -> ResponseReturnValue:
    """Who must not be contacted, since when, on which channel and how we know."""
    session, viewer = context.session(), current_user()
    asked = _parsed(ListedForm(request.args))
    found = queries.suppressed(session, viewer=viewer, q=asked.q, cursor=asked.cursor)
    marks = queries.marks_of(session, [customer.subject_id for customer in found.items])
    setters = [mark.set_by_id for some in marks.values() for mark in some]
    return page(
        "outreach/suppressed.html",
        "outreach/_suppressed.html",
        q=asked.q,
        customers=found.items,
        marks=marks,
        names=queries.names(session, setters),
        next_url=_list_url(asked.q, found.next_cursor),
        first_url=_list_url(asked.q, "") if asked.cursor else "",
    )


@bp.post("/suppressions")
@login_required
def suppress() -> ResponseReturnValue:
    session, viewer = context.session(), current_user()
    mark = _parsed(MarkForm(request.form))
    customer = customer_queries.get(session, mark.customer_id, visible_to=viewer)
    services.suppress(session, mark, customer=customer, by=viewer, now=context.now_once())
    back = go_to(url_for("customers.show", customer_id=customer.id))
    return toast(back, _("%(name)s is not contacted any more.", name=customer.title))


@bp.post("/customers/<int:customer_id>/suppressions/<int:suppression_id>/clearing")
@login_required
def clear(customer_id: int, suppression_id: int) -> ResponseReturnValue:
    session, viewer = context.session(), current_user()
    wanted = _parsed(ClearingForm(request.form))
    customer = customer_queries.get(session, customer_id, visible_to=viewer)
    services.clear(
        session,
        suppression_id,
        customer=customer,
        reason=wanted.reason,
        by=viewer,
        now=context.now_once(),
    )
    back = go_to(url_for("customers.show", customer_id=customer.id))
    return toast(back, _("%(name)s may be contacted again.", name=customer.title))


def _list_url(q: str, cursor: str | None) -> str:
    return "" if cursor is None else url_for(".suppressed", q=q or None, cursor=cursor or None)


def _policy(form: PolicyForm) -> dict[str, Any]:
    """The rules in force with the earlier versions, and the form that makes the next one."""
    session = context.session()
    versions = session.scalars(queries.policies().limit(VERSIONS)).all()
    in_words = [
        (version, forms.rules_in_words(queries.terms_of(version), company(session)))
        for version in versions
    ]
    return {
        "form": form,
        "rules": forms.rules_in_words(queries.terms(session), company(session)),
        "current": versions[0] if versions else None,
        "earlier": in_words[1:],
        "names": queries.names(session, [version.created_by_id for version in versions]),
        "channels": forms.channel_choices(),
        "may_edit": policies.may(current_user(), "outreach.edit_policy"),
    }


def _parsed(form: Form[C]) -> C:
    wanted = form.parse()
    if wanted is None:
        fields: dict[str, Any] = form.errors
        raise Invalid("core.invalid", fields=fields)
    return wanted
