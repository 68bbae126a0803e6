"""The menu of variants: heads of one photo that were decided otherwise, by name."""

from functools import partial

from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from facestudio.app.document.document import Document
from facestudio.app.words import tr

_LONGEST = 60


class VariantsMenu(QMenu):
    """Keeps what is decided now under a name, goes back to it, deletes it; each is one undo step."""

    def __init__(self, document: Document, parent: QWidget) -> None:
        super().__init__(tr("Variants"), parent)
        self._document = document
        self.question: QInputDialog | None = None
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """List what there is now."""
        self.clear()
        document = self._document
        there = document.photo is not None and document.landmarks is not None
        keep = self.addAction(tr("Keep as a variant…"), self.ask)
        keep.setToolTip(tr("Keep all that is decided now under a name"))
        keep.setEnabled(there and not document.in_gesture)
        names = [name for name, _ in document.state.variants]
        if not names:
            return
        self.addSeparator()
        for name in names:
            action = self.addAction(_plain(name), partial(document.use_variant, name))
            action.setCheckable(True)
            action.setChecked(document.is_variant(name))
        self.addSeparator()
        delete = self.addMenu(tr("Delete"))
        for name in names:
            delete.addAction(_plain(name), partial(document.delete_variant, name))

    def ask(self) -> None:
        """Ask for a name, and keep the variant."""
        taken = {name for name, _ in self._document.state.variants}
        number = 1
        while f"Variant {number}" in taken:
            number += 1
        question = QInputDialog(self.parentWidget())
        question.setWindowTitle(tr("Keep as a variant"))
        question.setLabelText(tr("Name (one of the same name is replaced)"))
        question.setTextValue(tr("Variant {number}", number=number))

        def done(accepted: int) -> None:
            self.question = None
            name = question.textValue().strip()[:_LONGEST]
            question.deleteLater()
            if accepted and name:
                self._document.keep_variant(name)

        question.finished.connect(done)
        self.question = question
        question.open()


def _plain(name: str) -> str:
    return name.replace("&", "&&")
