"""The docks Similar heads, Expression and Camera, as a person uses them; each move is an undo step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Person
from fake_runner import FakeRunner
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from facestudio.app.editor.picture import array_of
from facestudio.app.panels import heads_panel
from facestudio.app.panels.camera_panel import equivalent_mm
from facestudio.app.panels.expression_panel import PRESETS, moving, weights_of
from facestudio.app.viewer.uncertainty import STOPS, colours_of, shares, uncertainty_picture
from facestudio.database.model import DEFAULT_DATABASE
from facestudio.pipeline.request import Stage
from facestudio.template.model import load_template
from facestudio.template.sliders import load_sliders
from facestudio.values import ARKIT_NAMES


@pytest.fixture(autouse=True)
def _pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for thumbnails: the fake runner's heads are in no database."""
    monkeypatch.setattr(
        heads_panel,
        "draw_heads",
        lambda database, ids, ratio: {name: np.full((80, 64, 3), 90, dtype=np.uint8) for name in ids},
    )
    closest = (
        ("eyes", "mh-0042", 0.7),
        ("nose", "mh-0300", 0.4),
        ("mouth", "mh-0107", 0.9),
        ("jaw", "mh-0300", 1.1),
    )
    monkeypatch.setattr(heads_panel, "closest_heads", lambda database, landmarks, excluded: closest)


def texts(person: Person) -> list[str]:
    stack = person.window.document.undo_stack
    return [stack.text(i) for i in range(stack.count())]


# Expression


def test_every_shape_has_a_slider_and_moves_the_head(person: Person, qtbot: Any, opengl: None) -> None:
    panel, document = person.window.panels.expression, person.window.document
    assert sorted(panel.sliders) == sorted(ARKIT_NAMES)
    person.window.docks[3].raise_()
    qtbot.waitUntil(lambda: person.window.viewer.view is not None, timeout=20_000)
    view = person.window.viewer.view
    requests = len(person.window.session.builder._maker._runner.requests)
    slider = panel.sliders["jawOpen"]
    slider.setSliderDown(True)
    for value in (20, 50, 80):
        slider.setValue(value)
        assert view.weights[ARKIT_NAMES.index("jawOpen")] == pytest.approx(value / 100)
    assert document.undo_stack.count() == 0  # until it is let go
    slider.setSliderDown(False)
    slider.sliderReleased.emit()
    assert texts(person) == ["Jaw open"]
    person.window.actions_["undo"].trigger()
    assert slider.value() == 0
    assert not view.weights.any()
    person.window.actions_["redo"].trigger()
    assert slider.value() == 80
    # Nothing was built for it.
    assert len(person.window.session.builder._maker._runner.requests) == requests


def test_keys_move_a_slider_one_step_each(person: Person) -> None:
    slider = person.window.panels.expression.sliders["cheekPuff"]
    for _ in range(2):
        QTest.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == 2
    assert texts(person) == ["Cheek puff", "Cheek puff"]


def test_presets_and_back_to_what_was_found(person: Person) -> None:
    panel, document = person.window.panels.expression, person.window.document
    for name, button in panel.presets.items():
        button.click()
        assert document.state.expression == weights_of(PRESETS[name])
        for shape, value in PRESETS[name].items():
            assert panel.sliders[shape].value() == round(100 * value)
    panel.found_button.click()
    assert document.state.expression is None
    for _ in texts(person):
        document.undo()
    assert document.state.expression is None
    assert not any(slider.value() for slider in panel.sliders.values())


def test_presets_name_shapes_there_are() -> None:
    for preset in PRESETS.values():
        assert set(preset) <= set(ARKIT_NAMES)
        assert all(0 < weight <= 1 for weight in preset.values())


def test_finding_a_shape(person: Person) -> None:
    panel = person.window.panels.expression
    person.window.docks[3].raise_()
    panel.search.setText("brow down")
    assert {n for n, s in panel.sliders.items() if not s.isHidden()} == {"browDownLeft", "browDownRight"}
    panel.search.clear()
    assert not any(s.isHidden() for s in panel.sliders.values())


