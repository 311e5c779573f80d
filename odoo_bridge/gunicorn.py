"""gunicorn's configuration: ``gunicorn --config odoo_bridge/gunicorn.py odoo_bridge.wsgi``."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "odoo_bridge.settings")

# Without secrets, in the format of LOG_FORMAT.
logger_class = "odoo_bridge.runtime.connections.QuietLogger"
worker_class = "odoo_bridge.runtime.connections.BufferingWorker"
workers = 2
# At most half of them wait for Odoo or for slow clients (odoo_bridge/api/waiting.py).
threads = 8
# Connections per worker, including idle ones.
worker_connections = 1000
# Seconds that a connection may be idle.
keepalive = 5
# The workers' heartbeat files are kept in memory: on a slow disk gunicorn would kill healthy workers.
worker_tmp_dir = "/dev/shm"  # noqa: S108 (a file system in memory)
# Static files are sent with send() like everything else, because sendfile would wait for the client.
sendfile = False
limit_request_line = 4094
limit_request_fields = 50
limit_request_field_size = 8190


def post_worker_init(worker: Any) -> None:
    """Let at most half of the threads wait for Odoo or for clients that read slowly."""
    from odoo_bridge.api.waiting import slots

    slots.number = max(1, worker.cfg.threads // 2)
