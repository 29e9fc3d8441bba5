FROM alpine AS base
FROM base AS left
RUN left
FROM base AS right
RUN right
FROM alpine AS unrelated
RUN --mount=from=left,target=/l never
FROM scratch AS join
COPY --from=left /l /
COPY --from=right /r /
