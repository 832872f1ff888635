#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keep what fuzzing has found out: keep.sh BUILD TARGET... packs the smallest set of inputs with the same coverage, of BUILD/corpus, the seeds
# and what was kept before, into tests/fuzz/corpora/TARGET.tar.gz, which run.sh begins with. TARGET without `fuzz_`.
set -eu
build=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
shift
for name in "$@"; do
    folders=()
    for folder in "$build/corpus/$name" "$build/seeds/$name" "$here/seeds/$name"; do
        [ -d "$folder" ] && folders+=("$folder")
    done
    kept=$(mktemp -d)
    trap 'rm -rf "$kept"' EXIT
    "$build/tests/fuzz/fuzz_$name" -merge=1 -rss_limit_mb=4096 "$kept" "${folders[@]}" 2>"$build/keep_$name.log" ||
        { tail -20 "$build/keep_$name.log" >&2 && exit 1; }
    mkdir -p "$here/corpora"
    # The same inputs are the same archive: no names, no times.
    tar -C "$kept" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=644 -cf - . | gzip -n9 >"$here/corpora/$name.tar.gz"
    echo "$name: $(find "$kept" -type f | wc -l) inputs, $(stat -c %s "$here/corpora/$name.tar.gz") bytes packed"
    rm -rf "$kept"
done
