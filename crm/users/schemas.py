"""What may be sent about people, and how they are shown to programs."""

from flask_babel import gettext
from marshmallow import Schema, ValidationError, fields, validate

from crm.core import mail
from crm.users import rules
from crm.users.models import Role, Theme
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
from crm.web.schemas import InputSchema, at_most, between, not_blank
from crm.web.shell import TAGS

EMAIL, NAME, SECRET = 254, 80, 1_024


def one_line(text: str) -> None:
    """Names and addresses stand in mail headers: no line breaks, no control characters."""
    if not text.isprintable():
        raise ValidationError(gettext("It holds a character that cannot be seen."))


class Locale(fields.String):
    """A language as the outside writes it (zh-CN), kept as the inside does (zh_Hans_CN)."""

    def _deserialize(self, value: object, attr: object, data: object, **options: object) -> str:
        found = {tag: name for name, tag in TAGS.items()}.get(str(value))
        if found is None:
            raise ValidationError(gettext("Choose one of the list."))
        return found

    def _serialize(self, value: object, attr: object, obj: object, **options: object) -> str | None:
        return TAGS.get(str(value))


class Phone(fields.String):
    """A phone number, kept as E.164."""

    def _deserialize(self, value: object, attr: object, data: object, **options: object) -> str:
        found = rules.phone(value) if isinstance(value, str) else None
        if found is None:
            raise ValidationError(gettext("Not a phone number. Chinese mobiles have 11 digits."))
        return found


class Email(fields.String):
    """An address that mail can be sent to, by the same rule as the sender's; blanks are trimmed."""

    def _deserialize(self, value: object, attr: object, data: object, **options: object) -> str:
        text = str(super()._deserialize(value, attr, data, **options)).strip()
        try:
            mail.checked_address(text)
        except mail.Unsendable:
            raise ValidationError(gettext("Not an e-mail address.")) from None
        return text


class SignInIn(InputSchema[SignIn]):
    command = SignIn

    login = fields.String(required=True, validate=at_most(EMAIL))
    password = fields.String(required=True, validate=at_most(SECRET))
    is_remembered = fields.Boolean(load_default=False)
    next = fields.String(load_default="")


class ForgottenIn(InputSchema[Forgotten]):
    command = Forgotten

    login = fields.String(required=True, validate=at_most(EMAIL))


class NewPasswordIn(InputSchema[NewPassword]):
    command = NewPassword

    password = fields.String(required=True, validate=at_most(SECRET))
    password_again = fields.String(required=True, validate=at_most(SECRET))


class PasswordChangeIn(InputSchema[PasswordChange]):
    command = PasswordChange

    current_password = fields.String(required=True, validate=at_most(SECRET))
    password = fields.String(required=True, validate=at_most(SECRET))
    password_again = fields.String(required=True, validate=at_most(SECRET))


class ConfirmIn(SignInIn):
    """The password once more; who it is, the session knows."""

    login = fields.String(load_default="", validate=at_most(0))


class PreferencesIn(InputSchema[Preferences]):
    command = Preferences

    locale = Locale(load_default=None)
    theme = fields.Enum(Theme, by_value=True, load_default=None)
    next = fields.String(load_default="")


class ProfileIn(InputSchema[ProfileEdit]):
    command = ProfileEdit

    name = fields.String(required=True, validate=[*not_blank(NAME), one_line])
    phone = Phone(load_default=None, allow_none=True)
    locale = Locale(load_default=None)
    theme = fields.Enum(Theme, by_value=True, load_default=None)


class _PersonIn(Schema):
    email = Email(required=True, validate=[at_most(EMAIL), one_line])
    name = fields.String(required=True, validate=[*not_blank(NAME), one_line])
    role = fields.Enum(Role, by_value=True, required=True)
    team_id = fields.Integer(load_default=None, allow_none=True, validate=between(1, 2**53))
    phone = Phone(load_default=None, allow_none=True)
    locale = Locale(load_default=None)


class NewUserIn(_PersonIn, InputSchema[NewUser]):
    command = NewUser


class UserEditIn(_PersonIn, InputSchema[UserEdit]):
    command = UserEdit

    version = fields.Integer(load_default=None)


class TeamIn(InputSchema[NewTeam]):
    command = NewTeam

    name = fields.String(required=True, validate=[*not_blank(NAME), one_line])
    version = fields.Integer(load_default=None)


class NewTokenIn(InputSchema[NewToken]):
    command = NewToken

    name = fields.String(required=True, validate=[*not_blank(NAME), one_line])
    scopes = fields.List(
        fields.Enum(Scope, by_value=True), required=True, validate=validate.Length(max=len(Scope))
    )
    days = fields.Integer(load_default=90, allow_none=True, validate=between(1, 3650))


class TeamOut(Schema):
    id = fields.Integer()
    name = fields.String()
    version = fields.Integer()


class TeamNameOut(Schema):
    id = fields.Integer()
    name = fields.String()


class UserOut(Schema):
    id = fields.String(attribute="public_id")
    email = fields.String()
    name = fields.String()
    phone = fields.String(allow_none=True)
    role = fields.Enum(Role, by_value=True)
    team = fields.Nested(TeamNameOut, allow_none=True)
    locale = Locale()
    is_active = fields.Boolean()
    must_change_password = fields.Boolean()
    created_at = fields.AwareDateTime()
    version = fields.Integer()


class MeOut(UserOut):
    scopes = fields.List(fields.String())


class UsersOut(Schema):
    items = fields.List(fields.Nested(UserOut))


class TeamsOut(Schema):
    items = fields.List(fields.Nested(TeamOut))


class AddedUserOut(UserOut):
    """With the password that its owner must change at the first sign-in; it is shown only here."""

    one_time_password = fields.String()
