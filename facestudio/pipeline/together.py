"""The stages for several photos of one person: each is fitted alone, then all together; textures are blended."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from facestudio.database.model import HeadDatabase
from facestudio.errors import FacestudioError, NoFaceError
from facestudio.fitting.evidence import pixels_per_mm
from facestudio.fitting.fit_values import Fit
from facestudio.pipeline.decisions import decided
from facestudio.pipeline.request import CancelToken, FurtherPhoto, Request, Stage
from facestudio.pipeline.retrieval import likeness
from facestudio.pipeline.same_person import PersonPhoto, Sight, joint_fits, joint_shapes
from facestudio.pipeline.shape_values import Located, Shape
from facestudio.template.model import load_template
from facestudio.texture.fuse import Sitting, make_texture
from facestudio.texture.hair_choice import chosen_hair, hair_seen
from facestudio.texture.options import TextureOptions
from facestudio.texture.several import blended
from facestudio.values import FloatArray, PhotoFit, SimilarHead, Texture

_T = TypeVar("_T")


class Keep(Protocol):
    """Keeps a value under a name until its key is another."""

    def __call__(self, name: str, key: Hashable, compute: Callable[[], _T]) -> _T:  # pragma: no cover
        """Return the value kept, or compute it."""
        ...


class RunStage(Protocol):
    """Runs a stage, or takes what it gave the last time."""

    def __call__(self, which: Stage, key: Hashable, compute: Callable[[], _T]) -> _T:  # pragma: no cover
        """Return what the stage gives."""
        ...


@dataclass(frozen=True, eq=False)
class Each:
    """One of the photos: its own request, what was located in it, and a key that changes with either."""

    request: Request
    located: Located
    key: Hashable


def of_photo(request: Request, number: int) -> Request:
    """Return the request for one of the photos alone, counted from 0."""
    one = request.photos[number]
    return replace(
        request,
        **decided(FurtherPhoto, one),
        more=(),
        shown=0,
    )


def named(request: Request, error: FacestudioError) -> FacestudioError:
    """Return an error of one of several photos that says which one it is."""
    if request.photo.name in str(error):
        return error
    return type(error)(f"{request.photo.name}: {error}", hint=error.hint)


def sights_of(
    each: tuple[Each, ...], database: HeadDatabase, keep: Keep, token: CancelToken
) -> tuple[Sight, ...]:
    """Fit each photo alone; those that did not change are kept."""
    template = load_template()
    sights: list[Sight] = []
    for number, one in enumerate(each):
        token.check()
        request, located = one.request, one.located
        base = (
            one.key,
            request.database,
            request.focal_px,
            located.located is None and id(located.landmarks),
        )

        def problem(request: Request = request, located: Located = located) -> PersonPhoto:
            return PersonPhoto(request.photo, located, database, template, request.focal_px)

        try:
            own = keep(f"problem {number}", base, problem)
            # The located points are the same object for as long as nobody moves one.
            fit = keep(
                f"fit {number}",
                (base, id(located.landmarks)),
                lambda own=own, located=located: (
                    own.alone(located.landmarks, token.check),
                    located.landmarks,
                ),
            )[0]
        except NoFaceError as error:
            raise named(request, error) from error
        sights.append(Sight(own, located.landmarks, fit, request.pins))
    return tuple(sights)


def solved(
    sights: tuple[Sight, ...],
    heads: tuple[SimilarHead, ...],
    method: str,
    token: CancelToken,
    live: bool,
) -> tuple[Shape, ...]:
    """Return the one head as each photo has it."""
    fits = joint_fits(sights, token.check, heads)
    return joint_shapes(sights, fits, heads, method, token.check, live)


def similar(
    sights: tuple[Sight, ...], database: HeadDatabase, excluded: frozenset[str], token: CancelToken
) -> tuple[SimilarHead, ...]:
    """Return the database heads that are like the face that all photos tell together."""
    fits: tuple[Fit, ...] = joint_fits(sights, token.check)
    looks = likeness([(one.problem.photo, one.landmarks) for one in sights], database)
    return sights[0].problem.similar(fits[0], looks, excluded)


def photo_fits(each: tuple[Each, ...], shapes: tuple[Shape, ...]) -> tuple[PhotoFit, ...]:
    """Return what is told of each photo."""
    return tuple(
        PhotoFit(one.request.photo.name, shape.camera, shape.expression, one.located.landmarks)
        for one, shape in zip(each, shapes, strict=True)
    )


def texture_of(
    each: tuple[Each, ...],
    shapes: tuple[Shape, ...],
    posed: tuple[FloatArray, ...],
    database: HeadDatabase,
    heads: tuple[SimilarHead, ...],
    options: TextureOptions,
    check: Callable[[], None],
) -> Texture:
    """Make each photo's texture and blend them; the photo that shows the face largest and most from the front leads."""
    textures: list[Texture] = []
    detail: list[float] = []
    for one, shape, vertices in zip(each, shapes, posed, strict=True):
        check()
        face = one.located.face
        mesh = None if face is None else face.mesh.points
        request = one.request
        sitting = Sitting(request.photo, shape.camera, vertices, shape.vertices, mesh, request.unused)
        textures.append(make_texture(sitting, database, heads, options, check))
        detail.append(pixels_per_mm(shape.camera))
    lead = max(range(len(textures)), key=lambda i: textures[i].coverage.seen * min(detail[i], 4.0))
    order = [lead, *(i for i in range(len(textures)) if i != lead)]
    hair = chosen_hair(
        [
            hair_seen(one.request.photo.pixels, shape.camera, vertices)
            for one, shape, vertices in zip(each, shapes, posed, strict=True)
        ]
    )
    leading = None if hair is None else order.index(hair)
    texture = blended([textures[i] for i in order], [detail[i] for i in order], check, leading)
    coverage = texture.coverage
    assert coverage.photos is not None
    numbers = np.array(order, dtype=np.uint8)[coverage.photos]
    return replace(texture, coverage=replace(coverage, photos=numbers), hair_photo=hair)
