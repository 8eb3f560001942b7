# One image, several commands (docker-compose.yml names them). Build stages: the page, the Python environment, the runtime.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS page
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY frontend/ ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS python
WORKDIR /app
COPY build-requirements.lock requirements.lock ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r build-requirements.lock \
    && /venv/bin/pip install --no-cache-dir --require-hashes --no-build-isolation -r requirements.lock
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY api api
COPY workers workers
COPY sync sync
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable .

FROM ${PYTHON_IMAGE} AS livespend
RUN useradd --create-home --uid 10001 livespend && mkdir /data && chown livespend /data
WORKDIR /app
COPY --from=python /venv /venv
COPY --from=python /app /app
COPY migrations migrations
COPY firestore_rules firestore_rules
COPY --from=page /app/frontend/dist frontend/dist
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 5002
CMD ["python", "-m", "api", "--host", "0.0.0.0", "--port", "5002"]

# The stand-ins are for developers only: never in the image above.
FROM livespend AS stand-ins
COPY local local
