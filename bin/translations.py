"""Keep the catalogues in step with the texts in code and templates: extract, fill, check, compile.

Texts are written in English. `extract` brings crm/translations/*/LC_MESSAGES/messages.po up to
date, `fill FILE.json …` puts in translations from {"English": "translation"}, `check` fails on a
text without a Chinese translation, `compile` writes the .mo files that the program reads.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "crm"
CATALOGUES = SOURCE / "translations"
METHODS = [("**.py", "python"), ("**/templates/**.*", "jinja2")]
COMPLETE = "zh_Hans_CN"  # every text must have its translation here
LOCALES = (COMPLETE, "en")
LAZY_KEYWORDS = {
    "lazy_gettext": None,
    "_l": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sd]|\{\w*\}")


def texts_in_code() -> Catalog:
    catalogue = Catalog(project="Bihuan CRM", charset="utf-8", fuzzy=False)
    found = extract_from_dir(SOURCE, METHODS, keywords=DEFAULT_KEYWORDS | LAZY_KEYWORDS)
    for _file, _line, text, comments, context in found:
        catalogue.add(text, auto_comments=comments, context=context)
    return catalogue


def path_of(locale: str) -> Path:
    return CATALOGUES / locale / "LC_MESSAGES" / "messages.po"


def read(locale: str) -> Catalog:
    path = path_of(locale)
    if not path.exists():
        return Catalog(locale=locale, project="Bihuan CRM", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def write(catalogue: Catalog, locale: str) -> None:
    """In the order of the texts and without places, so that two people's changes seldom meet."""
    path = path_of(locale)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(
            file, catalogue, width=100, no_location=True, sort_output=True, ignore_obsolete=True
        )


def extract() -> None:
    wanted = texts_in_code()
    for locale in LOCALES:
        catalogue = read(locale)
        catalogue.update(wanted, no_fuzzy_matching=True)
        write(catalogue, locale)


def fill(files: list[str]) -> None:
    extract()
    catalogue = read(COMPLETE)
    for file in files:
        for text, translation in json.loads(Path(file).read_text(encoding="utf-8")).items():
            message = catalogue.get(text)
            if message is not None and not is_translated(message):
                message.string = [translation] if message.pluralizable else translation
    write(catalogue, COMPLETE)


def check() -> list[str]:
    """One line for each text that a Chinese reader would meet in English or broken."""
    catalogue = read(COMPLETE)
    return [
        f"{fault}: {message.id!r}"
        for message in texts_in_code()
        if message.id and (fault := fault_of(message, catalogue.get(message.id, message.context)))
    ]


def fault_of(wanted: Message, translated: Message | None) -> str | None:
    if translated is None or not is_translated(translated):
        return "not translated"
    if translated.fuzzy:
        return "fuzzy"
    if not wanted.pluralizable and places(str(wanted.id)) != places(str(translated.string)):
        return "other placeholders"
    return None


def is_translated(message: Message) -> bool:
    forms = message.string if isinstance(message.string, list | tuple) else [message.string]
    return bool(forms) and all(forms)


def places(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def compile_all() -> None:
    for path in sorted(CATALOGUES.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
            write_mo(target, read_po(source, locale=path.parent.parent.name))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["extract"]:
            extract()
        case ["fill", *files] if files:
            fill(files)
        case ["compile"]:
            compile_all()
        case ["check"]:
            faults = check()
            sys.stdout.writelines(fault + "\n" for fault in faults)
            return 1 if faults else 0
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
