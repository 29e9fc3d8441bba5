# syntax=docker/dockerfile:1.4
from alpine as Base
run echo hi
From base
copy --from=BASE /etc/passwd /tmp/
