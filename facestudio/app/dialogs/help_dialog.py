"""Keys and gestures, and what this program is."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from facestudio import __version__
from facestudio.app.words import mark, tr

_LICENCES = (
    ("PySide6 (Qt)", "LGPL 3"),
    ("NumPy, SciPy", "BSD 3-clause"),
    ("OpenCV", "Apache 2.0"),
    ("ONNX Runtime", "MIT"),
    ("Pillow", "MIT-CMU"),
    ("PyOpenGL", "BSD 3-clause"),
    ("trimesh, pygltflib", "MIT"),
    (mark("MediaPipe's face models"), "Apache 2.0"),
    (mark("MakeHuman's head and expressions"), "CC0"),
)

_GESTURES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = mark(
    (
        (
            "Photo",
            (
                ("Drag a point", "move it; with its selection if it is selected"),
                ("Alt + drag", "move the whole part"),
                ("Drag beside the points", "select with a rectangle"),
                ("Shift + drag", "pin the head there to the photo: ear, hairline, outline"),
                ("Ctrl + click", "add a point to the selection, or take it out"),
                ("Double click a point", "select its part"),
                ("Arrows, Shift + arrows", "move the selection by 1 or 10 pixels"),
                ("[ and ]", "select the point before or after"),
                ("Wheel", "zoom to the pointer"),
                ("Middle button, Space + drag", "pan"),
                ("Escape", "give a drag up; clear the selection"),
                ("Click another face", "use that face"),
            ),
        ),
        (
            "Everywhere",
            (
                ("Ctrl + O, Ctrl + S", "open a photo or a project, save the project"),
                ("Ctrl + Z, Ctrl + Shift + Z", "take back, do again: points, sliders, heads, lens"),
                ("F5, Ctrl + .", "build again, cancel"),
            ),
        ),
        (
            "Head",
            (
                ("Drag", "turn"),
                ("Right button, Shift + drag", "pan"),
                ("Wheel", "zoom to the pointer"),
                ("Double click", "back to the front"),
                ("1 2 3 4 5 6", "front, 45° left, left, 45° right, right, back"),
                ("T C W", "textured, clay, wireframe"),
                ("U N V", "colour only, normals, coverage"),
                ("B, A, K, X", "beside the photo, stereoscopic, landmarks, expression of the photo"),
            ),
        ),
    )
)


class HelpDialog(QDialog):
    """A table of gestures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keys and gestures"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(5)
        row = 0
        for title, entries in _GESTURES:
            heading = QLabel(tr(title))
            heading.setObjectName("heading")
            heading.setContentsMargins(0, 10 if row else 0, 0, 2)
            grid.addWidget(heading, row, 0, 1, 2)
            row += 1
            for gesture, meaning in entries:
                what = QLabel(tr(meaning))
                what.setObjectName("muted")
                grid.addWidget(QLabel(tr(gesture)), row, 0)
                grid.addWidget(what, row, 1)
                row += 1
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 14)
        column.setSpacing(16)
        column.addLayout(grid)
        column.addWidget(buttons)


class AboutDialog(QDialog):
    """Name, version, licence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About facestudio"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = QLabel(
            f"<b>facestudio {__version__}</b><p>"
            + tr("One photo of a face becomes a complete, textured, closed 3D head.")
            + "</p><p>"
            + tr("Apache License 2.0. The heads you make are yours, for commercial work too.")
            + "</p><p>"
            + tr("It stands on")
            + "</p><table cellspacing='3'>"
            + "".join(
                f"<tr><td>{tr(what)}&nbsp;&nbsp;</td><td>{licence}</td></tr>" for what, licence in _LICENCES
            )
            + "</table><p>"
            + tr("The file NOTICE has all of them.")
            + "</p>"
        )
        text.setTextFormat(Qt.TextFormat.RichText)
        text.setWordWrap(True)
        text.setMinimumWidth(340)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 14)
        column.addWidget(text)
        column.addWidget(buttons)
