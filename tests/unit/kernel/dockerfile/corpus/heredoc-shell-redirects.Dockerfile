FROM debian
RUN <<FILE1 cat > file1 && <<FILE2 cat > file2
I am
first
FILE1
I am
second
FILE2
RUN <<-EOF
	apt-get update
	apt-get upgrade -y
EOF
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN 5<<five cat <&5
5
five
