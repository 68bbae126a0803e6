"""How values on the command line are read."""

import argparse

import pytest

from facestudio.cli.options import formats, output_name, picture_size, whole_number


def test_formats_are_read_in_order_and_once() -> None:
    assert formats("glb, OBJ,glb") == ("glb", "obj")


@pytest.mark.parametrize("text", ["", ",", "fbx", "obj,fbx", "obj;glb"])
def test_unknown_formats_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="obj, glb, ply, stl, usd"):
        formats(text)


def test_whole_numbers_know_their_range() -> None:
    read = whole_number(1, 10)
    assert [read("1"), read("10")] == [1, 10]
    for text in ("0", "11", "-1"):
        with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 10"):
            read(text)
    for text in ("", "1.5", "two", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match="not a whole number"):
            read(text)
    with pytest.raises(argparse.ArgumentTypeError, match="3 or more"):
        whole_number(3)("2")


def test_a_size_is_width_times_height() -> None:
    assert picture_size("1280x960") == (1280, 960)
    assert picture_size("64X32") == (64, 32)


@pytest.mark.parametrize(
    "text", ["", "1280", "x", "1280x", "x960", "1280x960x3", "axb", "0x0", "-1x5", "9999x10"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        picture_size(text)


@pytest.mark.parametrize("text", ["a", "My face", "ü", "a.b", "-"])
def test_names_that_files_can_have(text: str) -> None:
    assert output_name(text) == text


@pytest.mark.parametrize("text", ["", " ", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\0", "a:b", "x" * 121])
def test_names_that_files_cannot_have(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        output_name(text)
