"""The composition root: which modules there are, who listens to what, what is offered where."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, redirect, url_for
from flask_babel import Babel, gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.activities import api as activities_api
from crm.activities import handlers as activity_handlers
from crm.activities import panels as activity_panels
from crm.activities import segment_fields as activity_fields
from crm.activities import views as activity_views
from crm.activities.events import ActivityLaunched
from crm.activities.queries import told
from crm.core import db, jobs
from crm.core.company import Company
from crm.core.db import Sessions
from crm.core.events import EventBus
from crm.core.panels import Panels
from crm.customers import segment_fields as customer_fields
from crm.customers.api import assignments as assignments_api
from crm.customers.api import bulk_acts as bulk_api
from crm.customers.api import custom_fields as custom_fields_api
from crm.customers.api import customers as customers_api
from crm.customers.api import duplicates as duplicates_api
from crm.customers.api import exports as exports_api
from crm.customers.api import merges as merges_api
from crm.customers.api import opportunities as opportunities_api
from crm.customers.api import orders as orders_api
from crm.customers.api import persons as persons_api
from crm.customers.api import pool as pool_api
from crm.customers.api import saved_views as views_api
from crm.customers.api import segments as segments_api
from crm.customers.api import stages as stages_api
from crm.customers.api import tags as tag_settings_api
from crm.customers.events import (
    CustomerAssigned,
    CustomersAssigned,
    CustomersMerged,
    CustomersParted,
    SubjectsJoined,
)
from crm.customers.panels import lifecycle as lifecycle_panels
from crm.customers.panels import opportunities as opportunity_panels
from crm.customers.panels import orders as order_panels
from crm.customers.panels import ownership as ownership_panels
from crm.customers.queries import custom_fields as custom_field_queries
from crm.customers.segment_fields import SegmentFields
from crm.customers.views import assignments as assignment_views
from crm.customers.views import bulk_acts as bulk_views
from crm.customers.views import custom_fields as custom_field_views
from crm.customers.views import customers as customer_views
from crm.customers.views import duplicates as duplicate_views
from crm.customers.views import exports as export_views
from crm.customers.views import imports as import_views
from crm.customers.views import list_cells as cell_views
from crm.customers.views import list_columns as column_views
from crm.customers.views import merges as merge_views
from crm.customers.views import opportunities as opportunity_views
from crm.customers.views import orders as order_views
from crm.customers.views import persons as person_views
from crm.customers.views import pool as pool_views
from crm.customers.views import saved_views as view_views
from crm.customers.views import search as search_views
from crm.customers.views import segment_moves as segment_move_views
from crm.customers.views import segments as segment_views
from crm.customers.views import stages as stage_views
from crm.customers.views import tags as tag_views
from crm.followups import api as followups_api
from crm.followups import handlers as followup_handlers
from crm.followups import panels as followup_panels
from crm.followups import queries as followup_queries
from crm.followups import segment_fields as followup_fields
from crm.followups import views as followup_views
from crm.outreach import api as outreach_api
from crm.outreach import handlers as outreach_handlers
from crm.outreach import panels as outreach_panels
from crm.outreach import queries as outreach_queries
from crm.outreach import segment_fields as outreach_fields
from crm.outreach import views as outreach_views
from crm.reports import api as reports_api
from crm.reports import views as reports_views
from crm.settings import Settings
from crm.users import api as users_api
from crm.users import auth, policies
from crm.users import views as users_views
from crm.users.models import User
from crm.users.views import outbox as outbox_views
from crm.web import api, context, errors, filters, health, htmx, idempotency, security, shell
from crm.web.shell import Banner, NavGroup, NavItem, Shell

PAGES = [
    users_views.bp,
    outbox_views.bp,
    customer_views.bp,
    search_views.bp,
    segment_views.bp,
    segment_move_views.bp,
    assignment_views.bp,
    opportunity_views.bp,
    order_views.bp,
    pool_views.bp,
    stage_views.bp,
    import_views.bp,
    view_views.bp,
    column_views.bp,
    bulk_views.bp,
    cell_views.bp,
    export_views.bp,
    person_views.bp,
    custom_field_views.bp,
    tag_views.bp,
    duplicate_views.bp,
    merge_views.bp,
    outreach_views.bp,
    activity_views.bp,
    followup_views.bp,
    reports_views.bp,
]

APIS = [
    users_api.blp,
    customers_api.blp,
    customers_api.tags_blp,
    persons_api.blp,
    custom_fields_api.blp,
    tag_settings_api.blp,
    tag_settings_api.groups_blp,
    orders_api.blp,
    duplicates_api.blp,
    merges_api.blp,
    segments_api.blp,
    views_api.blp,
    exports_api.blp,
    bulk_api.blp,
    assignments_api.blp,
    opportunities_api.blp,
    pool_api.blp,
    stages_api.blp,
    outreach_api.blp,
    activities_api.blp,
    followups_api.blp,
    reports_api.blp,
]

LEADING, ADMINISTRATING = frozenset({"lead", "admin"}), frozenset({"admin"})
NAV = [
    NavGroup(
        "",
        [
            NavItem(
                _l("My workbench"),
                "followups.index",
                "checklist",
                key="w",
                count=followup_queries.count_due,
                is_red=True,
            ),
            NavItem(_l("Customers"), "customers.index", "users", key="c"),
            NavItem(_l("Opportunities"), "opportunities.index", "flag", key="p"),
            NavItem(_l("Segments"), "segments.index", "chart-pie-2", key="s"),
        ],
    ),
    NavGroup(
        _l("Sales activities"),
        [
            NavItem(_l("Activities"), "activities.index", "target-arrow", key="a"),
            NavItem(_l("Reports"), "reports.index", "chart-histogram", key="r"),
        ],
    ),
    NavGroup(
        _l("Outreach"),
        [
            NavItem(_l("Contact rules"), "outreach.policy", "shield-half"),
            NavItem(_l("Outbox"), "notices.outbox", "mail", key="o", roles=LEADING),
        ],
    ),
    NavGroup(
        _l("Customer data"),
        [
            NavItem(_l("Import"), "imports.index", "file-import", roles=LEADING),
            NavItem(_l("Duplicates"), "duplicates.index", "git-merge", roles=LEADING),
            NavItem(_l("Tags"), "tags.index", "tag", roles=LEADING),
        ],
    ),
    NavGroup(
        _l("Settings"),
        [
            NavItem(_l("Fields"), "custom_fields.index", "edit", roles=ADMINISTRATING),
            NavItem(_l("Stage rules"), "stages.index", "route", roles=ADMINISTRATING),
            NavItem(_l("Pool rules"), "pool.index", "users", roles=ADMINISTRATING),
            NavItem(_l("Users"), "users.index", "users-group", roles=ADMINISTRATING),
        ],
    ),
]

LINKS = {
    "imports": "imports.index",
    "log": "followups.new",
    "password": "users.password",
    "preferences": "users.preferences",
    "profile": "users.profile",
    "search": "search.index",
    "sign_out": "users.sign_out",
}


def create_app(settings: Settings, sessions: Sessions | None = None) -> Flask:
    """The web program. Sends no query; tests hand in their own `sessions`."""
    app = Flask("crm.web")
    app.extensions["settings"] = settings
    app.extensions["sessions"] = sessions or make_sessions(settings)
    app.extensions["panels"] = wire_panels()
    security.install(app, settings)
    filters.install(app)
    htmx.install(app)
    idempotency.install(app)
    errors.install(app)
    context.install(app, errors.answer)
    auth.install(app)
    shell.install(app, Shell(NAV, LINKS, banners, viewer=auth.shown), Babel())
    health.install(app)
    app.add_url_rule("/", "home", lambda: redirect(url_for("followups.index")))
    for bp in PAGES:
        app.register_blueprint(bp)
    api.install(app, APIS)
    return app


def banners(session: Session, viewer: User, now: datetime) -> list[Banner]:
    """What everybody should know about the house itself: nothing is mailed, nobody works."""
    found = []
    if context.settings().smtp is None:
        may_read = policies.may(viewer, "outbox.read")
        found.append(
            Banner(
                "info",
                gettext("Mail is not set up: mails are kept in the outbox."),
                url_for("notices.outbox") if may_read else "",
                gettext("Open the outbox"),
            )
        )
    beat = jobs.last_beat(session)
    if beat is None or now - beat > jobs.SILENCE:
        text = gettext(
            "The worker is not running: no reminder, import or PDF is made until it is started."
        )
        found.append(Banner("warn", text))
    return found


def make_sessions(settings: Settings) -> Sessions:
    """Sessions on the configured database, wired for services. Opens no connection."""
    return db.make_sessions(db.make_engine(settings.database_url), wiring(settings))


def wiring(settings: Settings) -> dict[str, Any]:
    """What every session carries: company, listeners, fields of rules, tellers of the timeline."""
    return {
        "company": company_of(settings),
        "bus": wire_events(),
        "segment_fields": wire_segment_fields(),
        "timeline": (told.TELLER, outreach_queries.TELLER),
        "var_dir": settings.var_dir,
    }


def company_of(settings: Settings) -> Company:
    return Company(
        name=settings.company_name,
        zone=ZoneInfo(settings.time_zone),
        currency=settings.currency,
        locale=settings.locale,
    )


def wire_events() -> EventBus:
    """Who listens to what."""
    bus = EventBus()
    bus.subscribe(
        SubjectsJoined, outreach_handlers.follow_subject, followup_handlers.keep_one_contact
    )
    bus.subscribe(CustomerAssigned, followup_handlers.follow_owner)
    bus.subscribe(CustomersAssigned, followup_handlers.follow_owners)
    # Follow-ups name their targets, so they let go of them first and come back last.
    bus.subscribe(
        CustomersMerged,
        followup_handlers.merge_contacts,
        activity_handlers.merge_targets,
        outreach_handlers.merge_contacts,
    )
    bus.subscribe(
        CustomersParted,
        outreach_handlers.part_contacts,
        activity_handlers.part_targets,
        followup_handlers.part_contacts,
    )
    bus.subscribe(ActivityLaunched, followup_handlers.start_planning)
    return bus


def wire_segment_fields() -> SegmentFields:
    """Which fields a segment's rule may name, module by module."""
    return SegmentFields(
        *customer_fields.OWN,
        *customer_fields.PROFILE,
        *customer_fields.OPPORTUNITIES,
        customer_fields.TAG_GROUP,
        *outreach_fields.FIELDS,
        *activity_fields.FIELDS,
        *followup_fields.FIELDS,
        sources=[custom_field_queries.as_segment_fields],
    )


def wire_panels() -> Panels:
    """What upper modules show on lower modules' pages."""
    panels = Panels()
    panels.offer("customers.column", outreach_panels.COLUMN, ownership_panels.COLUMN)
    panels.offer("customers.card", outreach_panels.CARD, followup_panels.CARD, activity_panels.CARD)
    panels.offer(
        "customers.card",
        opportunity_panels.CARD,
        order_panels.CARD,
        lifecycle_panels.CARD,
        ownership_panels.CARD,
    )
    panels.offer(
        "customers.timeline",
        *outreach_panels.TIMELINE,
        activity_panels.TIMELINE,
        activity_panels.ENTERED,
        *followup_panels.TIMELINE,
    )
    panels.offer("customers.next", followup_panels.NEXT)
    panels.offer("followups.rail", activity_panels.RAIL)
    panels.offer("segments.used_by", activity_panels.USED_BY)
    panels.offer("segments.overlap", activity_panels.OVERLAP)
    panels.finders.append(activity_panels.FINDER)
    return panels
