# syntax=docker/dockerfile:1-labs
FROM scratch
COPY --parents ./x/a.txt ./y/a.txt /parents/
COPY --parents=true --exclude=*.md --exclude=!README.md src/./lib/**/*.py /out/
ADD --exclude=vendor/** --link . /all
