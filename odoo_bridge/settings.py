"""Settings. Everything that differs between installations comes from the environment.

``.env`` beside ``manage.py`` is read too. Environment variables take precedence over it, and an empty
variable counts as not set. ``.env-example`` lists every variable. All missing and wrong variables are
reported in one message at the end of this file, which stops the start.
"""

from datetime import timedelta
from pathlib import Path

from django.urls import reverse_lazy

from odoo_bridge import __version__
from odoo_bridge.runtime import csp
from odoo_bridge.runtime.environment import Environment, next_database

BASE_DIR = Path(__file__).resolve().parent.parent
# Odoo's access log shows it.
USER_AGENT = f"odoo-bridge/{__version__}"
VAR_DIR = BASE_DIR / "var"

env = Environment()
env.read_file(BASE_DIR / ".env")
if not env.is_set("SECRET_KEY"):
    # bin/start stores the random secrets of the one-process mode in this file. A deployment has a
    # SECRET_KEY of its own, so it never reads a file that was left from a trial. The demo's login in
    # the file must not be used either if ODOO_URL now names another Odoo.
    env.read_file(VAR_DIR / "one-process.env", without="ODOO_" if env.is_set("ODOO_URL") else "")

# Run web, worker and beat in one process, for trying the bridge out (bin/start).
ONE_PROCESS = env.yes_no("ONE_PROCESS", False)

# Django -------------------------------------------------------------------------------------------
DEBUG = env.yes_no("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY", 50, "To make one: openssl rand -hex 32")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
NUM_PROXIES = env.whole("NUM_PROXIES", 0, 0)

# What is mirrored, a folder each, in the order it is copied: contacts before the invoices that name
# them. All else that a noun needs to be copied, served and shown follows from this line.
NOUNS = ["contacts", "invoices"]

INSTALLED_APPS = [
    "unfold",  # before the admin, whose site and templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "csp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "odoo_bridge",
    "accounts",
    *NOUNS,
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "odoo_bridge.runtime.client_address.ProxyWatch",
    "odoo_bridge.runtime.csp.ContentPolicy",
    "odoo_bridge.api.requests.StatementTimeout",
    "odoo_bridge.api.requests.Sane",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "accounts.middleware.LoginGuard",
    "accounts.middleware.SecondFactorGuard",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "odoo_bridge.urls"
WSGI_APPLICATION = "odoo_bridge.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# The one-process mode serves static files from the packages, because collectstatic was not run.
WHITENOISE_USE_FINDERS = ONE_PROCESS

# Database -----------------------------------------------------------------------------------------
DATABASES = {
    "default": env.database("DATABASE_URL", VAR_DIR / "bridge.sqlite3" if ONE_PROCESS else None)
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL allows reads while a sync writes. IMMEDIATE takes the write lock at the start of a
    # transaction, where SQLite can wait for it; in the middle of a transaction it would fail.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    # JIT compilation takes longer than running one of our queries. The planner would use it, because it
    # overestimates the cost of a large scope.
    DATABASES["default"]["OPTIONS"].setdefault("options", "-c jit=off")
# Time limit of one SQL statement of a web request; 0: no limit. Exports, and everything that is not a
# web request, have no limit.
WEB_STATEMENT_TIMEOUT_SECONDS = env.number("WEB_STATEMENT_TIMEOUT_SECONDS", 0, 30, 3600)

# Odoo ---------------------------------------------------------------------------------------------
ODOO_URL = env.http_url("ODOO_URL")
# The URL at which people open Odoo, if the bridge uses another one.
ODOO_WEB_URL = env.http_url("ODOO_WEB_URL", required=False) or ODOO_URL
ODOO_DB = env.text("ODOO_DB")
ODOO_USERNAME = env.text("ODOO_USERNAME")
ODOO_PASSWORD = env.secret("ODOO_PASSWORD")
ODOO_API_KEY = env.header("ODOO_API_KEY")
ODOO_COMPANY_IDS = env.ids("ODOO_COMPANY_IDS")
ODOO_CONNECTIONS = env.whole("ODOO_CONNECTIONS", 1, 2, 32)
ODOO_PAGE_SIZE = env.whole("ODOO_PAGE_SIZE", 1, 1000, 10_000)
ODOO_TIMEOUT_SECONDS = env.number("ODOO_TIMEOUT_SECONDS", 1, 60, 3600)
# How long a request with max_age waits for Odoo, and so occupies a thread of the web server.
ODOO_REFRESH_SECONDS = env.number("ODOO_REFRESH_SECONDS", 1, 15, 3600)
# How long live reads and writes in the API wait for Odoo.
ODOO_LIVE_SECONDS = env.number("ODOO_LIVE_SECONDS", 1, 30, 3600)
# At least Odoo's own time limit for a request, two minutes: so late can an ordinary transaction commit.
ODOO_OVERLAP = timedelta(seconds=env.whole("ODOO_OVERLAP_SECONDS", 120, 300, 86_400))
ODOO_MAX_GONE_PERCENT = env.number("ODOO_MAX_GONE_PERCENT", 0, 5, 100)
ODOO_EXTRA_FIELDS = env.fields("ODOO_EXTRA_FIELDS")

if not ODOO_API_KEY and not (ODOO_USERNAME and ODOO_PASSWORD):
    env.wrong(
        "ODOO_PASSWORD" if ODOO_USERNAME else "ODOO_USERNAME",
        "is not set: set ODOO_USERNAME and ODOO_PASSWORD, or ODOO_API_KEY (Odoo 19 and later)",
    )

# Celery -------------------------------------------------------------------------------------------
REDIS_URL = env.redis_url("REDIS_URL", required=not ONE_PROCESS)
CELERY_BROKER_URL = REDIS_URL or "memory://"
# A message is only a hint: it is acknowledged early and has no result. What must not be lost is a row.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_IGNORE_RESULT = True
# Only JSON, in tasks, events and remote control: write access to Redis must not allow running code here.
CELERY_TASK_SERIALIZER = CELERY_EVENT_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 6 * 3600
CELERY_TASK_TIME_LIMIT = 6 * 3600 + 300
CELERY_WORKER_DISABLE_PREFETCH = bool(REDIS_URL)  # only the Redis transport supports it
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 12 * 3600,
        # Redis or the network may vanish without closing a connection. With these limits no caller
        # waits longer for a response, and a worker notices the loss within half a minute.
        "socket_connect_timeout": 5,
        "socket_timeout": 5,
        "health_check_interval": 10,
        "socket_keepalive": True,
        # While Redis is down, a requested run is still stored as a row, so the user must not wait six
        # seconds for the message. Workers and beat have their own retries.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
    }
    if REDIS_URL
    else {}
)
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "odoo_bridge.operations.beat:Scheduler"
# Beat checks the schedule rows every five seconds and stores each tick at once. So an interval changed
# in the admin takes effect within ten seconds, and a killed beat does not repeat ticks.
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_BEAT_SYNC_EVERY = 1

