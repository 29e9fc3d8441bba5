FROM php:8.2-fpm-alpine
COPY --from=composer:2 /usr/bin/composer /usr/bin/composer
RUN set -eux; \
	apk add --no-cache --virtual .build-deps $PHPIZE_DEPS; \
	docker-php-ext-install -j$(nproc) pdo_mysql; \
	apk del .build-deps
WORKDIR /var/www/html
COPY --chown=www-data:www-data composer.* ./
RUN composer install --no-dev
VOLUME /var/www/html/storage
STOPSIGNAL SIGQUIT
