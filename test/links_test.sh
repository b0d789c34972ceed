#!/bin/sh
# links_test.sh release|debug ENGINE WORKER: the wall as the linker sees it. The engine has no Lua and no RE2, the worker
# no network, no event loop, no store and no documents; neither as a shared library nor linked in. In release both
# are hardened.
set -u
kind=$1 engine=$2 worker=$3
bad=0
complain() {
    echo "FAILED: $*"
    bad=1
}

# without EXECUTABLE LIBRARIES SYMBOLS: extended regular expressions; libraries of libraries count, too
without() {
    libraries=$(ldd "$1") || complain "ldd $1"
    found=$(echo "$libraries" | grep -E "lib($2)[-.0-9]") && complain "$1 links$found"
    found=$(readelf -sW "$1" | awk '{print $8}' | grep -m 3 -E "^($3)") && complain "$1 has the symbols" $found
}
without "$engine" 'lua|luajit|re2' 'lua_[a-z]|luaL_|_ZN3re2'
without "$worker" 'curl[a-z-]*|ssl|crypto|gnutls|uv|sqlite3|yaml|microhttpd|cjson|nghttp2' \
    'curl_|SSL_|uv_[a-z]|sqlite3_|yaml_|MHD_|cJSON_|getaddrinfo|connect@'

hardened() {
    dynamic=$(readelf -dW "$1") headers=$(readelf -lW "$1") symbols=$(readelf -sW "$1")
    echo "$dynamic" | grep -q 'FLAGS_1.*PIE' || complain "$1 is not position independent"
    echo "$dynamic" | grep -qE 'BIND_NOW|FLAGS.*NOW' || complain "$1 binds lazily: no full RELRO"
    echo "$headers" | grep -q GNU_RELRO || complain "$1 has no RELRO segment"
    echo "$headers" | grep GNU_STACK | grep -q 'RW ' || complain "$1 has an executable stack"
    echo "$symbols" | grep -q '__stack_chk_fail' || complain "$1 has no stack protector"
    echo "$symbols" | grep -qE '__[a-z]+_chk@' || complain "$1 has no fortified functions"
    echo "$dynamic" | grep -qE 'RPATH|RUNPATH' && complain "$1 looks for libraries in a path of its own"
}
if [ "$kind" = release ]; then
    hardened "$engine"
    hardened "$worker"
fi
[ $bad = 0 ] && echo "alertspawner and alertspawner-worker link what they may ($kind)"
exit $bad
