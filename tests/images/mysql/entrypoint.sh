#!/bin/bash
# MYSQL_ROOT_PASSWORD or MYSQL_ALLOW_EMPTY_PASSWORD for a new data directory; MYSQL_DATABASE, MYSQL_USER and
# MYSQL_PASSWORD make a database and its user.
set -euo pipefail

[[ $1 == mysqld ]] || exec "$@"

data=/var/lib/mysql
mkdir -p /run/mysqld "$data"
chown -R mysql:mysql /run/mysqld "$data"

if [[ ! -d $data/mysql ]]; then
    if [[ -z ${MYSQL_ROOT_PASSWORD:-} && -z ${MYSQL_ALLOW_EMPTY_PASSWORD:-} ]]; then
        echo "a new database needs MYSQL_ROOT_PASSWORD or MYSQL_ALLOW_EMPTY_PASSWORD" >&2
        exit 1
    fi
    mariadb-install-db --user=mysql --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
    {
        echo "FLUSH PRIVILEGES;"
        echo "CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '${MYSQL_ROOT_PASSWORD:-}';"
        echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
        echo "ALTER USER root@localhost IDENTIFIED BY '${MYSQL_ROOT_PASSWORD:-}';"
        [[ -z ${MYSQL_DATABASE:-} ]] || echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
        if [[ -n ${MYSQL_USER:-} ]]; then
            echo "CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '${MYSQL_PASSWORD:-}';"
            [[ -z ${MYSQL_DATABASE:-} ]] || echo "GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';"
        fi
    } | mariadbd --user=mysql --datadir="$data" --bootstrap
fi
exec mariadbd --user=mysql --datadir="$data" --bind-address=0.0.0.0 --console
