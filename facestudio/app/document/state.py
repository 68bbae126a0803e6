"""All that an undo step changes, as one value."""

from dataclasses import dataclass, replace

from facestudio.pipeline.decisions import HeadDecisions, PhotoDecisions, PhotoWork, decided, decided_alike
from facestudio.pipeline.project import Project, ProjectPhoto
from facestudio.values import Photo


@dataclass(frozen=True, eq=False)
class EditState(PhotoWork, HeadDecisions):
    """All that an undo step changes: what is decided about the photo that is shown, and about the head.

    Attributes
    ----------
    expression
        52 weights that the person chose for the head as it is shown; None for what was found. The fit knows
        nothing of them.
    variants
        (name, state) that the person kept, by name; those have no variants of their own.
    others
        The person's other photos, in their order, without the one that is shown.
    place
        Where the one shown stands among all, from 0.
    shown
        The photo shown if it is a further one; None for the one that was opened.
    """

    expression: tuple[float, ...] | None = None
    variants: tuple[tuple[str, "EditState"], ...] = ()
    others: tuple[ProjectPhoto, ...] = ()
    place: int = 0
    shown: Photo | None = None

    @classmethod
    def of(cls, project: Project) -> "EditState":
        """Return the state that a project tells."""
        return cls(
            **decided(PhotoWork, project),
            **decided(HeadDecisions, project),
            expression=project.expression,
            variants=tuple((name, cls.of(variant)) for name, variant in project.variants),
            others=project.more,
        )

    def project(self, opened: Photo) -> Project:
        """Return what is to be saved, or built; `opened` is the first photo."""
        first, *more = self.photos(opened)
        return Project(
            **decided(ProjectPhoto, first),
            **decided(HeadDecisions, self),
            expression=self.expression,
            variants=tuple((name, variant.project(opened)) for name, variant in self.variants),
            more=tuple(more),
        )

    @property
    def edited(self) -> bool:
        """Whether a point was moved by hand (soft neighbours move only with such a one)."""
        return self.landmarks is not None and bool(self.landmarks.moved.any())

    def builds_like(self, other: "EditState") -> bool:
        """Whether another state gives the same head."""
        return (
            decided_alike(PhotoDecisions, self, other)
            and decided_alike(HeadDecisions, self, other)
            and self.place == other.place
            and self.shown is other.shown
            and len(self.others) == len(other.others)
            and all(_alike(a, b) for a, b in zip(self.others, other.others, strict=True))
        )

    def photos(self, opened: Photo) -> tuple[ProjectPhoto, ...]:
        """Return all photos of the person in their order; `opened` is the first."""
        own = ProjectPhoto(self.shown or opened, **decided(PhotoWork, self))
        return (*self.others[: self.place], own, *self.others[self.place :])

    def showing(self, photos: tuple[ProjectPhoto, ...], place: int) -> "EditState":
        """Return this state with these photos, one of them shown."""
        own = photos[place]
        return replace(
            self,
            **decided(PhotoWork, own),
            others=(*photos[:place], *photos[place + 1 :]),
            place=place,
            shown=own.photo if place else None,
        )


def _alike(a: ProjectPhoto, b: ProjectPhoto) -> bool:
    return a.photo is b.photo and decided_alike(PhotoDecisions, a, b)
