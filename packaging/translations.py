"""Collects the app's texts for translators in resources/translations, and compiles translations.

    python packaging/translations.py            # facestudio_en.ts, and other .ts brought up to date
    python packaging/translations.py de         # begins facestudio_de.ts
    python packaging/translations.py --compile  # .ts to .qm, which the app loads for the system's language

Texts are found in the sources (`tr` and `mark` of facestudio.app.words, tables of actions, sliders and gestures, and
what the core says: messages of errors, advice, stages, which core.json lists for the app);
pyside6-lupdate, which comes with PySide6, keeps what is translated already. Without it the list is written anew.
"""

import argparse
import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "resources" / "translations"
# Which arguments of these calls are texts.
# What of the core people see only on the command line, or only developers.
OTHERS = ("app", "cli", "training", "evaluation")
ERRORS = {
    *("FacestudioError", "UsageError", "NoFaceError", "UnreadableInputError", "ModelError", "WriteError"),
    *("PartialFailureError", "CancelledError"),
}
CALLS = {"tr": (0,), "Spec": (0, 3), "Row": (1, 2, 3)}


def texts() -> list[str]:
    """Return every text of the app, in the order of the sources, each once."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "facestudio" / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found.update(dict.fromkeys(_texts_of(node)))
    found.update(dict.fromkeys(_composed()))
    found.update(dict.fromkeys(core_texts()))
    return [text for text in found if text]


def core_texts() -> list[str]:
    """Return what the core says to people, with {0}, {1} for values: errors, hints, advice, stages; each once."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "facestudio").rglob("*.py")):
        if path.relative_to(ROOT / "facestudio").parts[0] in OTHERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for argument in _said_by(node):
                found.update(dict.fromkeys(_templates(argument)))
    return [text for text in found if re.search(r"[A-Za-z]{3}", re.sub(r"\{\d+\}", "", text))]


def _said_by(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions of a node that people read."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in ERRORS:
            yield from node.args[:1]
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "hint")
        elif node.func.id == "Advice":
            yield from node.args[1:]
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
        named = [getattr(target, "id", "") for target in node.targets]
        yield from node.value.values if named == ["_MESSAGES"] else ()


def _templates(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts, count = list[str](), 0
        for value in node.values:
            if isinstance(value, ast.Constant):
                parts.append(str(value.value).replace("{", "{{").replace("}", "}}"))
            else:
                parts.append(f"{{{count}}}")
                count += 1
        yield "".join(parts)
    elif isinstance(node, ast.IfExp):
        yield from _templates(node.body)
        yield from _templates(node.orelse)


def _texts_of(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return
    if node.func.id == "mark":  # all that is in a table
        for part in ast.walk(node.args[0]):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value
    for place in CALLS.get(node.func.id, ()):
        argument = node.args[place] if place < len(node.args) else None
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def _composed() -> Iterator[str]:
    """Yield the names of points and expression shapes, which are made of their keys."""
    sys.path.insert(0, str(ROOT))
    from facestudio.app.editor.motion import point_name
    from facestudio.app.panels.expression_panel import in_words
    from facestudio.values import ARKIT_NAMES

    yield from dict.fromkeys(point_name(point)[0] for point in range(68))
    yield from map(in_words, ARKIT_NAMES)


def _write_anew(file: Path, found: list[str]) -> None:
    messages = "\n".join(
        f"    <message>\n        <source>{escape(text)}</source>\n"
        '        <translation type="unfinished"></translation>\n    </message>'
        for text in found
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
    language = file.stem.partition("_")[2]
    file.write_text(
        f'{head}<TS version="2.1" language="{language}" sourcelanguage="en">\n<context>\n'
        f"    <name>facestudio</name>\n{messages}\n</context>\n</TS>\n",
        encoding="utf-8",
    )


def _update(files: list[Path], found: list[str]) -> None:
    lupdate = _tool("pyside6-lupdate")
    if lupdate is None:
        for file in files:
            if file.exists() and file.stem != "facestudio_en":
                print(f"pyside6-lupdate is not here: {file.name} stays as it is")
            else:
                _write_anew(file, found)
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "texts.py"
        calls = "\n".join(f'QCoreApplication.translate("facestudio", {text!r})' for text in found)
        source.write_text(f"from PySide6.QtCore import QCoreApplication\n{calls}\n", encoding="utf-8")
        for file in files:
            command = [lupdate, str(source), "-no-obsolete", "-locations", "none", "-ts", str(file)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _tool(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("language", nargs="*", help="a language to begin, such as de or pt_BR")
    parser.add_argument("--compile", action="store_true", help="make .qm of every .ts")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if arguments.compile:
        lrelease = _tool("pyside6-lrelease")
        if lrelease is None:
            print("pyside6-lrelease is not here: it comes with PySide6", file=sys.stderr)
            return 1
        for file in sorted(FOLDER.glob("*.ts")):
            if file.stem != "facestudio_en":
                subprocess.run([lrelease, str(file), "-qm", str(file.with_suffix(".qm"))], check=True)
        return 0
    known = {file.stem.partition("_")[2] for file in FOLDER.glob("*.ts")}
    languages = sorted({"en", *known, *arguments.language})
    found = texts()
    core = json.dumps(core_texts(), indent=1, ensure_ascii=False)
    (FOLDER / "core.json").write_text(core + "\n", encoding="utf-8")
    _update([FOLDER / f"facestudio_{language}.ts" for language in languages], found)
    print(f"{len(found)} texts: {', '.join(languages)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
