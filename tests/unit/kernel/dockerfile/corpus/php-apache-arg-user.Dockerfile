FROM php:8.3-apache
ARG UID=1000
ARG GID=${UID}
RUN groupmod -g $GID www-data && usermod -u $UID www-data
USER ${UID}:${GID}
VOLUME ["/data", "/var/lib/php sessions"]
