# syntax=docker/dockerfile:1-labs
FROM ubuntu
COPY mypackage.tgz wheels/
RUN --network=none pip install --find-links wheels mypackage
RUN --security=insecure cat /proc/self/status | grep CapEff
RUN --network=host --mount=type=tmpfs,target=/t,size=1g make
