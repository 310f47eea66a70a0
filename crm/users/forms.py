"""Forms about people: what a schema lacks for a page."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crm.users import queries, rules, schemas
from crm.users.models import Role, User
from crm.users.rules import Scope
from crm.users.services.people import (
    NewUser,
    PasswordChange,
    Preferences,
    ProfileEdit,
    UserEdit,
)
from crm.users.services.resets import Forgotten, NewPassword
from crm.users.services.sign_in import SignIn
from crm.users.services.teams import NewTeam
from crm.users.services.tokens import NewToken
from crm.web.forms import Choices, Form
from crm.web.shell import TAGS

LANGUAGES: Choices = (("zh-CN", "中文"), ("en", "English"))
THEMES: Choices = (
    ("auto", _l("Like the system")),
    ("light", _l("Light")),
    ("dark", _l("Dark")),
)
LENGTHS: Choices = (
    ("30", _l("30 days")),
    ("90", _l("90 days")),
    ("365", _l("One year")),
)
SCOPES: dict[Scope, Any] = {
    Scope.CUSTOMERS_READ: _l("Read customers and orders"),
    Scope.CUSTOMERS_WRITE: _l("Change customers"),
    Scope.ORDERS_WRITE: _l("Send orders"),
    Scope.SEGMENTS_READ: _l("Read segments"),
    Scope.SEGMENTS_WRITE: _l("Change segments"),
    Scope.ACTIVITIES_READ: _l("Read activities"),
    Scope.ACTIVITIES_WRITE: _l("Change activities"),
    Scope.FOLLOWUPS_READ: _l("Read follow-ups"),
    Scope.FOLLOWUPS_WRITE: _l("Plan and log follow-ups"),
    Scope.OUTREACH_READ: _l("Ask the contact guard"),
    Scope.OUTREACH_WRITE: _l("Set do-not-contact"),
    Scope.REPORTS_READ: _l("Read reports"),
    Scope.REPORTS_WRITE: _l("Make reports"),
    Scope.CALENDAR_READ: _l("Read own calendar feed"),
    Scope.PROFILE_READ: _l("Read own profile and the teams"),
    Scope.USERS_READ: _l("Read users"),
    Scope.USERS_WRITE: _l("Change users"),
}


class SignInForm(Form[SignIn]):
    schema = schemas.SignInIn


class ConfirmForm(Form[SignIn]):
    schema = schemas.ConfirmIn


class ForgottenForm(Form[Forgotten]):
    schema = schemas.ForgottenIn


class NewPasswordForm(Form[NewPassword]):
    schema = schemas.NewPasswordIn


class PasswordChangeForm(Form[PasswordChange]):
    schema = schemas.PasswordChangeIn


class PreferencesForm(Form[Preferences]):
    schema = schemas.PreferencesIn


class ProfileForm(Form[ProfileEdit]):
    schema = schemas.ProfileIn
    labels: ClassVar = {
        "name": _l("Name"),
        "phone": _l("Phone"),
        "locale": _l("Language"),
        "theme": _l("Appearance"),
    }


class NewUserForm(Form[NewUser]):
    schema = schemas.NewUserIn


class UserEditForm(Form[UserEdit]):
    schema = schemas.UserEditIn


class TeamForm(Form[NewTeam]):
    schema = schemas.TeamIn


class NewTokenForm(Form[NewToken]):
    schema = schemas.NewTokenIn


def choices_for_people(session: Session) -> Mapping[str, Choices]:
    teams: Choices = [(str(team.id), team.name) for team in session.scalars(queries.teams())]
    return {
        "role": [(role.value, _l(rules.ROLE_LABELS[role])) for role in Role],
        "team_id": [("", _l("No team")), *teams],
        "locale": LANGUAGES,
    }


def choices_for_profile() -> Mapping[str, Choices]:
    return {"locale": LANGUAGES, "theme": THEMES}


def choices_for_token(user: User) -> Mapping[str, Choices]:
    mine = [scope for scope in Scope if user.role is Role.ADMIN or scope not in rules.ADMIN_SCOPES]
    return {"scopes": [(scope.value, SCOPES[scope]) for scope in mine], "days": LENGTHS}


def values_of(user: User) -> dict[str, Any]:
    """A person as a form starts with."""
    return {
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "team_id": user.team_id,
        "phone": user.phone,
        "locale": TAGS.get(user.locale, "en"),
        "theme": user.theme.value,
        "version": user.version,
    }
