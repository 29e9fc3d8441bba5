FROM alpine
ARG FOO=bar
COPY <<-EOT /script.sh
	echo "hello ${FOO}"
	EOT
COPY --chmod=755 <<run.sh <<"config.ini" extra.txt /app/
#!/bin/sh
echo \$FOO $FOO
run.sh
[$FOO]
key = 'a'
config.ini
