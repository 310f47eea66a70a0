"""A PostgreSQL server of the tests' own: in a temporary folder, by socket only, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from sqlalchemy import URL

SUPERUSER = "crm"
PORT = 5432  # names the socket file, nothing listens on it
PATIENCE = 60.0  # seconds for initdb, for the start and for the stop
LONGEST_FOLDER = 80  # a socket's whole path must stay below 107 bytes
DEBIAN_BINARIES = Path("/usr/lib/postgresql")
LESS_SAFE_AND_FASTER = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Unavailable(Exception):
    """This machine cannot run a private PostgreSQL; the reason is the message."""


class PrivateCluster:
    """A context manager: `with PrivateCluster() as cluster: create_engine(cluster.url)`.

    Every cluster is new and empty, in UTF-8 with the locale C, and no other server can be meant:
    its data directory is checked before the first statement that changes anything.
    """

    def __init__(self, within: Path | None = None) -> None:
        self._within = within
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrivateCluster:
        self.binaries = find_binaries()
        self._account = _server_account()
        self.folder = Path(tempfile.mkdtemp(prefix="crm-pg-", dir=self._parent())).resolve()
        try:
            if self._account is not None:
                os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
            self._initialise()
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def data_directory(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def url(self) -> str:
        """The address of the first database, empty at the start."""
        return self.url_of("crm")

    def url_of(self, database: str) -> str:
        return URL.create(
            "postgresql+psycopg",
            username=SUPERUSER,
            port=PORT,
            database=database,
            query={"host": str(self.folder)},
        ).render_as_string(hide_password=False)

    def new_database(self, name: str) -> str:
        """Create one more empty database and return its address."""
        with self.connect("postgres") as connection:
            check_is_own(connection, self.data_directory)
            connection.execute(
                psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(
                    psycopg.sql.Identifier(name)
                )
            )
        return self.url_of(name)

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), port=PORT, user=SUPERUSER, dbname=database, autocommit=True
        )

    def _parent(self) -> Path:
        """The folder asked for, unless the server's account cannot get there or it is too deep."""
        system = Path(tempfile.gettempdir())
        if self._within is None or len(str(self._within)) > LONGEST_FOLDER:
            return system
        # pytest's own temporary folders are closed to every other account.
        path = self._within.resolve()
        is_open = all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents))
        return self._within if self._account is None or is_open else system

    def _initialise(self) -> None:
        command = ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        command += [f"--username={SUPERUSER}", f"--pgdata={self.data_directory}"]
        made = subprocess.run(
            [self.binaries / "initdb", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
            **self._as_account(),
        )
        if made.returncode != 0:
            raise Unavailable("initdb failed: " + made.stdout.decode(errors="replace").strip())

    def _start(self) -> None:
        options = ["-D", str(self.data_directory), "-k", str(self.folder), "-p", str(PORT)]
        for setting in ("listen_addresses=", *LESS_SAFE_AND_FASTER):
            options += ["-c", setting]
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                [self.binaries / "postgres", *options],
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C ends the tests first, the server after them
                **self._as_account(),
            )
        self._wait_until_it_answers(self._server)
        self.new_database("crm")

    def _wait_until_it_answers(self, server: subprocess.Popen[bytes]) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError as refused:
                if server.poll() is not None or time.monotonic() > give_up_at:
                    said = self.log.read_text(errors="replace").strip()
                    raise Unavailable(f"PostgreSQL did not start: {said or refused}") from refused
                time.sleep(0.05)
            else:
                return

    def _stop(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # "fast": open sessions are ended
            try:
                self._server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _as_account(self) -> dict[str, Any]:
        """How to start a program: in its folder, in no company of the caller's PG… variables."""
        place: dict[str, Any] = {
            "cwd": self.folder,
            "env": {k: v for k, v in os.environ.items() if not k.startswith("PG")}
            | {"LC_ALL": "C"},
            "stdin": subprocess.DEVNULL,
        }
        if self._account is not None:
            place |= {
                "user": self._account.pw_uid,
                "group": self._account.pw_gid,
                "extra_groups": [],
            }
        return place


def find_binaries(path: str | None = None, debian: Path = DEBIAN_BINARIES) -> Path:
    """The folder with initdb and postgres: on the PATH, else Debian's newest. Or Unavailable."""
    on_path = shutil.which("initdb", path=path)
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(debian.glob("*/bin"), key=_version, reverse=True)
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise Unavailable("PostgreSQL is not installed: no initdb on the PATH or in " + str(debian))


def check_is_own(connection: psycopg.Connection, data_directory: Path) -> None:
    """Refuse a server that keeps its data anywhere else, before it is told to change anything."""
    row = connection.execute("SHOW data_directory").fetchone()
    if row is None or Path(row[0]).resolve() != data_directory.resolve():
        raise RuntimeError(f"this PostgreSQL is not the tests' own: its data is in {row}")


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0


def _server_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root lends it another account. None: run as oneself."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("PostgreSQL refuses root, and there is no account postgres or nobody")
