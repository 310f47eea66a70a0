"""Pages of activities: the board, the five tabs of one, and the acts on it."""

from crm.activities.views import acts, pages
from crm.activities.views.blueprint import bp

__all__ = ["acts", "bp", "pages"]
