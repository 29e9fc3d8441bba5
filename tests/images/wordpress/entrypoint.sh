#!/bin/bash
# WORDPRESS_DB_HOST, WORDPRESS_DB_NAME, WORDPRESS_DB_USER, WORDPRESS_DB_PASSWORD and WORDPRESS_TABLE_PREFIX say where the
# database is.
set -euo pipefail

[[ $1 == apache2 ]] || exec "$@"

cat >/etc/wordpress/config-default.php <<'PHP'
<?php
define('DB_HOST', getenv('WORDPRESS_DB_HOST') ?: 'mysql');
define('DB_NAME', getenv('WORDPRESS_DB_NAME') ?: 'wordpress');
define('DB_USER', getenv('WORDPRESS_DB_USER') ?: 'root');
define('DB_PASSWORD', getenv('WORDPRESS_DB_PASSWORD') ?: '');
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
$table_prefix = getenv('WORDPRESS_TABLE_PREFIX') ?: 'wp_';
PHP
cat >/etc/apache2/sites-available/000-default.conf <<'APACHE'
<VirtualHost *:80>
    DocumentRoot /usr/share/wordpress
    Alias /wp-content /var/lib/wordpress/wp-content
    <Directory /usr/share/wordpress>
        Options FollowSymLinks
        AllowOverride All
        Require all granted
    </Directory>
    <Directory /var/lib/wordpress/wp-content>
        Options FollowSymLinks
        Require all granted
    </Directory>
    CustomLog /dev/stdout combined
</VirtualHost>
APACHE
printf 'ServerName localhost\nErrorLog /dev/stderr\n' >/etc/apache2/conf-enabled/container.conf
rm -f /run/apache2/apache2.pid
exec apache2ctl -D FOREGROUND
