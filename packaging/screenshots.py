"""Makes the screenshots of the app: every panel and mode; two sizes, light and dark.

    xvfb-run -a -s "-screen 0 1920x1200x24" python packaging/screenshots.py --output out/screenshots --docs docs/images

They show the real window with the real pipeline on a bundled photo. Without a display the head is missing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QDialog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facestudio.app.main import make_application, open_window
from facestudio.app.settings import Settings
from facestudio.app.window.main_window import MainWindow
from facestudio.app.window.welcome import sample_photos

SIZES = ((1280, 800), (1920, 1080))
THEMES = ("light", "dark")
_PATIENCE_S = 300.0
_DOCS_STYLE, _DOCS_WIDTH, _TILE_WIDTH = ("dark", "1280x800"), 880, 360


def wait(done: Callable[[], bool], seconds: float = _PATIENCE_S) -> bool:
    """Let the window work until something is so."""
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        if done():
            return True
        time.sleep(0.005)
    return False


def rest(seconds: float) -> None:
    """Let animations end."""
    wait(lambda: False, seconds)


class Photographer:
    """Takes the pictures of one window in one size and theme after another."""

    def __init__(self, window: MainWindow, output: Path) -> None:
        self.window, self.output = window, output
        self.files: list[Path] = []

    def shoot(self, name: str, theme: str, size: tuple[int, int]) -> None:
        view = self.window.viewer.view
        if view is not None and view.isVisible():
            wait(lambda: view.is_smooth, 30)
        rest(0.1)
        file = self.output / f"{name}-{theme}-{size[0]}x{size[1]}.png"
        self.window.grab().save(str(file))
        self.files.append(file)
        print(file)

    def welcome(self, theme: str, size: tuple[int, int]) -> None:
        wait(lambda: not self.window.tasks.busy)
        self.shoot("welcome", theme, size)

    def editing(self, theme: str, size: tuple[int, int]) -> None:
        """In the middle of a drag: magnifier, selection, the head following."""
        from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
        from PySide6.QtGui import QMouseEvent
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        window, editor = self.window, self.window.editor
        for name in ("soft", "mirror"):
            window.actions_[name].setChecked(True)
        none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
        start = editor.place_of(54).toPoint()
        QTest.mousePress(editor, left, none, start)
        for step in (4, 8, 12):
            at = start + QPoint(step // 2, -step)
            place, everywhere = QPointF(at), QPointF(editor.mapToGlobal(at))
            event = QMouseEvent(QEvent.Type.MouseMove, place, everywhere, Qt.MouseButton.NoButton, left, none)
            QApplication.sendEvent(editor, event)
        wait(lambda: not window.session.busy)  # the head has followed
        self.shoot("editing", theme, size)
        editor.give_up()
        QTest.mouseRelease(editor, left, none, start)
        for name in ("soft", "mirror"):
            window.actions_[name].setChecked(False)
        window.document.select(frozenset())

    def brush(self, theme: str, size: tuple[int, int]) -> None:
        """A stroke over a cheek, and where the texture comes from then."""
        from dataclasses import replace

        from facestudio.texture.strokes import Stroke

        window = self.window
        document, points = window.document, window.document.landmarks.points
        window.actions_["brush"].setChecked(True)
        eyes = float(abs(points[45] - points[36]).max())
        places = [tuple(map(float, (1 - t) * points[46] + t * points[54])) for t in (0.35, 0.5, 0.65)]
        stroke = Stroke(tuple((x + 0.12 * eyes, y) for x, y in places), 0.15 * eyes)
        document.change(replace(document.state, unused=(stroke,)), "Do not use the photo here")
        wait(lambda: window.session.complete)
        window.actions_["coverage"].trigger()
        rest(0.5)
        self.shoot("brush", theme, size)
        window.actions_["textured"].trigger()
        window.actions_["brush"].setChecked(False)
        document.undo()
        wait(lambda: window.session.complete)

    def pins(self, theme: str, size: tuple[int, int]) -> None:
        """Pin mode: an ear and the outline are pinned, a third place is under the pointer."""
        from PySide6.QtCore import QEvent, QPointF, Qt
        from PySide6.QtGui import QMouseEvent
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        window, editor = self.window, self.window.editor
        window.docks[0].raise_()
        editor.zoom(0.75)
        window.actions_["pin"].setChecked(True)
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        points = window.document.landmarks.points
        across = points[16] - points[0]
        down = points[8] - points[27]
        for x, y in (points[27] - 1.15 * down, points[0] - 0.09 * across - 0.05 * down):
            QTest.mouseClick(editor, left, none, editor.transform.to_widget(QPointF(x, y)).toPoint())
        wait(lambda: window.session.complete)
        x, y = points[16] + 0.07 * across
        place = editor.transform.to_widget(QPointF(x, y))
        everywhere, free = editor.mapToGlobal(place), Qt.MouseButton.NoButton
        QApplication.sendEvent(
            editor, QMouseEvent(QEvent.Type.MouseMove, place, everywhere, free, free, none)
        )
        rest(0.3)
        self.shoot("pins", theme, size)
        window.actions_["pin"].setChecked(False)
        window.actions_["remove_pins"].trigger()
        wait(lambda: window.session.complete)
        editor.fit_face(animated=False)

    def dialogs(self, theme: str, size: tuple[int, int]) -> None:
        """The export dialog and the preferences."""
        from facestudio.app.dialogs.preferences_dialog import PreferencesDialog

        dialog = self.window.outputs.open_export()
        if dialog is not None:
            dialog.folder.line.setText("Heads")
            self._shoot_dialog(dialog, f"export-{theme}-{size[0]}x{size[1]}.png")
        self.window.actions_["preferences"].trigger()
        preferences = self.window.findChild(PreferencesDialog)
        preferences.file.setText("~/.config/facestudio/preferences.toml")
        self._shoot_dialog(preferences, f"preferences-{theme}-{size[0]}x{size[1]}.png")

    def _shoot_dialog(self, dialog: QDialog, name: str) -> None:
        rest(0.3)
        dialog.grab().save(str(self.output / name))
        print(self.output / name)
        dialog.close()
        rest(0.1)

    def photos(self, theme: str, size: tuple[int, int], more: Path) -> None:
        """A second photo of the person beside the first."""
        window = self.window
        window.person_photos.open_path(more)
        wait(lambda: len(window.document.photos) == 2)
        wait(lambda: window.session.complete)
        window.person_photos.buttons[1].click()
        wait(lambda: window.session.complete)
        window.editor.fit_face(animated=False)
        rest(0.5)
        self.shoot("photos", theme, size)
        window.person_photos.buttons[0].click()
        window.document.undo()
        wait(lambda: window.session.complete)

    def result(self, theme: str, size: tuple[int, int]) -> None:
        window = self.window
        window.docks[1].raise_()
        for mode, view in (("textured", "front"), ("clay", "45-left"), ("wireframe", "45-right")):
            window.actions_[mode].trigger()
            window.actions_["mesh"].setChecked(mode == "wireframe")
            window.actions_["marks"].setChecked(mode == "clay")
            window.viewer.show_view(view)
            rest(0.6)
            self.shoot(f"result-{mode}", theme, size)
        window.actions_["mesh"].setChecked(False)
        window.actions_["marks"].setChecked(False)
        window.actions_["textured"].trigger()
        window.viewer.show_view("front")
        window.docks[0].raise_()
        rest(0.6)

    def panels(self, theme: str, size: tuple[int, int]) -> None:
        """The other modes and docks: coverage, normals, colour only; similar heads, expression, lens and compare."""
        window, a = self.window, self.window.actions_
        points, head, heads, expression, camera, adjust = window.docks
        for mode, dock in (("coverage", heads), ("normals", camera), ("unlit", head)):
            a[mode].trigger()
            dock.raise_()
            rest(0.5)
            wait(lambda: not window.tasks.busy)
            self.shoot(f"mode-{mode}", theme, size)
        a["textured"].trigger()
        expression.raise_()
        window.panels.expression.presets["Smile"].click()
        rest(0.3)
        self.shoot("expression", theme, size)
        window.document.undo()
        adjust.raise_()
        for name, value in (("noseTip", 60), ("weight", 45), ("earsStandOut", 70)):
            window.panels.adjust.sliders[name].setValue(value)
        wait(lambda: window.session.complete)
        rest(0.3)
        self.shoot("adjust", theme, size)
        window.panels.adjust.reset.click()
        wait(lambda: window.session.complete)
        camera.raise_()
        a["compare"].setChecked(True)
        rest(0.3)
        self.shoot("compare", theme, size)
        a["compare"].setChecked(False)
        a["anaglyph"].setChecked(True)
        window.viewer.show_view("45-left")
        rest(0.6)
        self.shoot("anaglyph", theme, size)
        a["anaglyph"].setChecked(False)
        window.viewer.show_view("front")
        points.raise_()
        rest(0.6)

    def set_up(self, theme: str, size: tuple[int, int]) -> None:
        self.window.actions_[theme].trigger()
        self.window.resize(*size)
        rest(0.3)
        self.window.editor.fit_face(animated=False)
        if self.window.viewer.view is not None:
            self.window.viewer.view.reframe()


def second_photo(photo: Path, folder: Path) -> Path:
    """Write another picture of the same person, for want of one: mirrored and cut closer."""
    from PIL import Image, ImageOps

    with Image.open(photo) as picture:
        mirrored = ImageOps.mirror(picture.convert("RGB"))
    width, height = mirrored.size
    path = folder / f"{photo.stem}-2.png"
    mirrored.crop((width // 12, 0, width - width // 12, height - height // 8)).save(path)
    return path


def write_docs(files: list[Path], folder: Path) -> None:
    """Write small pictures for the documents: one of each panel and mode, and a sheet for each size and theme."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    by_style: dict[str, list[Path]] = {}
    for file in files:
        name, theme, size = file.stem.rsplit("-", 2)
        by_style.setdefault(f"{theme}-{size}", []).append(file)
        if (theme, size) == _DOCS_STYLE:
            with Image.open(file) as picture:
                small = picture.convert("RGB")
                small.thumbnail((_DOCS_WIDTH, _DOCS_WIDTH), Image.Resampling.LANCZOS)
                small.save(folder / f"app-{name}.jpg", quality=80, optimize=True)
    for style, shots in by_style.items():
        columns, width = 4, _TILE_WIDTH
        tiles = [Image.open(shot).convert("RGB") for shot in shots]
        height = round(width * tiles[0].height / tiles[0].width)
        rows = -(-len(tiles) // columns)
        ground = tiles[0].getpixel((0, tiles[0].height - 1))
        sheet = Image.new("RGB", (columns * width, rows * height), ground)
        for number, tile in enumerate(tiles):
            small = tile.resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(small, (number % columns * width, number // columns * height))
        sheet.save(folder / f"app-all-{style}.jpg", quality=74, optimize=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("out/screenshots"))
    parser.add_argument("--photo", type=Path, help="another photo than the first sample")
    parser.add_argument("--docs", type=Path, help="also write small pictures for the documents here")
    parser.add_argument("--style", type=int, choices=range(4), help="only one of the four styles")
    args = parser.parse_args()
    from PySide6.QtCore import QSettings

    photo = args.photo or sample_photos()[0]
    args.output.mkdir(parents=True, exist_ok=True)
    make_application(["facestudio"])
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat))
        window = open_window(settings=settings)
        try:
            shots = Photographer(window, args.output)
            styles = [(theme, size) for theme in THEMES for size in SIZES]
            if args.style is not None:
                styles = styles[args.style :][:1]
            for theme, size in styles:
                shots.set_up(theme, size)
                shots.welcome(theme, size)
            window.open_path(photo)
            if not wait(lambda: window.session.complete or window.error_dialog is not None):
                print("the head was not built in time", file=sys.stderr)
                return 1
            if window.error_dialog is not None and window.error_dialog.report is not None:
                print(window.error_dialog.report.message, file=sys.stderr)
                return 1
            for theme, size in styles:
                shots.set_up(theme, size)
                shots.result(theme, size)
                shots.panels(theme, size)
                shots.brush(theme, size)
                shots.pins(theme, size)
                shots.dialogs(theme, size)
            for theme, size in styles:
                shots.set_up(theme, size)
                shots.editing(theme, size)
            more = second_photo(photo, Path(folder))
            for theme, size in styles:
                shots.set_up(theme, size)
                shots.photos(theme, size, more)
        finally:
            window.projects.prompts = False
            window.close()
    if args.docs is not None:
        write_docs(shots.files, args.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
