"""Acts on many customers, for programs: previewed, done, taken back."""

from flask import jsonify, make_response
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint

from crm.core.errors import Invalid, NotFound
from crm.customers.models import BulkAct, BulkKind
from crm.customers.queries import assignments as looked_up
from crm.customers.queries import bulk_acts as queries
from crm.customers.schemas.bulk_acts import POOL, AskMany, BulkIn, BulkOut, BulkPreviewOut
from crm.customers.services import bulk_acts as services
from crm.customers.services import bulk_undoing
from crm.customers.services.bulk_acts import ActOnMany, Preview, Whom
from crm.users.auth import Scope, current_user, token_required
from crm.web.context import now_once, session

blp = Blueprint(
    "bulk_acts_api", __name__, url_prefix="/api/v1/bulk-acts", description="One act on many"
)


@blp.post("/preview")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(BulkIn)
@blp.response(200, BulkPreviewOut)
def preview(wanted: AskMany) -> Preview:
    """How many are meant, may be changed, and would change."""
    return services.preview(session(), _meant(wanted), by=current_user(), now=now_once())


@blp.post("")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.arguments(BulkIn)
@blp.response(201, BulkOut)
def create(wanted: AskMany) -> ResponseReturnValue:
    """Do it; with `expected` only if so many would change."""
    done = services.act(session(), _meant(wanted), by=current_user(), now=now_once())
    return make_response(jsonify(BulkOut().dump(done)), 201)


@blp.post("/<public_id>/undo")
@token_required(Scope.CUSTOMERS_WRITE)
@blp.response(200, BulkOut)
def undo(public_id: str) -> BulkAct:
    """Within a week, from those who are still as the act left them."""
    done = queries.get(session(), public_id, user=current_user())
    bulk_undoing.undo(session(), done, by=current_user(), now=now_once())
    return done


def _meant(wanted: AskMany) -> ActOnMany:
    if bool(wanted.customers) == (wanted.filters is not None):
        raise Invalid("bulk.whom_missing")
    ids = queries.ids_of(session(), wanted.customers, viewer=current_user())
    if len(ids) != len(set(wanted.customers)):
        raise NotFound("core.not_found")
    owner_id = None
    if wanted.kind is BulkKind.OWNER and wanted.owner != POOL:
        owner_id = looked_up.people(session(), [wanted.owner]).get(wanted.owner)
        if owner_id is None:
            raise Invalid("customers.owner_unknown")
    return ActOnMany(
        wanted.kind,
        Whom(ids, wanted.filters),
        tag=wanted.tag,
        owner_id=owner_id,
        stage=wanted.stage,
        expected=wanted.expected,
    )