# Rate limits are counted here. They are kept apart from Celery's messages, so that either can be
# emptied or moved alone.
CACHE_URL = env.redis_url("CACHE_URL", required=False) or next_database(REDIS_URL)
CACHES = {
    "default": {
        "BACKEND": "odoo_bridge.runtime.cache.SharedCache",
        "LOCATION": CACHE_URL,
        # If the server has only one database, the prefix keeps our keys apart.
        "KEY_PREFIX": "odoo-bridge",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Row counts of lists, cached per process.
    "counts": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "counts",
        "OPTIONS": {"MAX_ENTRIES": 2000},
    },
    # The charts of the overview, cached per process.
    "charts": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "charts",
    },
}

# Accounts and access
# -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.EmailOrUsernameBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.validators.MaximumLengthValidator"},
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "MinimumLengthValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ),
]
PASSWORD_HASHERS = ["accounts.hashers.Argon2", "accounts.hashers.PBKDF2"]
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
# Pages outside the API that check a password; they share the rate limit of the API's login.
THROTTLED_PAGES = [
    "admin:login",
    "admin:password_change",
    "admin:admin_password_reset",
    "admin:password_reset_confirm",
    "admin:two_factor",
]
# Who must have a second factor: nobody, or everybody who can use the admin.
REQUIRE_TOTP = env.one_of("REQUIRE_TOTP", ("nobody", "staff"), "nobody")
OTP_TOTP_ISSUER = "odoo-bridge"
# Lifetime of a link to set a new password, in seconds.
PASSWORD_RESET_TIMEOUT = 4 * 3600
REGISTRATION = env.one_of(
    "REGISTRATION", ("open", "approval", "closed"), "open" if ONE_PROCESS else "approval"
)
JWT_SIGNING_KEY = env.secret("JWT_SIGNING_KEY", 32, "To make one: openssl rand -hex 32")
JWT_ACCESS_MINUTES = env.whole("JWT_ACCESS_MINUTES", 1, 10, 24 * 60)
JWT_REFRESH_DAYS = env.whole("JWT_REFRESH_DAYS", 1, 7, 365)

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=JWT_ACCESS_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=JWT_REFRESH_DAYS),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ISSUER": "odoo-bridge",
    "AUDIENCE": "odoo-bridge",
    "UPDATE_LAST_LOGIN": True,
}

