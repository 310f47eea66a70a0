"""The guard's answer for programs."""

from flask_smorest import Blueprint

from crm.customers import queries as customer_queries
from crm.outreach import services
from crm.outreach.rules import Answer
from crm.outreach.schemas import AnswerOut, Asked, AskedIn
from crm.users.auth import Scope, current_user, token_required
from crm.web import context

blp = Blueprint(
    "outreach_api", __name__, url_prefix="/api/v1/outreach", description="The contact guard"
)


@blp.get("/answer")
@token_required(Scope.OUTREACH_READ)
@blp.arguments(AskedIn, location="query")
@blp.response(200, AnswerOut)
def answer(asked: Asked) -> Answer:
    """May this customer be contacted now; if not, why, and when at the earliest."""
    session, viewer, now = context.session(), current_user(), context.now_once()
    customer = customer_queries.get_by_public_id(session, asked.customer, visible_to=viewer)
    return services.ask(session, customer, channel=asked.channel, at=now, by=viewer, now=now)
