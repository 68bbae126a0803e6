"""The dock "Similar heads": which database heads were used, how much, and the person's say in it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from facestudio.app.appearance.theme import Appearance
from facestudio.app.document.document import Document
from facestudio.app.panels.regions_strip import RegionsStrip
from facestudio.app.panels.thumbnails import THUMBNAIL, closest_heads, draw_heads
from facestudio.app.words import tr
from facestudio.app.worker.tasks import Tasks
from facestudio.values import ByteArray, Head, SimilarHead

_SHOWN = 12
_REGION_WEIGHT = 0.2  # of a head that is pinned for one region of its face


class HeadRow(QFrame):
    """One head: picture, name, similarity, weight, pin, leave out."""

    def __init__(
        self, appearance: Appearance, pinned: Callable[[bool], None], left_out: Callable[[], None]
    ) -> None:
        super().__init__()
        self.picture, self.name, self.score = QLabel(), QLabel(), QLabel()
        self.picture.setFixedSize(QSize(*THUMBNAIL))
        self.picture.setObjectName("thumbnail")
        self.name.setMinimumWidth(20)
        self.score.setObjectName("muted")
        self.weight = QSlider(Qt.Orientation.Horizontal)
        self.weight.setRange(0, 100)
        self.weight.setMinimumWidth(50)
        self.percent = QLabel()
        self.percent.setMinimumWidth(34)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.pin, self.out = QToolButton(), QToolButton()
        self.pin.setCheckable(True)
        self.pin.setToolTip(tr("Keep this weight, whatever else changes"))
        self.pin.clicked.connect(pinned)
        self.out.setToolTip(tr("Leave this head out"))
        self.out.clicked.connect(lambda: left_out())
        for button, icon in ((self.pin, "pin"), (self.out, "close")):
            button.setAutoRaise(True)
            button.setIconSize(QSize(16, 16))
            button.setIcon(appearance.icon(icon))
        top, middle = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.name, 1)
        top.addWidget(self.pin)
        top.addWidget(self.out)
        middle.addWidget(self.weight, 1)
        middle.addWidget(self.percent)
        column = QVBoxLayout()
        column.setSpacing(1)
        for part in (top, middle):
            part.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self.score)
        column.addLayout(middle)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.setSpacing(9)
        row.addWidget(self.picture)
        row.addLayout(column, 1)


class HeadsPanel(QWidget):
    """The similar heads, heaviest first; weights and exclusions are undo steps, and the head follows."""

    def __init__(
        self,
        document: Document,
        tasks: Tasks,
        call: Callable[..., Any],
        appearance: Appearance,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._document, self._tasks, self._call, self._appearance = document, tasks, call, appearance
        self._heads: tuple[SimilarHead, ...] = ()
        self._database = ""
        self._pictures: dict[tuple[str, str], QPixmap] = {}
        self._asked: set[tuple[str, str]] = set()
        self.rows: dict[str, HeadRow] = {}
        self.back: dict[str, QPushButton] = {}
        self._setting = False
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(6)
        self._intro = QLabel()
        self._intro.setWordWrap(True)
        self._intro.setObjectName("muted")
        column.addWidget(self._intro)
        self.database = QComboBox()
        self.database.setAccessibleName(tr("Database of heads"))
        self.database.setToolTip(
            tr("Where similar heads come from; facestudio database makes and imports others")
        )
        self.database.activated.connect(lambda number: self._use(self.database.itemText(number)))
        column.addWidget(self.database)
        self._list, self._out = QVBoxLayout(), QVBoxLayout()
        self._list.setSpacing(8)
        self._out_title = QLabel(tr("Left out"))
        self._out_title.setObjectName("sectionTitle")
        self.reset = QPushButton(tr("As found"))
        self.reset.setToolTip(tr("Forget all weights and exclusions"))
        self.reset.clicked.connect(self._reset)
        self.regions = RegionsStrip(self._pin_region)
        self._sought: int | None = None
        column.addWidget(self.regions)
        column.addLayout(self._list)
        column.addWidget(self._out_title)
        column.addLayout(self._out)
        column.addWidget(self.reset)
        column.addStretch()
        document.choices_changed.connect(self._update)
        appearance.changed.connect(self._rebuild)
        self._update()

    def show_head(self, head: Head | None) -> None:
        """Show which heads were used."""
        for _ in self.showing(head):
            pass

    def showing(self, head: Head | None) -> Iterator[None]:
        """Do `show_head` in slices."""
        self._heads = (
            () if head is None else tuple(sorted(head.similar_heads, key=lambda h: -h.weight)[:_SHOWN])
        )
        self._database = "" if head is None else head.database
        yield from self._updating()
        self._list_databases()
        self._seek(head)

    def _rebuild(self) -> None:
        for name in list(self.rows):
            self._drop(name)
        self._update()

    def _drop(self, name: str) -> None:
        row = self.rows.pop(name)
        self._list.removeWidget(row)
        row.hide()  # it is deleted when control returns to the event loop, and must not be seen till then
        row.deleteLater()

    def _update(self) -> None:
        for _ in self._updating():
            pass

    def _updating(self) -> Iterator[None]:
        busy = any(row.weight.isSliderDown() for row in self.rows.values())
        if not busy:  # rows stay where they are while one is dragged
            wanted = [head.id for head in self._heads]
            for name in [n for n in self.rows if n not in wanted]:
                self._drop(name)
            for place, name in enumerate(wanted):
                if name not in self.rows:
                    self.rows[name] = self._make_row(name)
                if self._list.indexOf(self.rows[name]) != place:
                    self._list.removeWidget(self.rows[name])
                    self._list.insertWidget(place, self.rows[name])
                    yield
            self.rows = {name: self.rows[name] for name in wanted}
        state = self._document.state  # it may have changed since the rows were begun
        chosen = dict(state.head_weights)
        self._setting = True
        for head in self._heads:
            row = self.rows.get(head.id)
            if row is None:
                continue
            row.name.setText(head.id)
            row.name.setToolTip(head.id)
            alike = (
                tr("{value:.0f} % alike", value=100 * head.similarity) if head.similarity else tr("chosen")
            )
            row.score.setText(alike)
            row.percent.setText(f"{100 * head.weight:.0f} %")
            row.pin.setChecked(head.id in chosen)
            if not row.weight.isSliderDown():
                row.weight.setValue(round(100 * head.weight))
        self._setting = False
        self._intro.setText(
            tr(
                "The head's shape leans on these database heads, and what the photo does not show is borrowed"
                " from them."
            )
            if self._heads
            else tr("No head yet.")
        )
        self.regions.show_pinned(set(chosen))
        self._update_out(state.excluded_heads)
        self.reset.setVisible(bool(state.excluded_heads or state.head_weights))
        self._draw()

    def _update_out(self, excluded: frozenset[str]) -> None:
        for name in [n for n in self.back if n not in excluded]:
            button = self.back.pop(name)
            self._out.removeWidget(button)
            button.hide()
            button.deleteLater()
        for name in sorted(excluded - set(self.back)):
            button = QPushButton(tr("Use {name} again", name=name))
            button.clicked.connect(lambda checked=False, n=name: self._take_back(n))
            self._out.addWidget(button)
            self.back[name] = button
        self._out_title.setVisible(bool(excluded))

    def _make_row(self, name: str) -> HeadRow:
        row = HeadRow(self._appearance, lambda on: self._pin(name, on), lambda: self._leave_out(name))
        row.weight.setAccessibleName(tr("Weight of {name}", name=name))
        row.pin.setAccessibleName(tr("Pin {name}", name=name))
        row.out.setAccessibleName(tr("Leave {name} out", name=name))
        row.weight.valueChanged.connect(lambda _: self._weigh(name))
        row.weight.sliderReleased.connect(lambda: self._document.commit(tr("Weight of {name}", name=name)))
        picture = self._pictures.get((self._database, name))
        if picture is not None:
            row.picture.setPixmap(picture)
        return row

    # What the person says

    def _with(self, name: str, weight: float | None) -> tuple[tuple[str, float], ...]:
        chosen = dict(self._document.state.head_weights)
        chosen.pop(name, None)
        if weight is not None:
            chosen[name] = weight
        return tuple(sorted(chosen.items()))

    def _weigh(self, name: str) -> None:
        if self._setting:
            return
        row, document = self.rows[name], self._document
        document.preview_state(
            replace(document.state, head_weights=self._with(name, max(row.weight.value(), 1) / 100))
        )
        if not row.weight.isSliderDown():
            document.commit(tr("Weight of {name}", name=name))

    def _pin(self, name: str, on: bool) -> None:
        document = self._document
        weight = next((head.weight for head in self._heads if head.id == name), 0.0)
        chosen = self._with(name, weight if on else None)
        document.change(
            replace(document.state, head_weights=chosen),
            tr("Pin {name}", name=name) if on else tr("Unpin {name}", name=name),
        )

    def _leave_out(self, name: str) -> None:
        document = self._document
        state = replace(
            document.state,
            excluded_heads=document.state.excluded_heads | {name},
            head_weights=self._with(name, None),
        )
        document.change(state, tr("Leave {name} out", name=name))

    def _take_back(self, name: str) -> None:
        document = self._document
        state = replace(document.state, excluded_heads=document.state.excluded_heads - {name})
        document.change(state, tr("Use {name} again", name=name))

    def _reset(self) -> None:
        document = self._document
        document.change(
            replace(document.state, excluded_heads=frozenset(), head_weights=()), tr("Heads as found")
        )

    def _pin_region(self, name: str, on: bool) -> None:
        document = self._document
        weight = max([_REGION_WEIGHT, *(head.weight for head in self._heads if head.id == name)])
        chosen = self._with(name, weight if on else None)
        document.change(
            replace(document.state, head_weights=chosen),
            tr("Pin {name}", name=name) if on else tr("Unpin {name}", name=name),
        )

    def _use(self, database: str) -> None:
        """Use another database; what was said of the heads of this one means nothing there."""
        document = self._document
        if database != document.state.database:
            state = replace(document.state, database=database, excluded_heads=frozenset(), head_weights=())
            document.change(state, tr("Database {database}", database=database))

    def _list_databases(self) -> None:
        from facestudio.database.model import database_folders

        names = sorted({*database_folders(), self._document.state.database})
        if names != [self.database.itemText(i) for i in range(self.database.count())]:
            self.database.clear()
            self.database.addItems(names)
        self.database.setCurrentText(self._document.state.database)
        self.database.setEnabled(bool(self._heads) and len(names) > 1)

    # Regions and pictures

    def _seek(self, head: Head | None) -> None:
        """Find the closest head of each region, in the background, for a head that stays."""
        if head is None:
            self.regions.tell(())
        if head is None or head.texture is None or self._document.in_gesture:
            return
        if self._sought is not None:
            self._tasks.forget(self._sought)
        database, landmarks, excluded = head.database, head.landmarks_3d, self._document.state.excluded_heads

        def show(closest: tuple[tuple[str, str, float], ...]) -> None:
            self._sought = None
            if self._heads and database == self._database:
                self.regions.tell(closest)
                self.regions.show_pinned(set(dict(self._document.state.head_weights)))
                self._draw()

        self._sought = self._tasks.start(
            lambda: self._call(closest_heads, database, landmarks, excluded), show
        )

    def _draw(self) -> None:
        database = self._database
        self.regions.show_pictures(lambda name: self._pictures.get((database, name)))
        wanted = dict.fromkeys([*(head.id for head in self._heads), *self.regions.heads.values()])
        missing = tuple(name for name in wanted if (database, name) not in self._asked)
        if not missing or self._document.in_gesture:
            return
        self._asked.update((database, name) for name in missing)
        ratio = self.devicePixelRatioF()

        def show(pictures: dict[str, ByteArray]) -> None:
            from facestudio.app.editor.picture import qimage_of

            for name, pixels in pictures.items():
                image: QImage = qimage_of(pixels)
                image.setDevicePixelRatio(ratio)
                self._pictures[database, name] = QPixmap.fromImage(image)
                if name in self.rows:
                    self.rows[name].picture.setPixmap(self._pictures[database, name])
            if database == self._database:
                self.regions.show_pictures(lambda name: self._pictures.get((database, name)))

        self._tasks.start(lambda: self._call(draw_heads, database, missing, ratio), show)
