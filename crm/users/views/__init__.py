"""Pages about people: the doors, one's own profile, and the administrator's."""

from crm.users.views import doors, passwords, people, profile, teams
from crm.users.views.blueprint import bp

__all__ = ["bp", "doors", "passwords", "people", "profile", "teams"]
