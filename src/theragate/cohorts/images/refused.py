"""Why an image cannot be measured, in words that name no file and nobody."""

__all__ = ["Refused"]


class Refused(Exception):  # noqa: N818 - what has happened to the image
    """An image or a mask that breaks a rule; whoever knows its place in the manifest makes a message of it."""

    def __init__(self, rule: str, *, received: str, remedy: str) -> None:
        self.rule, self.received, self.remedy = rule, received, remedy
        super().__init__(rule)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return (_again, (self.rule, self.received, self.remedy))


def _again(rule: str, received: str, remedy: str) -> Refused:
    return Refused(rule, received=received, remedy=remedy)
