# One image for web, worker and beat; docker-compose.yml says what each of them runs.

# pip and its cache stay in this stage. Every requirement comes as a wheel, so neither has a compiler.
FROM python:3.12-slim AS build
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --home-dir /app --no-create-home bridge
WORKDIR /app
COPY --from=build /venv /venv
# What .dockerignore lets through.
COPY . .
# Settings are only needed to find the static files: values for this line alone, nothing of them stays.
RUN ONE_PROCESS=1 ODOO_URL=http://localhost ODOO_API_KEY=none \
    SECRET_KEY=only-to-collect-static-files-during-the-build-of-the-image \
    JWT_SIGNING_KEY=only-to-collect-static-files-during-the-build \
    python manage.py collectstatic --noinput
# The code belongs to root: what serves it cannot change it.
USER bridge
EXPOSE 8000
# Alive means that this process answers. Whether Odoo or the database do is /api/health/ready: no
# restart of this container would help them.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["python", "bin/healthy", "http://127.0.0.1:8000/api/health/live"]
CMD ["gunicorn", "--config", "odoo_bridge/gunicorn.py", "--bind", "0.0.0.0:8000", "odoo_bridge.wsgi"]
