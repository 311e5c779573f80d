"""Durations as people write them."""

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


def duration(seconds: float, exact: bool = False) -> str:
    """``12 s``, ``3 min``, ``2 h 5 min``, ``4 days``; ``exact``: ``0.4 s`` and ``3 min 4 s`` too."""
    if exact and seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        rest = f" {whole % _MINUTE} s" if exact else ""
        return f"{whole // _MINUTE} min{rest}"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} days"


def interval(seconds: int) -> str:
    """``60 seconds``, ``90 seconds``, ``2 minutes``, ``1 hour``: exactly, in the largest whole unit."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds and seconds % unit == 0 and seconds != _MINUTE:
            return f"{seconds // unit} {name}" + ("s" if seconds != unit else "")
    return f"{seconds} second" + ("s" if seconds != 1 else "")
