"""The rules of the lifecycle stages, for programs; and moving one customer by hand."""

from typing import Any

from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.customers import queries
from crm.customers.queries import lifecycle
from crm.customers.rules.stages import StageTerms
from crm.customers.schemas.customers import StageIn
from crm.customers.schemas.stages import RulesByProgramIn, RulesOut, StageMovesOut
from crm.customers.services import lifecycle as services
from crm.customers.services import stages
from crm.customers.services.lifecycle import NewRules
from crm.customers.services.stages import ChangeStage
from crm.users.auth import Scope, current_user, token_required
from crm.web import context
from crm.web.context import now_once, session

blp = Blueprint("stages_api", __name__, url_prefix="/api/v1", description="Lifecycle stages")


@blp.get("/stages/rules")
@token_required(Scope.CUSTOMERS_READ)
@blp.response(200, RulesOut)
def show_rules() -> StageTerms:
    return lifecycle.terms(session())


@blp.put("/stages/rules")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(RulesByProgramIn)
@blp.response(200, RulesOut)
def put_rules(wanted: NewRules) -> StageTerms:
    """The whole of the rules; customers are moved in the background."""
    services.change(session(), wanted, by=current_user(), now=now_once())
    return lifecycle.terms(session())


@blp.post("/stages/preview")
@token_required(Scope.CUSTOMERS_READ)
@blp.arguments(RulesByProgramIn)
@blp.response(200, StageMovesOut)
def preview(wanted: NewRules) -> dict[str, Any]:
    """How many customers these rules would move, and where. Nothing is kept."""
    context.only_read()
    moves = services.count_moves(session(), wanted, by=current_user(), now=now_once())
    return {
        "total": sum(moves.values()),
        "moves": [{"stage": stage, "count": count} for stage, count in moves.items()],
    }


@blp.post("/customers/<public_id>/stage")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(StageIn)
@blp.response(204)
def change(wanted: ChangeStage, public_id: str) -> ResponseReturnValue:
    """Move one customer by hand."""
    customer = queries.get_by_public_id(session(), public_id, visible_to=current_user())
    stages.change(session(), customer, wanted, by=current_user(), now=now_once())
    return "", 204
