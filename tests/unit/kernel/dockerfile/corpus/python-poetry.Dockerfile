FROM python:3.12 AS base
ENV POETRY_HOME=/opt/poetry
ENV PATH="$POETRY_HOME/bin:$PATH"

FROM base AS deps
WORKDIR /src
COPY pyproject.toml poetry.lock ./
RUN poetry install --only main

FROM base AS test
COPY --from=deps /src /src
RUN pytest

FROM base
COPY --from=deps /src/.venv /venv
