#!/bin/sh
# Builds Alertmanager 0.28.1 from its Go module into DIR (build/alertmanager-new), where Go 1.22 or later is at hand, and
# prints the path for ALERTMANAGER_NEW. Exit 77: that cannot be done here.
set -eu
version=v0.28.1
dir=${1:-$(dirname "$0")/../../build/alertmanager-new}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
binary=$dir/alertmanager-$version
if [ ! -x "$binary" ]; then
    minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-0}" -lt 22 ]; then
        echo "alertmanager-new: skipped: no Go 1.22 or later here" >&2
        exit 77
    fi
    if ! GOBIN=$dir/bin CGO_ENABLED=0 GOFLAGS=-p=2 \
        go install "github.com/prometheus/alertmanager/cmd/alertmanager@$version" >&2; then
        echo "alertmanager-new: skipped: its module cannot be had or built here" >&2
        exit 77
    fi
    mv "$dir/bin/alertmanager" "$binary"
    rmdir "$dir/bin"
fi
echo "$binary"
