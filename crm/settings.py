"""Settings, read once from the environment; a wrong value stops the start by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCALES = ("zh_Hans_CN", "en")
SHORTEST_KEY = 32


class SettingsError(Exception):
    """An environment variable is absent or malformed; the message names it."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """Where mail is handed over; `starttls` means that sending without TLS is refused."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


@dataclass(frozen=True)  # no slots: `from_env` reads the defaults from the class
class Settings:
    database_url: str
    secret_key: str
    var_dir: Path
    base_url: str = "http://127.0.0.1:8080"
    company_name: str = "青禾家居"
    time_zone: str = "Asia/Shanghai"
    locale: str = "zh_Hans_CN"
    currency: str = "CNY"
    mail_from: str = "crm@localhost"
    smtp: Smtp | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    trusted_proxies: int = 0
    max_upload_bytes: int = 100 * 1024 * 1024
    max_import_rows: int = 1_000_000

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read every `CRM_…` variable. Raises SettingsError naming the first wrong one."""
        var_dir = Path(env.get("CRM_VAR_DIR", "var")).resolve()
        host, port = env.get("CRM_HOST", cls.host), _integer(env, "CRM_PORT", cls.port)
        return cls(
            database_url=env.get("CRM_DATABASE_URL", f"sqlite:///{var_dir / 'crm.db'}"),
            secret_key=_secret_key(env, var_dir),
            var_dir=var_dir,
            base_url=_base_url(env, f"http://{host}:{port}"),
            company_name=env.get("CRM_COMPANY_NAME", cls.company_name),
            time_zone=_time_zone(env, cls.time_zone),
            locale=_one_of(env, "CRM_LOCALE", LOCALES, cls.locale),
            currency=env.get("CRM_CURRENCY", cls.currency),
            mail_from=env.get("CRM_MAIL_FROM", cls.mail_from),
            smtp=_smtp(env),
            host=host,
            port=port,
            trusted_proxies=_integer(env, "CRM_TRUSTED_PROXIES", 0),
            max_upload_bytes=_integer(env, "CRM_MAX_UPLOAD_BYTES", cls.max_upload_bytes),
            max_import_rows=_integer(env, "CRM_MAX_IMPORT_ROWS", cls.max_import_rows),
        )


def _secret_key(env: Mapping[str, str], var_dir: Path) -> str:
    key = env.get("CRM_SECRET_KEY")
    if key is None:
        path = var_dir / "secret_key"
        if not path.exists():
            raise SettingsError(
                f"CRM_SECRET_KEY is not set and {path} does not exist: run `crm init`"
            )
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path} can be read by others: run `chmod 600 {path}`")
        key = path.read_text(encoding="ascii").strip()
    if len(key) < SHORTEST_KEY:
        raise SettingsError("CRM_SECRET_KEY must have at least 32 characters")
    return key


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise SettingsError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _one_of(env: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = env.get(name, default)
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _time_zone(env: Mapping[str, str], default: str) -> str:
    name = env.get("CRM_TIME_ZONE", default)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(f"CRM_TIME_ZONE must be an IANA zone, not {name!r}") from None
    return name


def _base_url(env: Mapping[str, str], default: str) -> str:
    url = env.get("CRM_BASE_URL", default).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise SettingsError(f"CRM_BASE_URL must look like https://crm.example.com, not {url!r}")
    return url


def _smtp(env: Mapping[str, str]) -> Smtp | None:
    """`CRM_SMTP_URL`: smtp://host:25, smtp+starttls://user:pass@host:587 or smtps://user:pass@host:465."""
    url = env.get("CRM_SMTP_URL")
    if not url:
        return None
    parts = urlsplit(url)
    ports = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
    if parts.scheme not in ports or not parts.hostname:
        raise SettingsError("CRM_SMTP_URL must look like smtp+starttls://user:password@host:587")
    return Smtp(
        host=parts.hostname,
        port=parts.port or ports[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+starttls",
        tls=parts.scheme == "smtps",
    )
