"""The OpenAPI schema of this process: made once, whoever asks first."""

import json
import threading
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_making = threading.Lock()
_made: dict[str, Any] = {}


def schema() -> dict[str, Any]:
    """Return the schema as plain dicts, lists and text. It must not be changed.

    It is the same for every client, takes a second of CPU to make, and drf-spectacular keeps what it
    is working on in the view classes: two that are made at once break each other.
    """
    with _making:
        if not _made:
            found = SchemaGenerator().get_schema(request=None, public=True)
            _made.update(json.loads(json.dumps(found, default=str)))
    return _made


class OnceGenerator(SchemaGenerator):
    """For drf-spectacular's view: the schema that is there already."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        return schema()
