#!/bin/sh
# assets.sh [DIR]: prints a directory that holds kube-apiserver, etcd and kubectl, for the tests to run.
#
#   $KUBEBUILDER_ASSETS   when it is set and complete: what setup-envtest and every other Kubernetes project uses
#   DIR/v1.34.4           otherwise (DIR: build/kube); built on first use from the Go module in server/, which takes
#                         minutes once, with Debian's etcd-server beside it
#
# Go 1.24 or later on PATH is used as it is. With an older one (Debian 12's is 1.19) Go 1.24.4 is fetched as an ordinary
# module, checked against Go's checksum database like any other. Exit 77: that cannot be had here, and why.
set -eu
version=v1.34.4 toolchain=go1.24.4
here=$(cd "$(dirname "$0")" && pwd)
skip() {
    echo "kube assets: skipped: $*" >&2
    exit 77
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    for program in kube-apiserver etcd kubectl; do
        [ -x "$KUBEBUILDER_ASSETS/$program" ] ||
            skip "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, but there is no $program in it"
    done
    echo "$KUBEBUILDER_ASSETS"
    exit 0
fi

dir=${1:-$here/../../build/kube}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
assets=$dir/$version
etcd=$(command -v etcd) || skip "no etcd: scripts/deps test installs Debian's etcd-server"

# find_go: sets $go to a Go that can build this
find_go() {
    command -v go >/dev/null || skip "no Go: scripts/deps test installs Debian's golang-go"
    minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    go=go
    [ "${minor:-0}" -lt 24 ] || return 0
    case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) skip "Go here is $(go env GOVERSION), and I know no newer one for $(uname -m)" ;;
    esac
    goroot=$(cd "$dir" && go mod download -json "golang.org/toolchain@v0.0.1-$toolchain.linux-$arch" 2>"$dir/log" |
        sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
    [ -n "$goroot" ] || skip "$toolchain cannot be had: $(tail -n 1 "$dir/log")"
    # a module's files are never executable; newer Gos do this, too, when they fetch a toolchain
    chmod +x "$goroot"/bin/* "$goroot"/pkg/tool/*/*
    go=$goroot/bin/go
}

if [ ! -x "$assets/kube-apiserver" ] || [ ! -x "$assets/kubectl" ]; then
    exec 9>"$dir/lock"
    flock 9 # several tests may ask at once
fi
if [ ! -x "$assets/kube-apiserver" ] || [ ! -x "$assets/kubectl" ]; then
    find_go
    cd "$here/server"
    export GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0
    echo "kube assets: building kube-apiserver and kubectl $version with $("$go" env GOVERSION); minutes, the first time" >&2
    if ! "$go" list -deps tool >/dev/null 2>"$dir/log"; then
        tail -n 5 "$dir/log" >&2
        ! grep -Eq 'checksum|go\.sum|SECURITY' "$dir/log" || exit 1
        skip "the modules cannot be had"
    fi
    x=k8s.io/component-base/version
    minor=${version#v1.}
    nice "$go" build -trimpath -o "$dir/new/" -ldflags "-s -w -X $x.gitVersion=$version -X $x.gitMajor=1 \
        -X $x.gitMinor=${minor%.*} -X $x.gitTreeState=clean" tool >&2
    mkdir -p "$assets"
    mv "$dir/new/kubectl" "$dir/new/kube-apiserver" "$assets"
    rmdir "$dir/new"
fi
ln -sf "$etcd" "$assets/etcd"
echo "$assets"