def test_the_preview_moves_and_stops_by_itself(person: Person, qtbot: Any, opengl: None) -> None:
    panel = person.window.panels.expression
    qtbot.waitUntil(lambda: person.window.viewer.view is not None, timeout=20_000)
    person.window.docks[3].raise_()
    qtbot.waitUntil(panel.isVisible)
    view = person.window.viewer.view
    panel.play.click()
    seen: list[float] = []
    panel.moving.connect(lambda w: seen.append(0.0 if w is None else float(w.sum())))
    qtbot.waitUntil(lambda: len(seen) > 4 and view.weights.any(), timeout=20_000)
    person.window.docks[0].raise_()  # out of sight
    qtbot.waitUntil(lambda: not panel.playing)
    assert not view.weights.any()
    assert person.window.document.undo_stack.count() == 0
    values = np.array([moving(t) for t in range(0, 4000, 10)])
    assert values.min() >= 0
    assert values.max() <= 1
    assert values[:, ARKIT_NAMES.index("eyeBlinkLeft")].max() > 0.9


# Similar heads


def test_heads_are_listed_heaviest_first_with_pictures(person: Person, qtbot: Any) -> None:
    panel = person.window.panels.heads
    assert list(panel.rows) == ["mh-0042", "mh-0107"]
    row = panel.rows["mh-0042"]
    assert (row.score.text(), row.percent.text(), row.weight.value()) == ("91 % alike", "60 %", 60)
    qtbot.waitUntil(lambda: not row.picture.pixmap().isNull(), timeout=20_000)


def test_leaving_a_head_out_and_taking_it_back(person: Person, runner: FakeRunner) -> None:
    panel = person.window.panels.heads
    panel.rows["mh-0042"].out.click()
    person.settle()
    assert runner.requests[-1].excluded_heads == {"mh-0042"}
    assert list(panel.rows) == ["mh-0107", "mh-0300"]
    assert list(panel.back) == ["mh-0042"]
    panel.back["mh-0042"].click()
    person.settle()
    assert list(panel.rows) == ["mh-0042", "mh-0107"]
    assert texts(person) == ["Leave mh-0042 out", "Use mh-0042 again"]
    person.window.actions_["undo"].trigger()
    person.settle()
    assert list(panel.rows) == ["mh-0107", "mh-0300"]


def test_weighing_a_head_live_and_pinning(person: Person, runner: FakeRunner, qtbot: Any) -> None:
    panel, session = person.window.panels.heads, person.window.session
    runner.forget()
    row = panel.rows["mh-0107"]
    row.weight.setSliderDown(True)
    row.weight.setValue(90)
    qtbot.waitUntil(lambda: len(runner.finished) == 1, timeout=20_000)
    assert runner.requests[0].texture_size == 0  # live: geometry alone
    assert dict(runner.requests[0].head_weights) == {"mh-0107": 0.9}
    row.weight.setSliderDown(False)
    row.weight.sliderReleased.emit()
    person.settle()
    assert session.head.similar_heads[0].weight == pytest.approx(0.6 / 1.5)
    assert texts(person) == ["Weight of mh-0107"]
    assert panel.rows["mh-0107"].pin.isChecked()
    panel.rows["mh-0042"].pin.click()
    assert set(dict(person.window.document.state.head_weights)) == {"mh-0042", "mh-0107"}
    person.settle()
    panel.reset.click()
    person.settle()
    assert person.window.document.state.head_weights == ()
    assert not panel.rows["mh-0042"].pin.isChecked()


def test_the_closest_head_of_a_region_is_pinned(person: Person, runner: FakeRunner, qtbot: Any) -> None:
    strip, document = person.window.panels.heads.regions, person.window.document
    person.window.docks[2].raise_()
    qtbot.waitUntil(strip.isVisible, timeout=20_000)
    assert strip.heads == {"eyes": "mh-0042", "nose": "mh-0300", "mouth": "mh-0107", "jaw": "mh-0300"}
    assert "0.4 mm" in strip.buttons["nose"].toolTip()
    qtbot.waitUntil(lambda: not strip.buttons["jaw"].icon().isNull(), timeout=20_000)
    strip.buttons["nose"].click()
    person.settle()
    assert dict(runner.requests[-1].head_weights) == {"mh-0300": 0.2}
    assert strip.buttons["jaw"].isChecked()  # the same head
    strip.buttons["jaw"].click()
    person.settle()
    assert document.state.head_weights == ()
    assert texts(person) == ["Pin mh-0300", "Unpin mh-0300"]


