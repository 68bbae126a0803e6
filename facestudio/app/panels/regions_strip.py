"""Under the similar heads: the closest head of each region of the face, to be pinned with a click."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from facestudio.app.words import mark, tr

REGIONS = ("eyes", "nose", "mouth", "jaw")
_NAMES = {"eyes": mark("Eyes"), "nose": mark("Nose"), "mouth": mark("Mouth"), "jaw": mark("Jaw")}
_PICTURE = QSize(48, 60)


class RegionsStrip(QWidget):
    """Four buttons with a head each; checked where the head is pinned.

    Parameters
    ----------
    chosen
        Called with the id of the head that was clicked, and whether it is to be pinned.
    """

    def __init__(self, chosen: Callable[[str, bool], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heads: dict[str, str] = {}
        self.buttons: dict[str, QToolButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(4)
        title = QLabel(tr("Closest by region"))
        title.setObjectName("sectionTitle")
        column.addWidget(title)
        row = QHBoxLayout()
        row.setSpacing(4)
        for region in REGIONS:
            button = QToolButton()
            button.setText(tr(_NAMES[region]))
            button.setObjectName("regionHead")
            button.setCheckable(True)
            button.setAutoRaise(True)
            button.setIconSize(_PICTURE)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.clicked.connect(lambda on, r=region: chosen(self.heads[r], on))
            row.addWidget(button)
            self.buttons[region] = button
        row.addStretch()
        column.addLayout(row)
        self.tell(())

    def tell(self, closest: tuple[tuple[str, str, float], ...]) -> None:
        """Show (region, head, distance mm); nothing hides the strip."""
        self.heads = {region: name for region, name, _ in closest if region in self.buttons}
        self.setVisible(bool(self.heads))
        for region, name, distance in closest:
            button = self.buttons.get(region)
            if button is None:
                continue
            button.setToolTip(
                tr(
                    "{region} of {name}: the nearest, {distance:.1f} mm on average.\nA click has this head used.",
                    region=tr(_NAMES[region]),
                    name=name,
                    distance=distance,
                )
            )
            button.setAccessibleName(
                tr("Closest by region: {region}, {name}", region=tr(_NAMES[region]), name=name)
            )

    def show_pinned(self, pinned: set[str]) -> None:
        """Check the heads that are pinned."""
        for region, name in self.heads.items():
            self.buttons[region].setChecked(name in pinned)

    def show_pictures(self, picture: Callable[[str], QPixmap | None]) -> None:
        """Show the pictures there are, by a head's id."""
        for region, name in self.heads.items():
            found = picture(name)
            self.buttons[region].setIcon(QIcon() if found is None else QIcon(found))
