# Before the reboot: containers of every policy. After it (after=1): who must be back is.
export PATH=$PATH:/opt/ck/bin
if [ -z "${after:-}" ]; then
    ck engine enable
    ck pull -q host/busybox
    run="ck run -d --network none --init"
    $run --name always --restart always host/busybox busybox sleep 100000
    $run --name unless --restart unless-stopped host/busybox busybox sleep 100000
    $run --name stopped --restart unless-stopped host/busybox busybox sleep 100000
    $run --name never host/busybox busybox sleep 100000
    ck stop -t 1 stopped
    ck volume create kept
    ck run --rm --network none -v kept:/v host/busybox busybox sh -c 'echo data >/v/file'
else
    systemctl is-active ck.service
    for name in always unless; do
        for try in $(seq 50); do ck ps --format '{{.Names}}' | grep -qx $name && break; sleep 1; done
        ck ps --format '{{.Names}} {{.State}}' | grep -x "$name running"
    done
    test "$(ck inspect -f '{{.State.Status}}' stopped)" = exited
    test "$(ck inspect -f '{{.State.Status}} {{.State.ExitCode}}' never)" = 'exited 255'
    ck why never | grep 'machine went down'
    ck run --rm --network none -v kept:/v host/busybox busybox cat /v/file | grep -x data
    ck doctor | grep -x 'Nothing is wrong.'
fi
