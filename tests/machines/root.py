"""Bare Debian machines as directories: made by debootstrap from this machine's own mirror, and entered with namespaces of their own.

    with Root("bookworm", include=["systemd"]) as root:
        root.run("apt-get update && apt-get install -y git", network=True)
        root.run("git --version", user=root.add_user("bob"))

Works as root. Everything is mounted in the mount namespace of the one command that needs it, so nothing is left to unmount,
however that command ends. The bare root of each release is kept as an archive in PILLION_MACHINES, or else in
build/machines, for a week.
"""

import os
import pathlib
import selectors
import shlex
import shutil
import subprocess
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
RELEASES = ("bookworm", "trixie")
DIRECTORY = pathlib.Path(os.environ.get("PILLION_MACHINES") or PROJECT / "build" / "machines")
HOSTNAME = "bare"
KEPT_SECONDS = 7 * 24 * 3600
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
# The parts of this machine's apt configuration that decide how it reaches the mirror.
APT_OPTIONS = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Retries")

# The first process of the namespaces: mounts the file systems in the root, changes to it and runs the rest of the arguments there. Programs do
# not take it for a chroot (systemctl looks at the root of process 1). It outlives the command only to return its status.
ENTER = r"""
set -eu
root=$1 directory=$2 hostname=$3
shift 3
hostname "$hostname"
ip link set lo up
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
[ ! -d /sys/fs/cgroup ] || mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir -m 755 dev/pts
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "dev/${number#*:}"; done
mkdir -m 1777 dev/shm
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
pivot_root . mnt
exec chroot . /bin/sh -c 'umount -l /mnt; cd "$1"; shift; "$@"; exit $?' sh "$directory" "$@"
"""


class Failed(AssertionError):
    """A command has failed that must succeed."""


def own_release():
    """The release of this machine, or the one that PILLION_RELEASE names."""
    if named := os.environ.get("PILLION_RELEASE"):
        return named
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


