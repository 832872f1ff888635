#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What run.py runs under each kernel: facts, the check of kmod-config/, unit and flow tests, the end-to-end suite, and what the
# kernel counted. With MUSTER_OFFLOAD_TLS=on the suite itself compares that with what the servers counted.
#   GUEST_BUILD     the build folder
#   GUEST_SUITES    of: check unit flow e2e (default: all)
#   GUEST_E2E       all (default): every end-to-end test; short: two pairs of clients, TLS, the errors, the limits and the programs; a
#                   kernel's name: all for that one, short for others
#   GUEST_WORKERS   workers of the end-to-end suite's server (default 2)
set -u
build=${GUEST_BUILD:?} suites=" ${GUEST_SUITES:-check unit flow e2e} " workers=${GUEST_WORKERS:-2}
failed=0
export E2E_DEADLINE_S=${E2E_DEADLINE_S:-120} # an emulated processor needs ten seconds and more to start one client

# Each of these kernels takes every program: that one is not loaded is no skip here.
[ -e "$build/bpf/verdict.skel.h" ] && export E2E_PROGRAMS=on

step() {
    local started=$SECONDS
    echo "---- $*"
    "$@" || failed=1
    echo "---- $((SECONDS - started)) s"
}

uname -rv
if [[ $suites == *" check "* ]]; then
    step kmod-config/check # optional things may be missing: that is status 0
fi
meson_suites=()
for suite in unit flow; do
    [[ $suites == *" $suite "* ]] && meson_suites+=(--suite "$suite")
done
if [ ${#meson_suites[@]} != 0 ]; then
    step python3 tests/run-tests.py "$build" "${meson_suites[@]}" --timeout-multiplier 10
fi
if [[ $suites == *" e2e "* ]]; then
    only=()
    case "${GUEST_E2E:-all}" in
        all | "${GUEST_KERNEL:-}") ;;
        *) for part in "slixmpp and strophe, starttls" "strophe and xmppjs, direct" "tls: " "errors: " "limits: " "bpf: " "loop: " "privileges: "; do
            only+=(--only "$part")
        done ;;
    esac
    step /usr/bin/python3 tests/e2e/run.py --build "$build" --workers "$workers" "${only[@]}"
    grep -E '^Tls' /proc/net/tls_stat | awk '$2 != 0'
fi
exit $failed
