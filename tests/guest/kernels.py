# SPDX-License-Identifier: Apache-2.0
"""Debian's own kernel packages, unpacked into a cache folder and never installed.

They come from the mirror that this machine's apt is configured with, through an apt state folder of our own: neither the
machine's package lists nor its installed packages are touched.
"""
import functools
import glob
import os
import re
import shutil
import subprocess
import time

# Where each kernel may be found; `{own}` is the release that this machine runs. The newest package of them all is taken.
SUITES = {
    "6.1": ("{own}", "{own}-security", "bookworm", "bookworm-security"),
    "6.12": ("trixie", "trixie-security", "bookworm-backports"),
    "7.3": ("trixie-backports",),
}
FRESH_S = 24 * 3600  # a kernel unpacked this recently is used without asking the mirror
APT_LIMIT_S = 300  # a mirror that hangs is a skip, not a hung test
RELEASE_FILE = "release"


class Missing(Exception):
    """This kernel cannot be had here; the text says why."""


class Kernel:
    """An unpacked kernel: `tree` holds lib/modules/`release`, `image` is what qemu boots."""

    def __init__(self, tree):
        self.tree = tree
        (modules,) = glob.glob(os.path.join(tree, "lib/modules/*"))
        self.release = os.path.basename(modules)
        found = glob.glob(os.path.join(tree, "boot/vmlinuz-*")) + glob.glob(os.path.join(modules, "vmlinuz"))
        self.image = found[0]
        with open(os.path.join(tree, RELEASE_FILE), encoding="utf-8") as said:
            self.suite = said.read().strip()


def run(command, **options):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=APT_LIMIT_S, **options)
    except FileNotFoundError as missing:
        raise Missing(f"{command[0]} is not installed") from missing
    except subprocess.TimeoutExpired as slow:
        raise Missing(f"{command[0]} {command[-1]} took more than {APT_LIMIT_S} s") from slow


# --- the mirror of this machine ---

def read_one_line(line):
    """An entry of sources.list (`deb [options] uri suite component...`) as the fields of the other format, or None."""
    match = re.match(r"^deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+(.+)$", line.split("#")[0].strip())
    if not match:
        return None
    options, uri, suite, components = match.groups()
    names = {"signed-by": "Signed-By", "trusted": "Trusted", "arch": "Architectures"}
    fields = {"Types": "deb", "URIs": uri, "Suites": suite, "Components": components}
    for option in (options or "").split():
        key, _, value = option.partition("=")
        if key in names:
            fields[names[key]] = value.replace(",", " ") if key == "arch" else value
    return fields


def read_stanzas(text):
    """The stanzas of a .sources file or of apt's answers, each a dict; a continued field keeps its line breaks."""
    for block in re.split(r"\n\s*\n", text):
        fields, last = {}, None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t") and last:
                fields[last] += "\n" + line
            elif ":" in line:
                last, _, value = line.partition(":")
                fields[last] = value.strip()
        if fields:
            yield fields


def configured_sources(root="/etc/apt"):
    for path in [os.path.join(root, "sources.list"), *sorted(glob.glob(os.path.join(root, "sources.list.d", "*")))]:
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="replace") as text:
            if path.endswith(".sources"):
                entries = list(read_stanzas(text.read()))
            elif path.endswith(".list"):
                entries = [entry for entry in map(read_one_line, text) if entry]
            else:
                continue
        for entry in entries:
            if "deb" in entry.get("Types", "").split() and entry.get("Enabled", "yes") != "no":
                yield entry


def own_codename():
    with open("/etc/os-release", encoding="utf-8") as text:
        match = re.search(r'^VERSION_CODENAME="?([a-z]+)', text.read(), re.M)
    return match.group(1) if match else ""


def source_for(suite, own, entries):
    """A stanza for `suite`, made from the entry that serves this machine's own release (or its security suite)."""
    wanted = own + "-security" if suite.endswith("-security") else own
    for entry in entries:
        if wanted in entry.get("Suites", "").split() and "main" in entry.get("Components", "").split():
            return {**entry, "Types": "deb", "Suites": suite, "Components": "main"}
    return None


# --- apt with a state of its own ---

