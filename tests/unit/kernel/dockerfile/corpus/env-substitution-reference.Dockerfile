FROM busybox
ENV FOO=/bar
WORKDIR ${FOO}
ADD . $FOO
COPY \$FOO /quux
ENV abc=hello
ENV abc=bye def=$abc
ENV ghi=$abc
