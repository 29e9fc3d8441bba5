# ck under systemd: what `ck engine enable` makes of it. Goes on after the installation.
ck engine enable
systemctl is-active ck.socket ck.service
systemctl is-enabled ck.socket ck.service
ck pull -q host/busybox
ck run -d --name web --network none --memory 64m --init host/busybox busybox sleep 100000
pid=$(ck inspect -f '{{.State.Pid}}' web)
grep -q '^0::/ck.slice/ck.scope/' /proc/$pid/cgroup
group=$(sed -n 's/^0:://p' /proc/$pid/cgroup)
test "$(cat /sys/fs/cgroup$group/memory.max)" = 67108864
# Nothing of the containers is in the service's own group: what systemd does to that does not reach them.
systemctl restart ck.service
ck ps --format '{{.Names}} {{.State}}' | grep -x 'web running'
test "$(ck inspect -f '{{.State.Pid}}' web)" = "$pid"
systemctl kill --signal KILL ck.service
ck exec web busybox echo still here | grep -x 'still here' # the socket brings the engine back
systemctl stop ck.service ck.socket
kill -0 "$pid"
systemctl start ck.socket
ck ps -q | grep -q .
ck run -d --name sliced --network none --cgroup-parent other.slice --init host/busybox busybox sleep 100000
grep -q '^0::/other.slice/' /proc/$(ck inspect -f '{{.State.Pid}}' sliced)/cgroup
ck rm -f web sliced
test -z "$(ls -d /sys/fs/cgroup/other.slice/ck-* 2>/dev/null)"
systemctl --no-pager --failed --quiet | grep ck && exit 1
ck doctor
ck engine disable
systemctl is-active ck.service && exit 1
true
