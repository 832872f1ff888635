# SPDX-License-Identifier: Apache-2.0
"""Boot a kernel in qemu above this machine's own files and run one command in it.

The guest's root is the host's root, shared read-only by virtiofs, with a tmpfs laid over it: everything installed or built here
runs there, and nothing that happens there is seen here. The first serial port is the kernel's log. The second carries the
command's output, between two lines that start with a word made up for this boot; only the second of them gives an exit status.
"""
import lzma
import os
import secrets
import shlex
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
START_LIMIT_S = 180  # an emulated boot takes 5 to 15 s on an idle machine
VIRTIOFSD_LIMIT_S = 10
BOOTS_MAX = 2  # the emulator itself crashes now and then before anything of ours runs
BUSYBOX = "/bin/busybox"
QEMU = "qemu-system-x86_64"
VIRTIOFSD = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")  # Debian 13's, Debian 12's
# What a machine that runs the broker has loaded; those that a kernel does not have, or has built in, are passed over.
MODULES = ("tls", "aesni_intel", "ghash_clmulni_intel", "ghash_generic", "gcm", "ctr", "seqiv", "chacha20poly1305",
           "chacha_x86_64", "poly1305_x86_64")


# Without these there is no root to load the others from. Built into newer cloud kernels.
EARLY_MODULES = ("virtio_pci", "virtiofs")


class Missing(Exception):
    """No guest can run on this machine; the text says why."""


class Switch:
    """Ends every guest that runs, from another thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.processes = []
        self.is_off = False

    def add(self, process):
        with self.lock:
            self.processes.append(process)
            if self.is_off:
                process.kill()

    def off(self):
        with self.lock:
            self.is_off = True
            for process in self.processes:
                process.kill()


class Outcome:
    """status: the command's exit status, or None; then `problem` says what happened instead."""

    def __init__(self, status, problem, started):
        self.status = status
        self.problem = problem
        self.started = started


def find_virtiofsd():
    for path in VIRTIOFSD:
        if os.access(path, os.X_OK):
            return path
    raise Missing("virtiofsd is not installed (Debian 12: qemu-system-common; Debian 13: virtiofsd)")


