# What the scripts of this folder share; sourced by them, never run. POSIX shell.
# Messages go to standard error, coloured on a terminal only (and not when NO_COLOR is set).

root=$(cd "$(dirname "$0")/.." && pwd)

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') red=$(printf '\033[31m') green=$(printf '\033[32m')
    plain=$(printf '\033[0m')
else
    bold='' dim='' red='' green='' plain=''
fi

say() { printf '%s==>%s %s\n' "$bold$green" "$plain$bold" "$*$plain" >&2; }
note() { printf '%s    %s%s\n' "$dim" "$*" "$plain" >&2; }
warn() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; }
die() {
    warn "${0##*/}: $*"
    exit 1
}
