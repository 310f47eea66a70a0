"""Quick search over what the viewer may see: the palette's hits, or a page without script."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from crm.customers.models import names
from crm.customers.queries import listing
from crm.users.auth import current_user, login_required
from crm.web import context
from crm.web.htmx import page

bp = Blueprint("search", __name__, template_folder="../templates")

LONGEST_QUERY = 80


@bp.get("/search")
@login_required
def index() -> ResponseReturnValue:
    session, viewer = context.session(), current_user()
    q = request.args.get("q", "").strip()[:LONGEST_QUERY]
    found = listing.search(session, q, viewer=viewer)
    is_to_log = request.args.get("for") == "log"
    finders = [] if is_to_log or not q else context.panels().finders
    more = [(finder, finder.find(session, q, viewer)) for finder in finders]
    return page(
        "customers/search.html",
        "customers/_hits.html",
        q=q,
        is_to_log=is_to_log,
        hits=[(customer, gettext(names.STAGES[customer.stage])) for customer in found],
        more=[(finder, hits) for finder, hits in more if hits],
    )
