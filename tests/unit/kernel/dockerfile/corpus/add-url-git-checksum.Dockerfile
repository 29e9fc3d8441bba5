FROM alpine
ARG VERSION=6.6
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://mirrors.edge.kernel.org/pub/linux/kernel/Historic/linux-$VERSION.tar.gz /
ADD --keep-git-dir=true https://github.com/moby/buildkit.git#v${VERSION%.*}.1:docs /docs
ADD git@github.com:user/repo.git /repo
ADD --unpack=true --chown=1:2 https://example.org/archive.zip /src/
ADD rootfs.tar.xz /
