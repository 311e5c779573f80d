# shellcheck shell=bash
# Makes the bridge's role and database. The postgres image sources this once, when its volume is empty.
#
# The role owns its database, which is enough to migrate and to make the extension pg_trgm, and it is no
# superuser: SQL in its name reads no files and runs no programs on the server. The superuser keeps no
# password: it logs in inside the container only (docker compose exec postgres psql -U postgres).
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password POSTGRES_PASSWORD
CREATE ROLE bridge LOGIN PASSWORD :'password';
CREATE DATABASE bridge OWNER bridge;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
ALTER ROLE CURRENT_USER PASSWORD NULL;
SQL