def check_host():
    """Raises Missing when this machine cannot run a guest at all."""
    if os.uname().machine != "x86_64":
        raise Missing(f"this machine is {os.uname().machine}; the guests are amd64")
    if os.geteuid() != 0:
        raise Missing("virtiofsd shares the root file system only for root")
    find_virtiofsd()
    for program in (QEMU, "modprobe"):
        if subprocess.run(["sh", "-c", f"command -v {program}"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
            raise Missing(f"{program} is not installed")
    if not os.path.exists(BUSYBOX) or b"ld-linux" in open(BUSYBOX, "rb").read(4096):
        raise Missing("busybox-static is not installed")


# --- the initramfs: busybox, the first program, and what it is to do ---

def cpio(entries):
    """A `newc` archive of (name, mode, bytes)."""
    out = bytearray()
    for inode, (name, mode, body) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        raw = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        out += bytes(-len(out) % 4) + body
        out += bytes(-len(out) % 4)
    return bytes(out)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def early_modules(kernel):
    """(file name, bytes) of EARLY_MODULES and what they need, in the order of loading; none when they are built in."""
    folder = os.path.join(kernel.tree, "lib/modules", kernel.release)
    needs = {}
    with open(os.path.join(folder, "modules.dep"), encoding="utf-8") as lines:
        for line in lines:
            path, _, others = line.partition(":")
            needs[os.path.basename(path).split(".")[0].replace("-", "_")] = [*reversed(others.split()), path]
    paths = dict.fromkeys(path for name in EARLY_MODULES for path in needs.get(name, ()))
    for number, path in enumerate(paths):
        body = read(os.path.join(folder, path))
        yield f"{number:02}.ko", lzma.decompress(body) if path.endswith(".xz") else body


def initramfs(kernel, job, command):
    directory, program, text = 0o040755, 0o100755, 0o100644
    folders = ("bin", "dev", "proc", "sys", "lower", "over", "new", "guest")
    settings = "".join(f"{key}={shlex.quote(value)}\n" for key, value in job.items())
    return cpio([
        *((name, directory, b"") for name in folders),
        ("bin/busybox", program, read(BUSYBOX)),
        ("init", program, read(os.path.join(HERE, "init"))),
        ("guest/inside", text, read(os.path.join(HERE, "inside"))),
        *((f"guest/{name}", text, body) for name, body in early_modules(kernel)),
        ("guest/job", text, settings.encode()),
        ("guest/command", text, command.encode()),
    ])


def command_text(command, environment, folder):
    lines = [f"export {key}={shlex.quote(value)}" for key, value in sorted(environment.items())]
    return "\n".join([*lines, f"cd {shlex.quote(folder)} || exit 125", command, ""])


# --- one boot ---

class Share:
    """virtiofsd for the time of one boot."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "fs.sock")
        program = find_virtiofsd()
        if program.startswith("/usr/libexec"):
            options = ["--shared-dir=/", "--sandbox=chroot", "--cache=always", "--no-readdirplus",
                       "--no-announce-submounts"]  # an overlay does not follow a mount below it
        else:
            # Without no_readdirplus it holds a descriptor for every name of every folder that was ever listed.
            options = ["-o", "source=/", "-o", "sandbox=chroot", "-o", "cache=always", "-o", "no_readdirplus", "-f"]
        self.log = open(os.path.join(folder, "virtiofsd.log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([program, f"--socket-path={self.socket}", *options], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.monotonic() + VIRTIOFSD_LIMIT_S
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Missing(f"virtiofsd did not start: {self.said()}")
            time.sleep(0.05)
        return self

    def said(self):
        self.log.seek(0)
        return " ".join(self.log.read().split())[-300:] or "no word"

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()


# One processor whose clock is the number of instructions it has run, one a nanosecond: a thread's processor time is then its
# instructions, however fast the emulator was.
COUNTING = ("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1")
USUAL = ("-accel", "tcg,thread=multi", "-smp", "2")


def qemu_command(kernel, archive, share, kernel_log, memory_mb, processors):
    return [
        QEMU, *processors,
        # Emulated cmpxchg16b of qemu 7.2 is wrong between two CPUs: every second boot crashes with it. The others are only slow
        # to emulate: python3 starts in half the time without them.
        "-cpu", "EPYC,-cx16,-avx,-avx2,-smap,-smep", "-m", str(memory_mb),
        "-object", f"memory-backend-memfd,id=mem,size={memory_mb}M,share=on", "-numa", "node,memdev=mem",
        "-chardev", f"socket,id=fs,path={share.socket}", "-device", "vhost-user-fs-pci,chardev=fs,tag=host",
        "-nodefaults", "-display", "none", "-no-reboot",
        "-serial", f"file:{kernel_log}", "-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out",
        "-kernel", kernel.image, "-initrd", archive,
        # A kernel that has hurt itself must not go on to give a result.
        "-append", "console=ttyS0 quiet oops=panic panic=-1",
    ]


def follow(process, word, limit_s, say):
    """Read the guest's output until qemu ends; an Outcome. `say` gets each line of the command's own."""
    state = {"late": None}

    def end(reason):
        state["late"] = reason
        process.kill()

    def timer(seconds, reason):
        made = threading.Timer(seconds, end, (reason,))
        made.daemon = True
        made.start()
        return made

    clock = timer(START_LIMIT_S, f"did not start the command within {START_LIMIT_S} s")
    started, status = False, None
    for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip("\r\n")
        if line == f"{word} start":
            clock.cancel()
            clock = timer(limit_s, f"still running after {limit_s} s")
            started = True
        elif line.startswith(f"{word} exit "):
            status = int(line.rsplit(" ", 1)[1])
            break  # what the guest does after this is of no interest
        elif started:
            say(line)
    clock.cancel()
    if process.poll() is None:
        process.kill()
    process.wait()
    problem = None
    if status is None:
        problem = state["late"] or ("the guest crashed" if started else "the guest crashed before the command started")
    return Outcome(status, problem, started)


def boot(kernel, job, command, limit_s, memory_mb, kernel_log, say, switch, processors):
    word = f"@@{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="muster-guest-") as folder:
        archive = os.path.join(folder, "initramfs")
        with open(archive, "wb") as out:
            out.write(initramfs(kernel, {**job, "WORD": word}, command))
        with Share(folder) as share, subprocess.Popen(
                qemu_command(kernel, archive, share, kernel_log, memory_mb, processors), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            switch.add(process)
            try:
                return follow(process, word, limit_s, say)
            finally:
                process.kill()  # also when we are interrupted


def run(kernel, command, *, folder, environment, limit_s, memory_mb, kernel_log, say, keep=(), switch=None,
        processors=USUAL):
    """Run the shell text `command` under `kernel`, in `folder`. `keep`: folders that must be seen though they are below /tmp.
    `processors`: USUAL or COUNTING."""
    switch = switch or Switch()
    job = {"TREE": kernel.tree, "MODULES": " ".join(MODULES),
           "KEEP": " ".join(path for path in keep if path.startswith("/tmp/"))}
    text = command_text(command, environment, folder)
    for attempt in range(1, BOOTS_MAX + 1):
        outcome = boot(kernel, job, text, limit_s, memory_mb, kernel_log, say, switch, processors)
        if outcome.started or attempt == BOOTS_MAX or switch.is_off:
            return outcome
        say(f"# {outcome.problem}; booting once more")
    return outcome
