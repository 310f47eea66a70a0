"""The mails that were not sent for want of a mail server, to be read in a browser."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from crm.core import transports
from crm.users.auth import current_user, login_required
from crm.users.services import outbox as mails
from crm.web import context
from crm.web.htmx import page

bp = Blueprint("notices", __name__, url_prefix="/notices", template_folder="../templates")


@bp.get("/outbox")
@login_required
def outbox() -> ResponseReturnValue:
    before = request.args.get("before", type=int)
    folder = transports.outbox_of(context.settings())
    found = mails.page(context.session(), folder, viewer=current_user(), before=before)
    older = url_for("notices.outbox", before=found.next_before) if found.next_before else ""
    return page(
        "users/outbox.html",
        mails=found.mails,
        next_url=older,
        first_url=url_for("notices.outbox") if before else "",
        is_in_use=context.settings().smtp is None,
    )
