#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What can be tried of the guest tests without a guest: apt's sources, the archive, and what the guest's lines mean."""
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest  # noqa: E402
import kernels  # noqa: E402

ONE_LINE = """\
# deb http://mirror.invalid/debian bookworm main
deb [arch=amd64,i386 signed-by=/k.gpg] http://mirror.invalid/debian bookworm main contrib # ours
deb-src http://mirror.invalid/debian bookworm main
deb http://mirror.invalid/security bookworm-security main
"""
DEB822 = """\
# comment
Types: deb deb-src
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN
 .
 -----END

Types: deb
Enabled: no
URIs: http://off.invalid/debian
Suites: bookworm-security
Components: main
"""


def entries_of(name, text):
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "sources.list.d"))
        with open(os.path.join(root, "sources.list.d", name), "w", encoding="utf-8") as out:
            out.write(text)
        return list(kernels.configured_sources(root))


def try_one_line():
    source = kernels.source_for("trixie-backports", "bookworm", entries_of("a.list", ONE_LINE))
    assert source == {"Types": "deb", "URIs": "http://mirror.invalid/debian", "Suites": "trixie-backports", "Components": "main",
                      "Signed-By": "/k.gpg", "Architectures": "amd64 i386"}, source
    source = kernels.source_for("trixie-security", "bookworm", entries_of("a.list", ONE_LINE))
    assert source["URIs"] == "http://mirror.invalid/security", source


def try_deb822():
    entries = entries_of("a.sources", DEB822)
    source = kernels.source_for("trixie", "bookworm", entries)
    assert source["URIs"] == "http://mirror.invalid/debian" and source["Components"] == "main" and source["Types"] == "deb", source
    assert source["Signed-By"] == "\n -----BEGIN\n .\n -----END", source
    assert kernels.source_for("trixie-security", "bookworm", entries) is None, "a disabled entry was used"
    assert kernels.source_for("trixie", "sid", entries) is None


def try_no_source():
    with tempfile.TemporaryDirectory() as folder:
        try:
            kernels.Apt(folder, ("trixie",), entries=[])
        except kernels.Missing:
            return
    raise AssertionError("no source, but no word about it")


def try_archive():
    with tempfile.TemporaryDirectory() as folder:
        body = guest.cpio([("d", 0o040755, b""), ("d/odd", 0o100755, b"abc"), ("d/empty", 0o100644, b"")])
        try:
            subprocess.run(["busybox", "cpio", "-i"], cwd=folder, input=body, check=True, capture_output=True)
        except FileNotFoundError:
            return "busybox is not installed"
        path = os.path.join(folder, "d/odd")
        assert open(path, "rb").read() == b"abc" and os.access(path, os.X_OK)
        assert os.path.getsize(os.path.join(folder, "d/empty")) == 0
    return None


def try_early_modules():
    """Each once, what is needed first."""
    with tempfile.TemporaryDirectory() as tree:
        folder = os.path.join(tree, "lib/modules/1")
        os.makedirs(folder)
        for name in ("bus", "virtio_pci", "virtio-ring", "fuse", "virtiofs"):
            with open(os.path.join(folder, name + ".ko"), "w", encoding="utf-8") as out:
                out.write(name)
        with open(os.path.join(folder, "modules.dep"), "w", encoding="utf-8") as out:
            out.write("virtio_pci.ko: virtio-ring.ko bus.ko\nvirtiofs.ko: fuse.ko virtio-ring.ko bus.ko\nother.ko:\n")
        kernel = type("Kernel", (), {"tree": tree, "release": "1"})
        order = [body.decode() for _, body in guest.early_modules(kernel)]
    assert order == ["bus", "virtio-ring", "virtio_pci", "fuse", "virtiofs"], order


# What the guest writes; started, status, has a problem, what was passed on.
OUTPUTS = [
    ("whole", "noise\n@@w start\na\r\nb\n\n@@w exit 7\nafter\n", True, 7, False, ["a", "b", ""]),
    ("crash before", "panic\n", False, None, True, []),
    ("crash after", "@@w start\na\n", True, None, True, ["a"]),
    ("another's marker", "@@w start\n@@x exit 0\n@@w exit 1\n", True, 1, False, ["@@x exit 0"]),
    ("marker inside a line", "@@w start\nis @@w exit 0\n@@w exit 3\n", True, 3, False, ["is @@w exit 0"]),
]


def try_outputs():
    for name, text, started, status, has_problem, lines in OUTPUTS:
        said = []
        with subprocess.Popen(["printf", "%s", text], stdout=subprocess.PIPE) as process:
            outcome = guest.follow(process, "@@w", 30, said.append)
        seen = (outcome.started, outcome.status, outcome.problem is not None, said)
        assert seen == (started, status, has_problem, lines), f"{name}: {seen}"


def try_time_limit():
    with subprocess.Popen(["sh", "-c", "echo '@@w start'; exec sleep 60"], stdout=subprocess.PIPE) as process:
        outcome = guest.follow(process, "@@w", 0.2, lambda line: None)
    assert outcome.status is None and "still running" in outcome.problem, outcome.problem


def try_switch():
    """It ends who runs, and who is started too late."""
    switch = guest.Switch()
    with subprocess.Popen(["sleep", "60"]) as early, subprocess.Popen(["sleep", "60"]) as late:
        switch.add(early)
        switch.off()
        switch.add(late)
        codes = (early.wait(10), late.wait(10))
    assert codes == (-signal.SIGKILL, -signal.SIGKILL), codes


def main():
    failed = 0
    for case in (try_one_line, try_deb822, try_no_source, try_archive, try_early_modules, try_outputs, try_time_limit, try_switch):
        name = case.__name__.removeprefix("try_")
        try:
            missing = case()
            print(f"skip {name}: {missing}" if missing else f"ok {name}")
        except (AssertionError, KeyError, ValueError) as failure:
            failed = 1
            print(f"not ok {name}\n# {failure}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