def test_another_database_is_chosen(
    person: Person, runner: FakeRunner, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "facestudio.database.model.database_folders", lambda: {"mine": Path(), DEFAULT_DATABASE: Path()}
    )
    panel, document = person.window.panels.heads, person.window.document
    panel.rows["mh-0042"].out.click()
    person.settle()
    assert [panel.database.itemText(i) for i in range(panel.database.count())] == ["mine", DEFAULT_DATABASE]
    person.window.docks[2].raise_()
    qtbot.waitUntil(panel.database.isVisible)
    QTest.keyClick(panel.database, Qt.Key.Key_Up)
    person.settle()
    assert (runner.requests[-1].database, runner.requests[-1].excluded_heads) == ("mine", frozenset())
    person.window.actions_["undo"].trigger()
    person.settle()
    assert document.state.database == DEFAULT_DATABASE
    assert document.state.excluded_heads == {"mh-0042"}
    assert panel.database.currentText() == DEFAULT_DATABASE


# Camera


def test_the_lens_is_changed_live_and_put_back(person: Person, runner: FakeRunner, qtbot: Any) -> None:
    panel, session = person.window.panels.camera, person.window.session
    before = session.head.camera
    assert f"{equivalent_mm(before.fx, before.image_size):.0f} mm" in panel.value.text()
    runner.forget()
    panel.lens.setSliderDown(True)
    panel.lens.setValue(60)
    qtbot.waitUntil(lambda: len(runner.finished) == 1, timeout=20_000)
    assert runner.requests[0].texture_size == 0
    panel.lens.setSliderDown(False)
    panel.lens.sliderReleased.emit()
    person.settle()
    assert session.head.camera.fx == pytest.approx(runner.requests[0].focal_px)
    assert session.head.camera.translation_mm[2] < before.translation_mm[2]
    assert "chosen" in panel.value.text()
    assert texts(person) == ["Focal length"]
    panel.found.click()
    person.settle()
    assert session.head.camera.fx == pytest.approx(before.fx)
    assert not panel.found.isEnabled()


def test_another_photo_starts_anew(person: Person, photo_file: Any, runner: FakeRunner) -> None:
    window = person.window
    window.panels.heads.rows["mh-0042"].out.click()
    window.panels.expression.presets["Smile"].click()
    person.settle()
    runner.forget()
    window.open_path(photo_file)
    person.bot.waitUntil(lambda: bool(runner.requests) and window.session.complete, timeout=20_000)
    assert runner.requests[-1].excluded_heads == frozenset()
    assert window.document.state.expression is None
    assert not window.panels.heads.back
    assert Stage.TEXTURE not in runner.cancelled_in


def test_the_photo_beside_the_head(person: Person, qtbot: Any, opengl: None) -> None:
    window = person.window
    qtbot.waitUntil(lambda: window.actions_["compare"].isEnabled(), timeout=20_000)
    view = window.viewer.view
    window.actions_["compare"].trigger()
    assert view.photo_area is not None
    qtbot.waitUntil(view.wipe.isVisible)
    # What both show is at the same place: the nose tip of the photo and of the head.
    from facestudio.geometry.camera import project

    camera = view.camera((view.width(), view.height()))
    head, _ = project(camera, window.session.head.landmarks_3d_posed[30:31])
    tip = person.points[30]
    transform = view.wipe.transform()
    assert head[0] + 0.5 == pytest.approx(
        [tip[0] * transform.scale + transform.x, tip[1] * transform.scale + transform.y], abs=0.6
    )
    QTest.mouseClick(view.wipe, Qt.MouseButton.LeftButton, pos=view.rect().center() / 2)
    assert view.wipe.share == pytest.approx(0.25, abs=0.02)
    assert not view.wipe.grab().toImage().isNull()
    QTest.keyClick(view.wipe, Qt.Key.Key_Right)
    assert view.wipe.share == pytest.approx(0.27, abs=0.02)
    window.actions_["left"].trigger()  # a view of its own ends it
    assert not view.wipe.isVisible()
    assert view.photo_area is None


