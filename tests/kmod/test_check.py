#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kmod-config/check against made-up machines: one row a case, each a folder of files that differs from a good machine."""
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(os.path.dirname(os.path.dirname(HERE)), "kmod-config")
RELEASE = "7.3.4-test"
MODULES = f"lib/modules/{RELEASE}"
LIMITS = "Max open files  1024  {} files\nMax locked memory  8388608  unlimited  bytes\n"
REKEY = "TlsTxSw 0\nTlsTxRekeyOk 0\n"

GOOD = {
    "proc/sys/kernel/osrelease": RELEASE + "\n",
    "proc/sys/kernel/io_uring_disabled": "0\n",
    "proc/sys/net/ipv4/tcp_available_ulp": "mptcp tls\n",
    "proc/sys/net/core/somaxconn": "4096\n",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "16384\n",
    "proc/self/limits": LIMITS.format(1048576),
    "proc/cpuinfo": "flags\t\t: fpu aes avx\n",
    "proc/crypto": "name         : gcm(aes)\ndriver       : generic\npriority     : 100\n\n"
                   "name         : gcm(aes)\ndriver       : gcm-aesni\npriority     : 400\n",
    "proc/modules": "aesni_intel 1 0 - Live 0x0\ntls 1 0 - Live 0x0\n",
    "proc/net/tls_stat": REKEY,
    f"{MODULES}/modules.dep": "kernel/net/tls/tls.ko.xz:\nkernel/crypto/gcm.ko.xz: kernel/x.ko\nkernel/crypto/chacha20poly1305.ko:\n"
                              "kernel/arch/x86/crypto/aesni-intel.ko.zst:\n",
    f"boot/config-{RELEASE}": "".join(f"{name}=y\n" for name in (
        "CONFIG_IO_URING", "CONFIG_TLS", "CONFIG_BPF_SYSCALL", "CONFIG_DEBUG_INFO_BTF", "CONFIG_BPF_STREAM_PARSER",
        "CONFIG_IO_URING_BPF_OPS", "CONFIG_CRYPTO_GCM", "CONFIG_CRYPTO_CHACHA20POLY1305", "CONFIG_CRYPTO_AES_NI_INTEL")),
    "sys/kernel/btf/vmlinux": "",
}
NO_TLS = {"proc/sys/net/ipv4/tcp_available_ulp": "mptcp\n", "proc/modules": "", "proc/net/tls_stat": None}
CONFIG = GOOD[f"boot/config-{RELEASE}"]

# name; what differs from GOOD (None: no such file); exit status; {item: state}, all others ok; words of one item's fix or finding
ROWS = [
    ("good machine", {}, 0, {}, ("AES-GCM", "gcm-aesni")),
    ("too old", {"proc/sys/kernel/osrelease": "5.15.0\n", "boot/config-5.15.0": CONFIG, "lib/modules/5.15.0/modules.dep": "a/gcm.ko:\na/chacha20poly1305.ko:\n"},
     1, {"kernel": "missing"}, ("kernel", "6.1 or newer")),
    ("io_uring off", {"proc/sys/kernel/io_uring_disabled": "2\n"}, 1, {"io_uring": "missing"}, ("io_uring", "kernel.io_uring_disabled=1")),
    ("io_uring for a group", {"proc/sys/kernel/io_uring_disabled": "1\n", "proc/sys/kernel/io_uring_group": "42\n"}, 0, {}, ("io_uring", "group 42")),
    ("io_uring not built", {f"boot/config-{RELEASE}": CONFIG.replace("CONFIG_IO_URING=y\n", "")}, 1, {"io_uring": "missing"}, ("io_uring", "CONFIG_IO_URING=y")),
    ("6.1 has no setting for io_uring", {"proc/sys/kernel/io_uring_disabled": None}, 0, {}, ("io_uring", "configuration")),
    ("tls not loaded", {**NO_TLS, "proc/crypto": ""}, 0, {"kTLS": "missing", "AES by the processor": "missing"}, ("kTLS", "modprobe tls")),
    ("tls forbidden", {**NO_TLS, "proc/modules": GOOD["proc/modules"].split("\n")[0], "etc/modprobe.d/hard.conf": "install tls /bin/false\n"},
     0, {"kTLS": "missing"}, ("kTLS", "hard.conf")),
    ("tls not installed", {**NO_TLS, "proc/modules": "aesni_intel 1\n", f"{MODULES}/modules.dep": None}, 0,
     {"kTLS": "missing"}, ("kTLS", "modules package")),
    ("tls not built", {**NO_TLS, "proc/modules": "aesni_intel 1\n", f"{MODULES}/modules.dep": "a/gcm.ko:\na/chacha20poly1305.ko:\n",
                       f"boot/config-{RELEASE}": CONFIG.replace("CONFIG_TLS=y\n", "")}, 0, {"kTLS": "missing"}, ("kTLS", "CONFIG_TLS=m")),
    ("no gcm", {"proc/crypto": "", f"{MODULES}/modules.dep": "a/chacha20poly1305.ko:\n",
                f"boot/config-{RELEASE}": CONFIG.replace("CONFIG_CRYPTO_GCM=y\n", "")}, 0, {"AES-GCM": "missing"}, ("AES-GCM", "CONFIG_CRYPTO_GCM=m")),
    ("gcm on first use", {"proc/crypto": ""}, 0, {}, ("AES-GCM", "first use")),
    ("no AES instructions", {"proc/cpuinfo": "flags : fpu\n"}, 0, {"AES by the processor": "unknown"}, ("AES by the processor", "nothing")),
    ("kernel without re-key", {"proc/net/tls_stat": "TlsTxSw 0\n"}, 0, {"kTLS re-key": "missing"}, ("kTLS re-key", "6.14")),
    ("no BTF", {"sys/kernel/btf/vmlinux": None, f"boot/config-{RELEASE}": CONFIG.replace("CONFIG_DEBUG_INFO_BTF=y\n", "")}, 0,
     {"BPF types": "missing"}, ("BPF types", "CONFIG_DEBUG_INFO_BTF=y")),
    ("no loop in BPF", {f"boot/config-{RELEASE}": CONFIG.replace("CONFIG_IO_URING_BPF_OPS=y\n", "# CONFIG_IO_URING_BPF_OPS is not set\n")}, 0,
     {"BPF io_uring loop": "missing"}, ("BPF io_uring loop", "7.3")),
    ("few descriptors", {"proc/self/limits": LIMITS.format(4096)}, 0, {"descriptors": "missing"}, ("descriptors", "LimitNOFILE=")),
    ("descriptors without limit", {"proc/self/limits": LIMITS.format("unlimited")}, 0, {}, ("descriptors", "unlimited")),
    ("short queues", {"proc/sys/net/core/somaxconn": "128\n", "proc/sys/net/ipv4/tcp_max_syn_backlog": "256\n"}, 0,
     {"net.core.somaxconn": "missing", "net.ipv4.tcp_max_syn_backlog": "missing"}, ("net.core.somaxconn", "50-muster.conf")),
    ("configuration not known", {f"boot/config-{RELEASE}": None}, 0,
     {"BPF": "unknown", "BPF on plain TCP": "unknown", "BPF io_uring loop": "unknown"}, ("BPF", "CONFIG_BPF_SYSCALL=y")),
    ("configuration in /proc", {f"boot/config-{RELEASE}": None, "proc/config.gz": gzip.compress(CONFIG.encode())}, 0, {}, ("BPF", "CONFIG_BPF_SYSCALL=y")),
    ("broken configuration in /proc", {"proc/config.gz": b"\x1f\x8b\x08 no"}, 0, {}, ("BPF", "CONFIG_BPF_SYSCALL=y")),
    ("empty folder", {name: None for name in GOOD}, 0,
     {"kernel": "unknown", "io_uring": "unknown", "kTLS": "missing", "AES-GCM": "unknown", "ChaCha20-Poly1305": "unknown",
      "AES by the processor": "unknown", "kTLS re-key": "unknown", "BPF": "unknown", "BPF types": "unknown",
      "BPF on plain TCP": "unknown", "BPF io_uring loop": "unknown", "descriptors": "unknown", "locked memory": "unknown",
      "net.core.somaxconn": "unknown", "net.ipv4.tcp_max_syn_backlog": "unknown"}, None),
]


