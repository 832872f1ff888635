#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run every fuzz target of a build folder: run.sh BUILD SECONDS [JOBS]. New inputs are kept in BUILD/corpus, crashing ones in
# BUILD/crashes; seeds that are made from the dialogues of tests/flow, and what was kept of earlier runs (corpora/, keep.sh), in BUILD/seeds.
# Ends with `N passed, N failed, N skipped`.
set -u
build=$(realpath "$1") seconds=$2 jobs=${3:-2}
here=$(dirname "$(realpath "$0")")
seeds=$here/seeds
python3 "$here/stream_seeds.py" "$here/../flow" "$build/seeds/stream" || exit 1
for kept in "$here"/corpora/*.tar.gz; do
    folder=$build/seeds/$(basename "$kept" .tar.gz)
    mkdir -p "$folder" && tar -C "$folder" -xzf "$kept" || exit 1
done

run_one() {
    local target=$1 name
    name=$(basename "$target")
    local short=${name#fuzz_} log=$build/$name.log folders=()
    mkdir -p "$build/corpus/$short" "$build/crashes"
    folders=("$build/corpus/$short")
    [ -d "$seeds/$short" ] && folders+=("$seeds/$short")
    [ -d "$build/seeds/$short" ] && folders+=("$build/seeds/$short")
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" "${folders[@]}" >"$log" 2>&1; then
        echo "ok $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
    else
        tail -40 "$log" | sed 's/^/# /'
        echo "not ok $name: see $log and $build/crashes"
    fi
}
export -f run_one
export build seconds seeds

targets=$(find "$build/tests/fuzz" -maxdepth 1 -type f -perm -u+x -name 'fuzz_*' | sort)
if [ -z "$targets" ]; then
    echo "no fuzz target in $build/tests/fuzz" >&2
    exit 1
fi
report=$(echo "$targets" | xargs -P "$jobs" -I{} bash -c 'run_one {}')
echo "$report"
failed=$(grep -c '^not ok' <<<"$report")
echo "$(grep -c '^ok' <<<"$report") passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