def test_coverage_has_a_legend(person: Person, qtbot: Any, opengl: None) -> None:
    qtbot.waitUntil(lambda: person.window.viewer.view is not None, timeout=20_000)
    legend = person.window.viewer.view.legend
    person.window.actions_["coverage"].trigger()
    qtbot.waitUntil(legend.isVisible)
    assert "62 %  seen in the photo" in legend.accessibleName()
    person.window.actions_["textured"].trigger()
    assert not legend.isVisible()


def test_uncertainty_is_shown_where_it_is_known(
    person: Person, qtbot: Any, opengl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = person.window
    qtbot.waitUntil(lambda: window.viewer.view is not None, timeout=20_000)
    assert not window.actions_["uncertainty"].isVisible()  # this runner does not tell
    count = len(window.session.head.vertices)
    doubt = np.linspace(1.0, 9.0, count).astype(np.float32)
    for module in ("figure", "head_view"):
        monkeypatch.setattr(f"facestudio.app.viewer.{module}.uncertainty_of", lambda head: doubt)
    window.session.rebuild()
    person.settle()
    qtbot.waitUntil(window.actions_["uncertainty"].isVisible)
    window.actions_["uncertainty"].trigger()
    view = window.viewer.view
    qtbot.waitUntil(lambda: view.is_current and view.legend.isVisible(), timeout=20_000)
    assert "Uncertainty" in view.legend.accessibleName()
    uncertain = array_of(view.picture())
    window.actions_["coverage"].trigger()
    qtbot.waitUntil(lambda: view.is_current, timeout=20_000)
    assert np.abs(array_of(view.picture()).astype(int) - uncertain).max() > 60
    assert "Coverage" in view.legend.accessibleName()


def test_uncertainty_has_a_colour_everywhere() -> None:
    count = len(load_template().vertices)
    low, high = STOPS[0][0], STOPS[-1][0]
    for value in (0.1, 3.0, 20.0):
        picture = uncertainty_picture(np.full(count, value, dtype=np.float32))
        colour = colours_of(np.array([min(max(value, low), high)]))[0]
        drawn = picture[picture.any(axis=2)].astype(int)
        assert len(drawn) > 0.6 * picture[..., 0].size
        assert np.abs(drawn - colour).max() <= 6
    assert sum(shares(np.linspace(0, 4, count).astype(np.float32))) == pytest.approx(1.0)


def test_light_is_chosen(person: Person, qtbot: Any, opengl: None) -> None:
    from facestudio.render.lighting import LIGHT_PRESETS

    qtbot.waitUntil(lambda: person.window.viewer.view is not None, timeout=20_000)
    box = person.window.panels.camera.light
    for number in range(box.count()):
        box.setCurrentIndex(number)
        assert person.window.viewer.view.lighting is LIGHT_PRESETS.get(box.currentData())
    assert {box.itemData(i) for i in range(box.count())} == {"", *LIGHT_PRESETS}


# Adjust


def test_sliders_shape_the_head_live_and_are_undone(person: Person, runner: FakeRunner, qtbot: Any) -> None:
    panel, session, document = person.window.panels.adjust, person.window.session, person.window.document
    assert sorted(panel.sliders) == sorted(load_sliders().names)
    before = session.head.vertices
    runner.forget()
    slider = panel.sliders["noseTip"]
    slider.setSliderDown(True)
    slider.setValue(70)
    qtbot.waitUntil(lambda: len(runner.finished) == 1, timeout=20_000)
    assert runner.requests[0].texture_size == 0  # live: geometry alone
    assert runner.requests[0].adjustments == (("noseTip", 0.7),)
    slider.setSliderDown(False)
    slider.sliderReleased.emit()
    person.settle()
    assert session.head.texture is not None
    assert np.abs(session.head.vertices - before).max() > 2
    assert texts(person) == ["Nose: tip"]
    QTest.keyClick(panel.sliders["earSize"], Qt.Key.Key_PageUp)
    person.settle()
    assert document.state.adjustments == (("earSize", 0.1), ("noseTip", 0.7))
    QTest.mouseDClick(slider, Qt.MouseButton.LeftButton)
    person.settle()
    assert slider.value() == 0
    assert document.state.adjustments == (("earSize", 0.1),)
    panel.reset.click()
    person.settle()
    assert document.state.adjustments == ()
    assert np.array_equal(session.head.vertices, before)
    assert not panel.reset.isEnabled()
    for _ in range(3):
        document.undo()
    person.settle()
    assert slider.value() == 70