def make_machine(root, changes):
    for name, body in {**GOOD, **changes}.items():
        if body is None:
            continue
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(body if isinstance(body, bytes) else body.encode())


def run_check(*arguments):
    return subprocess.run([sys.executable, os.path.join(FOLDER, "check"), *arguments], capture_output=True, text=True, check=False)


def try_row(changes, status, states, words):
    with tempfile.TemporaryDirectory() as root:
        make_machine(root, changes)
        done = run_check("--root", root, "--json")
        assert done.returncode == status, f"exit status {done.returncode}: {done.stderr}"
        items = {item["name"]: item for item in json.loads(done.stdout)["items"]}
        for name, item in items.items():
            wanted = states.get(name, "ok")
            assert item["state"] == wanted, f"{name} is {item['state']} ({item['found']}), not {wanted}"
            assert item["state"] == "ok" or (item["costs"] and item["fix"]), f"{name} does not say what to do"
        assert set(states) <= set(items), f"no item {set(states) - set(items)}"
        if words:
            name, text = words
            assert text in items[name]["found"] + items[name].get("fix", ""), f"{name} says {items[name]}"
        table = run_check("--root", root)
        assert table.returncode == status and all(name in table.stdout for name in items), table.stdout
        strict = run_check("--root", root, "--strict").returncode
        assert strict == (1 if "missing" in states.values() else 0), f"--strict: exit status {strict}"


def try_options_agree():
    """What the check asks the kernel's configuration for is what the fragment sets."""
    with open(os.path.join(FOLDER, "check"), encoding="utf-8") as text:
        asked = set(re.findall(r"CONFIG_[A-Z0-9_]*[A-Z0-9]", text.read())) - {"CONFIG_NAME"}
    with open(os.path.join(FOLDER, "muster.config"), encoding="utf-8") as text:
        lines = [line for line in text.read().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"CONFIG_[A-Z0-9_]+=[ym]", line) for line in lines), lines
    assert asked and not asked - {line.split("=")[0] for line in lines}, asked


def try_settings():
    """The settings in sysctl.d satisfy the check, and every active line has its reason right above."""
    with open(os.path.join(FOLDER, "sysctl.d", "50-muster.conf"), encoding="utf-8") as text:
        lines = text.read().splitlines()
    changes = {}
    for before, line in zip(lines, lines[1:]):
        if line and not line.startswith("#"):
            key, value = line.split(" = ")
            assert before.startswith("# "), f"{key} has no reason"
            changes["proc/sys/" + key.replace(".", "/")] = value + "\n"
    assert changes
    try_row(changes, 0, {}, None)


def try_usage():
    assert run_check("--root", "/nonexistent").returncode == 2
    assert run_check("--nonsense").returncode == 2


def main():
    cases = [(row[0], lambda row=row: try_row(*row[1:])) for row in ROWS]
    cases += [("options of muster.config", try_options_agree), ("settings of sysctl.d", try_settings), ("usage", try_usage)]
    failed = 0
    for name, case in cases:
        try:
            case()
            print(f"ok {name}")
        except (AssertionError, KeyError, ValueError) as failure:
            failed = 1
            print(f"not ok {name}\n# {failure}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
