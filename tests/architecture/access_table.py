"""Who reaches which route, one row per endpoint. `test_access` walks every row with everybody.

A row says who may see the thing behind the address (others get 404) and who may act on it (those
who only see it get 403). Add the rows of your routes below and, once per kind of thing, a builder
in THINGS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from werkzeug.routing import AnyConverter, Rule

Far = Literal["none", "own", "own+pool", "team", "team+pool", "all"]


@dataclass(frozen=True, slots=True)
class Reaches:
    """How far each role reaches. "pool" are things that nobody owns."""

    rep: Far
    lead: Far
    manager: Far
    admin: Far


@dataclass(frozen=True, slots=True)
class Row:
    """`thing` names a builder in THINGS; without one the row is about the page itself."""

    see: Reaches
    act: Reaches
    thing: str = ""
    is_public: bool = False
    in_body: bool = False  # the thing is named in what is sent, not in the address
    body: Mapping[str, Any] = field(default_factory=dict)


ALL = Reaches("all", "all", "all", "all")
MINE = Reaches("own", "own", "own", "own")  # not even an administrator's business
DOERS = Reaches("own", "own", "none", "own")
ADMIN = Reaches("none", "none", "none", "all")
LEADS = Reaches("none", "all", "none", "all")
BUT_MANAGERS = Reaches("all", "all", "none", "all")

# Customers: a rep sees his own and the pool, a lead his team's and the pool (product.md, Roles).
SIGHT = Reaches("own+pool", "team+pool", "all", "all")
EDIT = Reaches("own", "team+pool", "none", "all")
ASSIGN = Reaches("none", "team+pool", "none", "all")
CLAIM = Reaches("own+pool", "team+pool", "none", "all")

# A report about one person: his lead sees its figures too, a colleague does not.
REPORTS = Reaches("own", "team", "all", "all")

# Activities: a rep sees those he takes part in; leads run their team's.
ACTIVITIES = Reaches("own", "team", "all", "all")
RUN = Reaches("none", "team", "all", "all")
PLANNERS = Reaches("none", "all", "all", "all")

# Follow-ups: whoever works with the customer; managers and admins only read.
FOLLOWUPS = Reaches("own", "team", "all", "all")
# Imports: not for reps and managers (403); a lead finds the team's only.
IMPORT_SIGHT = Reaches("all", "team", "all", "all")
# Pages of pairs: not for reps and managers (403); a lead finds those whose records he sees.
PAIR_SIGHT = Reaches("all", "team+pool", "all", "all")
IMPORT = Reaches("none", "team", "none", "all")
WORK = Reaches("own", "team", "none", "none")
WORK_WITH_POOL = Reaches("own", "team+pool", "none", "none")
HAND_OVER = Reaches("none", "team", "none", "none")
SELLERS = Reaches("all", "all", "none", "none")

PUBLIC = Row(ALL, ALL, is_public=True)
SIGNED_IN = Row(ALL, ALL)


def examples(rule: Rule) -> dict[str, Any]:
    """Values for the address of any route; the thing they name need not exist."""
    found: dict[str, Any] = dict.fromkeys(rule.arguments, 1)
    for name, converter in rule._converters.items():
        if isinstance(converter, AnyConverter):
            found[name] = min(converter.items)
    if "filename" in found:
        found["filename"] = "app.css"
    return found


def only(who: Reaches) -> Row:
    """A page of some roles; the others get 403."""
    return Row(ALL, who)


def of(thing: str, see: Reaches, act: Reaches | None = None, **more: Any) -> Row:
    """A page about one thing, which may belong to somebody."""
    return Row(see, act or see, thing, **more)


A_PERSON = {"name": "周琳", "email": "zhou@qinghe.example", "role": "admin"}
A_SEGMENT: dict[str, Any] = {
    "name": "新的客群",
    "rule": {"all": [{"field": "order_count", "operator": "at_least", "value": 2}]},
}

AN_ORDER = {
    "source": "shop",
    "number": "A-1",
    "amount_fen": 12_345,
    "ordered_at": "2026-11-18T10:00:00+08:00",
}

A_TAG = {"kind": "tag_on", "tag": "双12", "whole": "true"}
TAG_ALL = {"kind": "tag_on", "tag": "双12", "filters": {}}

AN_ACTIVITY = {"title": "双12", "starts_on": "2026-12-01", "ends_on": "2026-12-12"}
A_GOAL = {"metric": "deals", "target": "20"}

ANOTHER = "f" * 32  # the public id of the record that a merge takes in
A_REFUND = {"refund": "R1", "amount_fen": 1}
STAGE_RULES = {
    "regular_orders": 2,
    "loyal_orders": 5,
    "dormant_days": 180,
    "lost_days": 365,
    "held_days": 90,
}

A_DAY = {"due_at": "2030-01-02T09:00:00+08:00"}
A_CALL = {"channel": "phone", "outcome": "reached"}

ROWS: dict[str, Row] = {
    # the house
    "static": PUBLIC,
    "healthz": PUBLIC,
    "readyz": PUBLIC,
    "api_docs": PUBLIC,
    "api-docs.openapi_json": PUBLIC,
    # users: the doors
    "users.sign_in": PUBLIC,
    "users.open_session": PUBLIC,
    "users.sign_out": PUBLIC,
    "users.forgot": PUBLIC,
    "users.ask_for_reset": PUBLIC,
    "users.reset": Row(ALL, ALL, "reset", is_public=True),
    "users.use_reset": Row(ALL, ALL, "reset", is_public=True),
    "users.preferences": Row(ALL, ALL, is_public=True, body={"theme": "dark"}),
    # users, one's own
    "users.confirm": SIGNED_IN,
    "users.confirm_session": SIGNED_IN,
    "users.password": SIGNED_IN,
    "users.change_password": SIGNED_IN,
    "users.profile": SIGNED_IN,
    "users.update_profile": SIGNED_IN,
    "users.end_session": of("user_session", MINE),
    "users.end_other_sessions": SIGNED_IN,
    "users.create_token": SIGNED_IN,
    "users.revoke_token": of("api_token", MINE),
    "users_api.me": SIGNED_IN,
    "notices.outbox": only(LEADS),
    # users: the administrator's
    "users.index": only(ADMIN),
    "users.new": only(ADMIN),
    "users.create": only(ADMIN),
    "users.edit": of("person", ALL, ADMIN),
    "users.update": of("person", ALL, ADMIN),
    "users.disable": of("person", ALL, ADMIN),
    "users.enable": of("person", ALL, ADMIN),
    "users.reset_password": of("person", ALL, ADMIN),
    "users.end_sessions": of("person", ALL, ADMIN),
    "users.teams": only(ADMIN),
    "users.create_team": only(ADMIN),
    "users.edit_team": of("team", ALL, ADMIN),
    "users.update_team": of("team", ALL, ADMIN),
    "users.remove_team": of("team", ALL, ADMIN),
    "users_api.index": only(ADMIN),
    "users_api.create": Row(ALL, ADMIN, body=A_PERSON),
    "users_api.show": of("person", ALL, ADMIN),
    "users_api.update": of("person", ALL, ADMIN, body=A_PERSON),
    "users_api.disable": of("person", ALL, ADMIN),
    "users_api.enable": of("person", ALL, ADMIN),
    "users_api.teams": SIGNED_IN,
    "users_api.create_team": Row(ALL, ADMIN, body={"name": "华北组"}),
    "users_api.update_team": of("team", ALL, ADMIN, body={"name": "华北组"}),
    "users_api.remove_team": of("team", ALL, ADMIN),
    # customers
    "customers.index": SIGNED_IN,
    "customers.conditions": SIGNED_IN,
    "customers.new": only(BUT_MANAGERS),
    "customers.create": only(BUT_MANAGERS),
    "customers.show": of("customer", SIGHT),
    "customers.show_timeline": of("customer", SIGHT),
    "customers.edit": of("customer", SIGHT, EDIT),
    "customers.update": of("customer", SIGHT, EDIT, body={"name": "李明", "version": 1}),
    "customers.claim": of("customer", SIGHT, CLAIM),
    "customers.assign": of("customer", SIGHT, ASSIGN),
    "customers.change_stage": of("customer", SIGHT, EDIT, body={"stage": "regular"}),
    "customers.put_tag": of("customer", SIGHT, EDIT, body={"name": "老朋友"}),
    "customers.take_tag": of("customer", SIGHT, EDIT),
    "customers_api.create": Row(ALL, BUT_MANAGERS, body={"name": "李明"}),
    "customers_api.update": of("customer", SIGHT, EDIT, body={"name": "李明", "version": 1}),
    "persons.new": of("customer", SIGHT, EDIT),
    "persons.create": of("customer", SIGHT, EDIT, body={"name": "张会计"}),
    "persons.edit": of("contact_person", SIGHT, EDIT),
    "persons.update": of("contact_person", SIGHT, EDIT, body={"name": "张会计", "version": 1}),
    "persons.destroy": of("contact_person", SIGHT, EDIT),
    "persons_api.index": of("customer", SIGHT),
    "persons_api.create": of("customer", SIGHT, EDIT, body={"name": "张会计"}),
    "persons_api.update": of("contact_person", SIGHT, EDIT, body={"name": "张", "version": 1}),
    "persons_api.destroy": of("contact_person", SIGHT, EDIT),
    "custom_fields.index": only(ADMIN),
    "custom_fields.create": only(ADMIN),
    "custom_fields.edit": of("custom_field", ALL, ADMIN),
    "custom_fields.update": of("custom_field", ALL, ADMIN, body={"label": "肤质", "version": 1}),
    "custom_fields.move": of("custom_field", ALL, ADMIN),
    "custom_fields.archive": of("custom_field", ALL, ADMIN),
    "custom_fields.restore": of("custom_field", ALL, ADMIN),
    "custom_fields_api.index": SIGNED_IN,
    "custom_fields_api.create": Row(ALL, ADMIN, body={"label": "肤质", "kind": "text"}),
    "custom_fields_api.update": of(
        "custom_field", ALL, ADMIN, body={"label": "肤质", "version": 1}
    ),
    "custom_fields_api.archive": of("custom_field", ALL, ADMIN),
    "custom_fields_api.restore": of("custom_field", ALL, ADMIN),
    "tags_api.index_tags": SIGNED_IN,
    "tags.index": only(LEADS),
    "tags.edit": of("tag", ALL, LEADS),
    "tags.update": of("tag", ALL, LEADS),
    "tags.merge": of("tag", ALL, LEADS),
    "tags.destroy": of("tag", ALL, LEADS),
    "tags.bring_back": of("tag_removal", ALL, LEADS),
    "tags.create_group": only(LEADS),
    "tags.edit_group": of("tag_group", ALL, LEADS),
    "tags.update_group": of("tag_group", ALL, LEADS),
    "tags.destroy_group": of("tag_group", ALL, LEADS),
    "tag_settings_api.update": of("tag", ALL, LEADS, body={"name": "熟客"}),
    "tag_settings_api.merge": of("tag", ALL, LEADS, body={"into_id": 0}),
    "tag_settings_api.destroy": of("tag", ALL, LEADS),
    "tag_settings_api.bring_back": of("tag_removal", ALL, LEADS),
    "tag_groups_api.index": SIGNED_IN,
    "tag_groups_api.create_group": Row(ALL, LEADS, body={"name": "价值"}),
    "tag_groups_api.update_group": of("tag_group", ALL, LEADS, body={"name": "价值", "version": 1}),
    "tag_groups_api.destroy_group": of("tag_group", ALL, LEADS),
    "orders_api.index": SIGNED_IN,
    "orders_api.put": Row(ALL, LEADS, body=AN_ORDER),
    # segments: everybody reads them, leads and administrators build them
    "segments.index": SIGNED_IN,
    "segments.new": only(LEADS),
    "segments.create": only(LEADS),
    "segments.draft": only(LEADS),
    "segments.count": only(LEADS),
    "segments.show": of("segment", ALL),
    "segments.update": of("segment", ALL, LEADS),
    "segments.destroy": of("segment", ALL, LEADS),
    "segment_moves.index": of("segment", ALL),
    "segment_moves.overlap": of("segment", ALL),
    "segment_moves.track": of("segment", ALL, LEADS),
    "segments_api.index": SIGNED_IN,
    "segments_api.create": Row(ALL, LEADS, body=A_SEGMENT),
    "segments_api.count": Row(ALL, ALL, body={"rule": A_SEGMENT["rule"]}),
    "segments_api.show": of("segment", ALL),
    "segments_api.show_count": of("segment", ALL),
    "segments_api.members": of("segment", ALL),
    "segments_api.update": of("segment", ALL, LEADS, body={"version": 1, "name": "回头客"}),
    "segments_api.destroy": of("segment", ALL, LEADS),
    # orders on the record: leads and administrators write them
    "orders.new": of("customer", SIGHT, ASSIGN),
    "orders.create": of("customer", SIGHT, ASSIGN, body={"ordered_at": "2026-11-01T09:00"}),
    "orders.edit": of("order", SIGHT, ASSIGN),
    "orders.update": of("order", SIGHT, ASSIGN, body={"version": 1}),
    "orders.refund": of("order", SIGHT, ASSIGN, body={"amount": "1"}),
    "orders.cancel": of("order", SIGHT, ASSIGN),
    "orders_api.refund": of("named order", SIGHT, ASSIGN, in_body=True, body=A_REFUND),
    # opportunities: who sees the customer sees them
    "opportunities.index": SIGNED_IN,
    "opportunities.new": of("customer", SIGHT, EDIT),
    "opportunities.create": of("customer", SIGHT, EDIT, body={"title": "年度框架"}),
    "opportunities.edit": of("opportunity", SIGHT, EDIT),
    "opportunities.update": of("opportunity", SIGHT, EDIT, body={"title": "框架", "version": 1}),
    "opportunities.close": of("opportunity", SIGHT, EDIT, body={"is_won": True}),
    "opportunities_api.index": SIGNED_IN,
    "opportunities_api.put": of("deal", SIGHT, EDIT, in_body=True),
    "opportunities_api.show": of("opportunity", SIGHT),
    "opportunities_api.close": of("opportunity", SIGHT, EDIT, body={"is_won": True}),
    # lifecycle stages
    "stages.index": SIGNED_IN,
    "stages.preview": only(ADMIN),
    "stages.update": only(ADMIN),
    "stages_api.show_rules": SIGNED_IN,
    "stages_api.put_rules": Row(ALL, ADMIN, body=STAGE_RULES),
    "stages_api.preview": Row(ALL, ADMIN, body=STAGE_RULES),
    "stages_api.change": of("customer", SIGHT, EDIT, body={"stage": "regular"}),
    # the pool
    "pool.index": SIGNED_IN,
    "pool.update": only(ADMIN),
    "pool.release": of("customer", SIGHT, EDIT, body={"note": "联系不上"}),
    "pool_api.show_rules": SIGNED_IN,
    "pool_api.put_rules": Row(ALL, ADMIN, body={"cool_down_days": 3}),
    "pool_api.claim": of("customer", SIGHT, CLAIM),
    "pool_api.release": of("customer", SIGHT, EDIT, body={"note": "联系不上"}),
    "pool_api.hand_over": of("customer", SIGHT, ASSIGN, body={"owner": None}),
    # customers parted among reps
    "assignments.index": only(LEADS),
    "assignments.new": only(LEADS),
    "assignments.preview": only(LEADS),
    "assignments.create": only(LEADS),
    "assignments.show": of("assignment", IMPORT_SIGHT, IMPORT),
    "assignments.undo": of("assignment", IMPORT_SIGHT, IMPORT),
    "assignments_api.index": only(LEADS),
    "assignments_api.preview": Row(ALL, LEADS, body={"reps": ["0"]}),
    "assignments_api.create": Row(ALL, LEADS, body={"reps": ["0"]}),
    "assignments_api.show": of("assignment", IMPORT_SIGHT, IMPORT),
    "assignments_api.undo": of("assignment", IMPORT_SIGHT, IMPORT),
    # outreach
    "outreach.policy": SIGNED_IN,
    "outreach.suppressed": SIGNED_IN,
    "outreach_api.index_suppressed": SIGNED_IN,
    "outreach.revise_policy": only(ADMIN),
    "outreach_api.show_policy": SIGNED_IN,
    "outreach_api.put_policy": Row(
        ALL, ADMIN, body={"version": 0, "cool_down_days": 3, "limits": []}
    ),
    "outreach.answer": of("customer", SIGHT),
    "outreach.suppress": of("mark", SIGHT, EDIT, in_body=True),
    "outreach.clear": of("suppression", SIGHT, ASSIGN, body={"reason": "Signed form"}),
    "outreach_api.answer": SIGNED_IN,
    # followups
    "home": PUBLIC,
    "followups.index": SIGNED_IN,
    "followups.new": SIGNED_IN,
    "followups.create": of("mark", SIGHT, WORK_WITH_POOL, in_body=True, body=A_CALL),
    "followups.undo": of("followup", FOLLOWUPS, WORK),
    "followups.new_plan": of("customer", SIGHT, WORK_WITH_POOL),
    "followups.plan": of("mark", SIGHT, WORK_WITH_POOL, in_body=True, body=A_DAY),
    "followups.reschedule": of("followup", FOLLOWUPS, WORK, body={"days": "1"}),
    "followups.cancel": of("followup", FOLLOWUPS, WORK),
    "followups.reassign": of("followup", FOLLOWUPS, HAND_OVER, body={"owner_id": 0}),
    "followups.spread": only(SELLERS),
    "followups_api.index": SIGNED_IN,
    "followups_api.create": of("mark", SIGHT, WORK_WITH_POOL, in_body=True, body=A_DAY),
    "followups_api.log": of("mark", SIGHT, WORK_WITH_POOL, in_body=True, body=A_CALL),
    "followups_api.show": of("followup", FOLLOWUPS),
    "followups_api.reschedule": of("followup", FOLLOWUPS, WORK, body=A_DAY),
    "followups_api.reassign": of("followup", FOLLOWUPS, HAND_OVER, body={"owner_id": 0}),
    "followups_api.cancel": of("followup", FOLLOWUPS, WORK),
    "followups_api.undo": of("followup", FOLLOWUPS, WORK),
    # activities
    "activities.index": SIGNED_IN,
    "activities.new": only(PLANNERS),
    "activities.create": only(PLANNERS),
    "activities.show": of("activity", ACTIVITIES),
    "activities.show_tab": of("activity", ACTIVITIES),
    "activities.preview": of("activity", ACTIVITIES, RUN),
    "activities.launch": of("activity", ACTIVITIES, RUN),
    "activities.edit": of("activity", ACTIVITIES, RUN),
    "activities.update": of("activity", ACTIVITIES, RUN),
    "activities.create_goal": of("activity", ACTIVITIES, RUN),
    "activities.destroy_goal": of("activity", ACTIVITIES, RUN),
    "activities.create_plan": of("activity", ACTIVITIES, RUN),
    "activities.destroy_plan": of("activity", ACTIVITIES, RUN),
    "activities.advance": of("activity", ACTIVITIES, RUN),
    "activities.go_back": of(
        "activity", ACTIVITIES, RUN, body={"stage": "goal", "reason": "Too vague"}
    ),
    "activities_api.index": SIGNED_IN,
    "activities_api.create": Row(ALL, PLANNERS, body=AN_ACTIVITY),
    "activities_api.show": of("activity", ACTIVITIES),
    "activities_api.update": of("activity", ACTIVITIES, RUN, body=AN_ACTIVITY),
    "activities_api.goals": of("activity", ACTIVITIES),
    "activities_api.create_goal": of("activity", ACTIVITIES, RUN, body=A_GOAL),
    "activities_api.destroy_goal": of("activity", ACTIVITIES, RUN),
    "activities_api.plans": of("activity", ACTIVITIES),
    "activities_api.create_plan": of("activity", ACTIVITIES, RUN, body={"segment_id": 0}),
    "activities_api.destroy_plan": of("activity", ACTIVITIES, RUN),
    "activities_api.launch": of("activity", ACTIVITIES, RUN),
    "activities_api.targets": of("activity", ACTIVITIES),
    # reports: everybody reads within his own reach
    "reports.index": SIGNED_IN,
    "reports.runs": SIGNED_IN,
    "reports.create": SIGNED_IN,
    "reports.file": of("report", REPORTS),
    "reports_api.show": SIGNED_IN,
    "reports_api.index": SIGNED_IN,
    "reports_api.create": SIGNED_IN,
    "reports_api.show_run": of("report", REPORTS),
    "reports_api.file": of("report", REPORTS),
    # views of the list and files of it: one's own
    "customer_views.new": SIGNED_IN,
    "customer_views.create": SIGNED_IN,
    "customer_views.edit": of("view", MINE),
    "customer_views.update": of("view", MINE, body={"version": 1, "name": "新名字"}),
    "customer_views.save": of("view", MINE, body={"version": 1}),
    "customer_views.destroy": of("view", MINE),
    "customer_views.restore": of("deleted_view", MINE),
    "customer_views.move": of("view", MINE, body={"to": "left"}),
    "customer_views.open_with": of("view", MINE),
    "customer_views_api.index": SIGNED_IN,
    "customer_views_api.create": Row(ALL, ALL, body={"name": "新客"}),
    "customer_views_api.show": of("view", MINE),
    "customer_views_api.update": of("view", MINE, body={"version": 1, "name": "新名字"}),
    "customer_views_api.destroy": of("view", MINE),
    "bulk_acts.index": SIGNED_IN,
    "bulk_acts.preview": Row(ALL, BUT_MANAGERS, body=A_TAG),
    "bulk_acts.create": Row(ALL, BUT_MANAGERS, body=A_TAG),
    "bulk_acts.undo": of("bulk_act", MINE, DOERS),
    "bulk_acts_api.preview": Row(ALL, BUT_MANAGERS, body=TAG_ALL),
    "bulk_acts_api.create": Row(ALL, BUT_MANAGERS, body=TAG_ALL),
    "bulk_acts_api.undo": of("bulk_act", MINE, DOERS),
    "customer_columns.index": SIGNED_IN,
    "customer_columns.update": SIGNED_IN,
    "exports.index": SIGNED_IN,
    "exports.new": SIGNED_IN,
    "exports.create": SIGNED_IN,
    "exports.cancel": of("export", MINE),
    "exports.file": of("export", MINE),
    "exports_api.index": SIGNED_IN,
    "exports_api.create": Row(ALL, ALL, body={"format": "csv"}),
    "exports_api.show": of("export", MINE),
    "exports_api.cancel": of("export", MINE),
    "exports_api.file": of("export", MINE),
    # files read in (leads and administrators)
    "imports.index": only(LEADS),
    "imports.create": only(LEADS),
    "imports.show": of("import", IMPORT_SIGHT, IMPORT),
    "imports.template": only(LEADS),
    "imports.read_again": of("import", IMPORT_SIGHT, IMPORT),
    "imports.preview": of("import", IMPORT_SIGHT, IMPORT),
    "imports.check": of("import", IMPORT_SIGHT, IMPORT, body={"column.0": "name"}),
    "imports.change_mapping": of("import", IMPORT_SIGHT, IMPORT),
    "imports.undo": of("import", IMPORT_SIGHT, IMPORT),
    "imports.run": of("import", IMPORT_SIGHT, IMPORT, body={"column.0": "name"}),
    "imports.cancel": of("import", IMPORT_SIGHT, IMPORT),
    "imports.refused": of("import", IMPORT_SIGHT, IMPORT),
    "search.index": SIGNED_IN,
    # duplicates: whoever may merge decides; the pairs of others do not exist for him
    "duplicates.index": only(LEADS),
    "duplicates.new_dismissal": only(LEADS),
    "duplicates.dismiss": of("pairs", PAIR_SIGHT, ASSIGN, in_body=True),
    "duplicates.reopen": only(LEADS),
    "duplicates_api.index": only(LEADS),
    "duplicates_api.dismiss": of("pair", SIGHT, ASSIGN),
    "duplicates_api.reopen": of("pair", SIGHT, ASSIGN),
    "merges.new": of("merging", SIGHT, ASSIGN),
    "merges.create": of("merging", SIGHT, ASSIGN, body={"other": ANOTHER}),
    "merges.split": of("merge", SIGHT, ASSIGN),
    "merges.new_many": only(LEADS),
    "merges.create_many": of("pairs", PAIR_SIGHT, ASSIGN, in_body=True),
    "merges_api.create": of("merging_api", SIGHT, ASSIGN, body={"other": ANOTHER}),
    "merges_api.show": of("merge", SIGHT),
    "merges_api.split": of("merge", SIGHT, ASSIGN),
    "customers_api.index": SIGNED_IN,
    "customers_api.show": of("customer", SIGHT),
    "customers_api.show_timeline": of("customer", SIGHT),
}
