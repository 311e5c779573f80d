"""The REST API: the common parts of all routes. A noun's own routes are in its folder."""