def _archives(release):
    """[(URI, suite)] for `release`, from the mirror of this machine's own release: the release, updates and security. Empty if there is no
    such mirror: then debootstrap uses its default archive."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout.splitlines()
    own = {}
    for uri, suite, component in (line.split() for line in lines if len(line.split()) == 3):
        name, _, kind = suite.partition("-")
        if component == "main" and name in RELEASES and kind in ("", "updates", "security"):
            own.setdefault(kind, uri)
    return [(uri, f"{release}-{kind}" if kind else release) for kind, uri in sorted(own.items())]


def _apt_options():
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return "".join(line + "\n" for line in dump.splitlines() if line.startswith(APT_OPTIONS) and not line.endswith(' "";'))


def _quiet(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise Failed(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}")


def _new_directory():
    # Not in /tmp, which may be memory.
    (DIRECTORY / "roots").mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(tempfile.mkdtemp(dir=DIRECTORY / "roots"))
    path.chmod(0o755)
    return path


def _bare(release, include):
    """The archive of a bare root. Makes it if there is no recent one."""
    archive = DIRECTORY / ("-".join([release, *sorted(include)]) + ".tar")
    if archive.exists() and time.time() - archive.stat().st_mtime < KEPT_SECONDS:
        return archive
    archives = _archives(release)
    mirror = [uri for uri, suite in archives if suite == release]
    path = _new_directory()
    try:
        _quiet("unshare", "--mount", "debootstrap", "--variant=minbase", *([f"--include={','.join(include)}"] if include else []),
               release, path, *mirror)
        etc_apt = path / "etc" / "apt"
        if archives:
            (etc_apt / "sources.list").write_text("".join(f"deb {uri} {suite} main\n" for uri, suite in archives))
        (etc_apt / "apt.conf.d" / "90this-machine").write_text(_apt_options())
        for deb in (path / "var" / "cache" / "apt" / "archives").glob("*.deb"):
            deb.unlink()
        unfinished = archive.with_suffix(f".{os.getpid()}")
        _quiet("tar", "-C", path, "--numeric-owner", "-cf", unfinished, ".")
        unfinished.rename(archive)
    finally:
        _delete(path)
    return archive


def _delete(path):
    subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)


def _converse(process, replies, until):
    """Types the replies. Returns what the process has printed until its end."""
    output = b""
    answered = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not replies and not process.stdin.closed:
                process.stdin.close()
            if not selector.select(until - time.monotonic()):
                raise Failed(f"nothing more in time behind:\n{output.decode(errors='replace')[-8000:]}")
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            output += piece
            while replies and replies[0][0].encode() in output[answered:]:
                answered = len(output)
                process.stdin.write(replies.pop(0)[1].encode())
                process.stdin.flush()
    process.wait()
    # A terminal ends lines with CR LF.
    return output.decode(errors="replace").replace("\r\n", "\n")


class Root:
    """A root directory, which `close` or the end of a `with` block deletes."""

    def __init__(self, release, include=(), *, _path=None):
        self.release = release
        self.path = _path or _new_directory()
        try:
            if not _path:
                _quiet("tar", "-C", self.path, "--numeric-owner", "-xf", _bare(release, include))
            etc = self.path / "etc"
            (etc / "hostname").write_text(HOSTNAME + "\n")
            (etc / "hosts").write_text(pathlib.Path("/etc/hosts").read_text() + f"127.0.1.1 {HOSTNAME}\n")
            (etc / "resolv.conf").unlink(missing_ok=True)
            shutil.copyfile("/etc/resolv.conf", etc / "resolv.conf")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        _delete(self.path)

    def copy(self):
        """A copy of the root."""
        path = _new_directory()
        try:
            _quiet("cp", "-a", "--reflink=auto", f"{self.path}/.", path)
        except BaseException:
            _delete(path)
            raise
        return Root(self.release, _path=path)

    def run(self, command, *, user=None, network=False, check=True, terminal=False, replies=(), environment=None, directory=None,
            timeout=1800):
        """Runs a line of bash, or a list of arguments. Returns a CompletedProcess whose `stdout` includes standard error, in order.

        `network`: True for this machine's network; otherwise there is only a separate loopback interface. `terminal`: True if the command gets
        a terminal, at which each of `replies` (a prompt, a text) is typed when its prompt appears; otherwise it has neither terminal nor input.
        Processes that the command has started end with it.
        """
        arguments = ["bash", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        if terminal:
            arguments = ["script", "--quiet", "--return", "--flush", "--command", shlex.join(arguments), "/dev/null"]
        home = "/root"
        if user:
            home = f"/home/{user}"
            arguments = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *arguments]
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "USER": user or "root", "LANG": "C.UTF-8",
            "SHELL": "/bin/bash", "TERM": "dumb", **{name: os.environ[name] for name in PROXIES if network and name in os.environ},
            **(environment or {})}
        entered = [
            "unshare", "--mount", "--pid", "--uts", "--ipc", *([] if network else ["--net"]), "--fork", "--kill-child", "--",
            "/bin/sh", "-c", ENTER, "enter", self.path, directory or home, HOSTNAME,
            "env", "-i", *(f"{name}={value}" for name, value in variables.items()), *arguments]
        # Not in the session of the user who runs the tests: sudo would ask at that terminal.
        with subprocess.Popen(entered, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
            try:
                output = _converse(process, list(replies), time.monotonic() + timeout)
            except BaseException:
                process.kill()
                raise
        if check and process.returncode:
            raise Failed(f"{command} ended with {process.returncode}:\n{output[-8000:]}")
        return subprocess.CompletedProcess(command, process.returncode, output)

    def add_user(self, name):
        """Adds an ordinary user with a home directory. Returns the name."""
        self.run(["useradd", "--create-home", "--shell", "/bin/bash", name])
        return name

    def copy_project(self, to, owner="root"):
        """Copies the project's files, those that git lists, from this work tree to the directory `to` of the root."""
        target = self.path / str(to).lstrip("/")
        target.mkdir(parents=True)
        names = subprocess.run(["git", "-C", PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True,
                               capture_output=True).stdout
        names = b"".join(name + b"\0" for name in names.split(b"\0") if name and os.path.lexists(os.path.join(os.fsencode(PROJECT), name)))
        packed = subprocess.run(["tar", "-C", PROJECT, "--null", "--verbatim-files-from", "-T", "-", "-c"], input=names, check=True,
                                capture_output=True).stdout
        subprocess.run(["tar", "-C", target, "--no-same-owner", "-x"], input=packed, check=True)
        self.run(["chown", "-R", f"{owner}:", to])
        return str(to)

    def clone_project(self, to, owner="root"):
        """Clones the committed state of the project into the directory `to` of the root, with its owner."""
        target = self.path / str(to).lstrip("/")
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", PROJECT, target], check=True)
        self.run(["chown", "-R", f"{owner}:", to])
        return str(to)
