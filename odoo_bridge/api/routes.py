"""One route, two spellings."""

from typing import Any

from django.urls import URLPattern, path


def both(route: str, view: Any, name: str, **options: Any) -> list[URLPattern]:
    """``route`` with and without a slash at its end; the schema shows the one without.

    Not a redirect: that would turn a POST into a GET, or lose its body.
    """
    actions = [options.pop("actions")] if "actions" in options else []
    return [
        path(route, view.as_view(*actions, **options), name=name),
        path(f"{route}/", view.as_view(*actions, schema=None, **options), name=f"{name}-slash"),
    ]