class Apt:
    def __init__(self, folder, suites, entries=None):
        self.folder = folder
        own = own_codename()
        entries = list(configured_sources()) if entries is None else entries
        suites = dict.fromkeys(suite.format(own=own) for suite in suites)
        sources = [source for source in (source_for(suite, own, entries) for suite in suites) if source]
        if not sources:
            raise Missing(f"no apt source for {own or 'a Debian release'} is configured here")
        for name in ("lists/partial", "archives/partial", "sources"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        with open(os.path.join(folder, "sources", "guest.sources"), "w", encoding="utf-8") as out:
            for source in sources:
                out.write("".join(f"{key}: {value}\n" for key, value in source.items()) + "\n")
        self.options = []
        for option in (f"Dir::State::lists={folder}/lists", "Dir::State::status=/dev/null", f"Dir::Cache={folder}",
                       "Dir::Etc::sourcelist=/dev/null", f"Dir::Etc::sourceparts={folder}/sources",
                       "Acquire::Languages=none", "Acquire::Retries=2", "APT::Sandbox::User=root"):
            self.options += ["-o", option]
        # One suite that does not exist is an error of the whole command, though the others did arrive.
        self.update_log = self.ask("apt-get", "update", "-q").stdout

    def ask(self, program, *arguments, **options):
        return run([program, *self.options, *arguments], **options)

    def why_nothing(self):
        errors = [line for line in self.update_log.splitlines() if line.startswith(("E:", "Err:"))]
        return "; ".join(errors[:2]) or "no suite of this mirror has it"

    def newest(self, version):
        """The newest cloud kernel of this version, as apt's own stanza."""
        pattern = re.compile(rf"linux-image-{re.escape(version)}([.+~-]\S*)?-cloud-amd64")
        listed = self.ask("apt-cache", "pkgnames", f"linux-image-{version}").stdout.split()
        names = [name for name in listed if pattern.fullmatch(name)]
        if not names:
            raise Missing(f"no package linux-image-{version}...-cloud-amd64: {self.why_nothing()}")
        stanzas = [stanza for stanza in read_stanzas(self.ask("apt-cache", "show", "--no-all-versions", *names).stdout)
                   if stanza.get("Package") in names and "Version" in stanza]
        if not stanzas:
            raise Missing(f"apt lists {names[0]} but cannot show it")
        return max(stanzas, key=functools.cmp_to_key(compare_versions))

    def suite_of(self, stanza):
        """Which suite has it, for the table."""
        policy = self.ask("apt-cache", "policy", stanza["Package"]).stdout
        match = re.search(r"^\s+-?\d+ \S+ (\S+)/main", policy, re.M)
        return match.group(1) if match else "?"


def compare_versions(left, right):
    is_less = subprocess.run(["dpkg", "--compare-versions", left["Version"], "lt", right["Version"]], check=False).returncode == 0
    return -1 if is_less else 1


# --- the cache ---

def unpack(apt, stanza, tree):
    """Download the image package and the parts it was split into, and unpack them all into `tree`."""
    parts = re.findall(r"linux-(?:binary|modules|base)-\d\S*", stanza.get("Depends", ""))
    packages = [f"{name}={stanza['Version']}" for name in (stanza["Package"], *parts)]
    building = tree + ".new"
    shutil.rmtree(building, ignore_errors=True)
    debs = os.path.join(building, "debs")
    os.makedirs(debs)
    done = apt.ask("apt-get", "download", "-q", *packages, cwd=debs)
    files = glob.glob(os.path.join(debs, "*.deb"))
    if done.returncode != 0 or len(files) != len(packages):
        raise Missing(f"download of {stanza['Package']} failed: {(done.stdout.strip().splitlines() or ['no word'])[-1]}")
    for file in files:
        done = run(["dpkg", "-x", file, building])
        if done.returncode != 0:
            raise Missing(f"dpkg -x {os.path.basename(file)}: {done.stdout.strip()}")
    shutil.rmtree(debs)
    if not os.path.exists(os.path.join(building, "lib")):
        os.symlink("usr/lib", os.path.join(building, "lib"))  # where modprobe -d looks
    elif not os.path.exists(os.path.join(building, "lib/modules")):
        os.symlink("../usr/lib/modules", os.path.join(building, "lib/modules"))
    with open(os.path.join(building, RELEASE_FILE), "w", encoding="utf-8") as out:
        out.write(apt.suite_of(stanza) + "\n")
    done = run(["/sbin/depmod", "-b", building, Kernel(building).release])
    if done.returncode != 0:
        raise Missing(f"depmod: {done.stdout.strip()}")
    shutil.rmtree(tree, ignore_errors=True)
    os.rename(building, tree)


def get(version, cache):
    """The newest kernel of this version, from the cache when it is fresh. Raises Missing with the reason."""
    if version not in SUITES:
        raise Missing(f"not one of {', '.join(SUITES)}")
    tree = os.path.join(cache, f"linux-{version}")
    stamp = os.path.join(tree, "package")
    if os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < FRESH_S:
        return Kernel(tree)
    try:
        apt = Apt(os.path.join(cache, "apt"), SUITES[version])
        stanza = apt.newest(version)
        wanted = f"{stanza['Package']} {stanza['Version']}\n"
        if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != wanted:
            unpack(apt, stanza, tree)
        with open(stamp, "w", encoding="utf-8") as out:
            out.write(wanted)
    except Missing:
        if not os.path.exists(stamp):
            raise
        # The mirror is away: the kernel of last time is as good.
    return Kernel(tree)
