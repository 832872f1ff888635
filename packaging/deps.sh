#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Install the Debian packages that are missing: deps.sh GROUP..., groups build, test, fuzz, guest, bench, peers (Debian 12 and 13).
# Silent when nothing is missing; root or sudo; one clear message when it cannot.
set -u

build=(gcc make meson ninja-build pkgconf libc6-dev libcmocka-dev libexpat1-dev libsqlite3-dev libssl-dev libunistring-dev
    liburing-dev libyaml-dev openssl python3 ca-certificates)
test=(bpftool clang gnutls-bin libbpf-dev libstrophe-dev profanity python3-cryptography python3-slixmpp)
fuzz=(clang llvm libclang-rt-dev)
bench=(prosody ejabberd)
peers=(prosody)
guest=(qemu-system-x86 qemu-system-common busybox-static kmod)

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for group in "$@"; do
    case $group in
    build) packages=("${build[@]}") ;;
    test)
        packages=("${test[@]}")
        # Any Node.js of version 18 or newer will do, wherever it is from.
        command -v node >/dev/null || packages+=(nodejs)
        command -v npm >/dev/null || packages+=(npm)
        ;;
    fuzz) packages=("${fuzz[@]}") ;;
    bench) packages=("${bench[@]}") ;;
    peers) packages=("${peers[@]}") ;;
    guest)
        packages=("${guest[@]}")
        # Debian 12 has it in qemu-system-common.
        grep -q '^VERSION_ID="12"' /etc/os-release || packages+=(virtiofsd)
        ;;
    *)
        echo "deps.sh: unknown group '$group'; there are build, test, fuzz, guest, bench, peers" >&2
        exit 2
        ;;
    esac
    if ! command -v dpkg-query >/dev/null; then
        echo "deps.sh: this is not Debian; what is needed, in Debian's names: ${packages[*]}" \
            "(if you have it all: make DEPS=true ...)" >&2
        exit 1
    fi
    for package in "${packages[@]}"; do
        is_installed "$package" || missing+=("$package")
    done
done
[ ${#missing[@]} = 0 ] && exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps.sh: not root and no sudo; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
        >>"$log" 2>&1 </dev/null
}
if ! apt update || ! apt install --no-install-recommends "${missing[@]}"; then
    tail -n 20 "$log" >&2
    echo "deps.sh: could not install ${missing[*]}" >&2
    exit 1
fi

# The servers to compare with are started by the comparison, not by the system.
for service in "${bench[@]}"; do
    if [[ " ${missing[*]} " == *" $service "* ]] && [ -d /run/systemd/system ]; then
        "${as_root[@]}" systemctl disable --now "$service" >>"$log" 2>&1
    fi
done
exit 0
