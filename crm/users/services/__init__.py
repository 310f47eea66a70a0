"""What can be done with people: the front door for other modules and the command line."""

from crm.users.services.people import (
    NewUser,
    UserEdit,
    add,
    disable,
    edit,
    enable,
    reset_password,
)
from crm.users.services.teams import NewTeam, add_team

__all__ = [
    "NewTeam",
    "NewUser",
    "UserEdit",
    "add",
    "add_team",
    "disable",
    "edit",
    "enable",
    "reset_password",
]
