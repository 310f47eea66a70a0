"""Where the installation keeps its files."""

from pathlib import Path

from sqlalchemy.orm import Session


def folder(session: Session, name: str) -> Path:
    """A folder of the data directory, made when it is missing, for this program's user alone."""
    var_dir: Path = session.info["var_dir"]
    path = var_dir / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
