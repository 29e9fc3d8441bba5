"""Users, groups, environment, working directory, names and the files in /etc."""

import socket

import pytest

from tests.integration.engine.lab import Lab


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("", "uid=0(root) gid=0(root) groups=0(root)"),
        ("-u www-data", "uid=33(www-data) gid=33(www-data) groups=4(adm),33(www-data)"),
        ("-u 33", "uid=33(www-data) gid=33(www-data) groups=4(adm),33(www-data)"),
        ("-u 33:4", "uid=33(www-data) gid=4(adm) groups=4(adm)"),
        ("-u www-data:users", "uid=33(www-data) gid=100(users) groups=100(users)"),
        ("-u 1234", "uid=1234 gid=0(root) groups=0(root)"),
        ("-u 1234:999", "uid=1234 gid=999 groups=999"),
        ("-u 1234 --group-add adm --group-add 777", "uid=1234 gid=0(root) groups=0(root),4(adm),777"),
    ],
)
def test_user(lab: Lab, options: str, shown: str) -> None:
    assert lab.out(options, "id") == shown + "\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("-u nosuch", "unable to find user nosuch: no matching entries in passwd file"),
        ("-u root:nosuch", "unable to find group nosuch: no matching entries in group file"),
        ("--group-add nosuch", "unable to find group nosuch: no matching entries in group file"),
        ("-u 99999999999", 'user "99999999999" is out of range'),
    ],
)
def test_unknown_user(lab: Lab, options: str, sentence: str) -> None:
    lab.refused(options, sentence)


def test_environment(lab: Lab) -> None:
    plain = dict(line.split("=", 1) for line in lab.out("-h box", "env").splitlines())
    assert plain["HOSTNAME"] == "box" and plain["HOME"] == "/root" and plain["PATH"].endswith(":/bin")
    assert "TERM" not in plain
    given = lab.out("-e A=1 -e EMPTY= -e HOME=/x -e 'S=two words' -u www-data", "env").splitlines()
    assert {"A=1", "EMPTY=", "HOME=/x", "S=two words"} <= set(given)
    assert lab.out("-u www-data", "echo $HOME") == "/var/www\n"
    assert "TERM=xterm\r\n" in lab.out("-t", "env")
    lab.refused("-e =x", "invalid environment variable: =x")


def test_working_directory(lab: Lab) -> None:
    look = "pwd; stat -c '%u:%g %a' ."
    assert lab.out("-w /new/deep", look) == "/new/deep\n0:0 755\n"
    assert lab.out("-u www-data -w /new", look) == "/new\n33:33 755\n"
    assert lab.out("-w /tmp/../var/./www", "pwd") == "/var/www\n"
    lab.refused("-w relative", "invalid working directory 'relative': it must be absolute")
    lab.refused("-w /etc/passwd", "/etc/passwd", code=126)


def test_host_names(lab: Lab) -> None:
    options = "-h box --domainname example.org --add-host one:192.0.2.1 --add-host two=2001:db8::2 --network none"
    out = lab.out(options, "hostname; cat /etc/hostname /proc/sys/kernel/domainname /etc/hosts")
    assert out.startswith("box\nbox\nexample.org\n127.0.0.1\tlocalhost\n")
    assert "192.0.2.1\tone\n" in out and "2001:db8::2\ttwo\n" in out and "\tbox.example.org box\n" in out
    container = lab.up()
    assert lab.ck("exec", container, "hostname").strip() == lab.inspect(container, "{{.Id}}")[:12]
    assert lab.out("--uts host", "hostname") == f"{socket.gethostname()}\n"
    lab.refused("--uts host -h box", "conflicting options: hostname 'box' and the UTS mode 'host'")
    lab.refused("--add-host nonsense", 'bad format for add-host: "nonsense"')


def test_resolver(lab: Lab) -> None:
    options = "--dns 192.0.2.53 --dns-search example.org --dns-option ndots:2"
    lines = lab.out(options, "cat /etc/resolv.conf").splitlines()
    assert lines[-3:] == ["nameserver 192.0.2.53", "search example.org", "options ndots:2"]
    assert sum(line.startswith("nameserver") for line in lines) == 1
    lab.refused("--dns nonsense", "invalid --dns 'nonsense': it is no IP address")


def test_the_files_in_etc_can_be_changed_and_shared(lab: Lab) -> None:
    container = lab.up("-h shared --network none")
    lab.ck("exec", container, "sh", "-c", "echo 192.0.2.9 nine >> /etc/hosts")
    other = f"--network container:{container}"
    assert "192.0.2.9 nine" in lab.out(other, "cat /etc/hosts")
    assert lab.out(other, "hostname; cat /etc/hostname") == "shared\nshared\n"