# Five wrong passwords for one name from one address lock that pair out for 15 minutes.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.backends.lockout_name"
AXES_CLIENT_IP_CALLABLE = "odoo_bridge.runtime.client_address.client_network"
AXES_LOCKOUT_CALLABLE = "accounts.middleware.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_ENABLE_ACCESS_FAILURE_LOG = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.BrowserSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsReader"],
    # JSON first: it is the response for every client that does not ask for HTML.
    "DEFAULT_RENDERER_CLASSES": [
        "odoo_bridge.api.renderers.Json",
        "odoo_bridge.api.browse.page.Page",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "odoo_bridge.api.browse.negotiation.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["odoo_bridge.api.parsers.Json"],
    "DEFAULT_SCHEMA_CLASS": "odoo_bridge.api.openapi.Schema",
    "DEFAULT_PAGINATION_CLASS": "odoo_bridge.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    # A view may name its own limit, which then replaces this one.
    "DEFAULT_THROTTLE_CLASSES": ["odoo_bridge.api.throttles.RequestThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "requests": "600/min",
        "anonymous-auth": "20/min",
        "sync": "30/min",
        "live": "120/min",
        "exports": "10/min",
        "refreshes": "60/min",
        "writes": "60/min",
    },
    "EXCEPTION_HANDLER": "odoo_bridge.api.failures.exception_handler",
    "NUM_PROXIES": NUM_PROXIES,
    # Only the header Accept decides, because ``format`` is a parameter of exports and of the schema.
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
# Who may see the status of streams, who may see their runs, and who may start a run.
SYNC_PERMISSIONS = {
    "state": "accounts.permissions.SeesSync",
    "runs": "accounts.permissions.SeesRuns",
    "start": "accounts.permissions.IsOperator",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "odoo-bridge",
    "DESCRIPTION": "An exact, fast copy of an Odoo database's contacts and invoices.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    # A request and a response with the same name may differ.
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    # Sessions are for the pages in a browser; programs log in with tokens.
    "AUTHENTICATION_WHITELIST": ["accounts.authentication.TokenAuthentication"],
}

# E-mail -------------------------------------------------------------------------------------------
# The public URL of this service, for links in e-mails. It is not taken from requests, which can be
# forged.
PUBLIC_URL = env.http_url("PUBLIC_URL", required=False)
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_TIMEOUT = 15
_mail = env.mail_server("EMAIL_URL")
MAIL_ENABLED = _mail is not None
if _mail:
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
    for _name in ("DEFAULT_FROM_EMAIL", "PUBLIC_URL"):
        if not env.is_set(_name):
            env.wrong(_name, "is not set: EMAIL_URL needs it")

# The admin ----------------------------------------------------------------------------------------
# Pages of the admin that do not belong to a model: functions that return URL patterns.
ADMIN_URLS = ["odoo_bridge.admin.dashboard.urls", "accounts.pages.urls"]
UNFOLD = {
    "SITE_TITLE": "odoo-bridge",
    "SITE_HEADER": "odoo-bridge",
    "SITE_SUBHEADER": "The mirror of Odoo",
    "SITE_SYMBOL": "sync_alt",
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "accounts.pages.LoginForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Two-factor login", "link": reverse_lazy("admin:two_factor")},
        ],
    },
    "COLORS": {
        # Blue, because 600 on white and 500 on the dark background are both easy to read.
        "primary": {
            "50": "#eff6ff",
            "100": "#dbeafe",
            "200": "#bfdbfe",
            "300": "#93c5fd",
            "400": "#60a5fa",
            "500": "#3b82f6",
            "600": "#2563eb",
            "700": "#1d4ed8",
            "800": "#1e40af",
            "900": "#1e3a8a",
            "950": "#172554",
        }
    },
    "DASHBOARD_CALLBACK": "odoo_bridge.admin.dashboard.overview",
    "STYLES": ["odoo_bridge.admin.navigation.stylesheet"],
    "SIDEBAR": {"navigation": "odoo_bridge.admin.navigation.sidebar"},
}

CONTENT_SECURITY_POLICY = {"DIRECTIVES": csp.EVERYWHERE}

# The charts that the overview draws below those of the nouns, in this order: functions decorated with
# odoo_bridge.admin.charts.chart.
DASHBOARD_CHARTS = [
    "odoo_bridge.admin.charts.changed_rows",
    "odoo_bridge.admin.charts.run_durations",
]

# Transport security -------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_AGE = 8 * 3600
# Plain HTTP is for the loopback address. Anywhere else there must be an HTTPS proxy in front.
INSECURE_HTTP = env.yes_no("INSECURE_HTTP", ONE_PROCESS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not INSECURE_HTTP
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 365 * 24 * 3600
# The bridge cannot decide these: HSTS for other hosts of the domain (W005), the browsers' preload list
# (W021), and how the proxy treats plain HTTP (W008), which health checks inside a network also use.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NUM_PROXIES else None

# Logs ---------------------------------------------------------------------------------------------
LOG_LEVEL = env.one_of("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOG_FORMAT = env.one_of("LOG_FORMAT", ("plain", "json"), "plain")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "odoo_bridge.runtime.logs.PlainFormatter"},
        "json": {"()": "odoo_bridge.runtime.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # OdooRPC writes the password of every call to its debug log, so that level is off.
        "odoorpc": {"level": "INFO"},
        "urllib3": {"level": "INFO"},
        "axes": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}

# Last, so that one message reports everything that is missing or wrong.
env.stop_if_wrong()
