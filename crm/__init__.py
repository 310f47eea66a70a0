"""闭环 CRM (Bihuan CRM): the closed loop of sales activities."""

__version__ = "0.1.0"
