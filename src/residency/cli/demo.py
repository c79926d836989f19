"""``residency demo``: the whole line on an example organisation, without any cloud account."""

from __future__ import annotations


def demo() -> None:
    """Sweep an example organisation, score it and write policy and report.

    Example: residency demo
    """
    raise NotImplementedError
