"""Gunicorn inside our own process, so that what is imported already is not imported again."""

from collections.abc import Callable

from flask import Flask
from gunicorn.app.base import BaseApplication

WORKERS, THREADS = 2, 8


class Server(BaseApplication):
    """`run()` serves until SIGTERM or SIGINT; each worker makes its own program with `load`."""

    def __init__(self, make_app: Callable[[], Flask], *, host: str, port: int) -> None:
        self._make_app = make_app
        self._bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._bind,
            "worker_class": "gthread",
            "workers": WORKERS,
            "threads": THREADS,
            "graceful_timeout": 20,
            "loglevel": "warning",
            "control_socket_disable": True,  # nobody steers it but its parent
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make_app()
