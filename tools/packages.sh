# What a Debian 12 machine needs, and one function that installs what is missing. Sourced by tools/run and tools/test.
# shellcheck shell=bash

PACKAGES_RUN=(gcc g++ cmake ninja-build pkg-config libev-dev libjansson-dev libxxhash-dev)
PACKAGES_TEST=(libcriterion-dev mosquitto-clients python3 python3-pytest python3-pytest-xdist python3-paho-mqtt libpaho-mqtt-dev
    clang clang-format clang-tidy cppcheck libclang-rt-14-dev ccache ca-certificates git)

# Any node from 16 on will do, from wherever it came; so it is looked for on PATH and not among Debian's packages.
packages_node_is_usable() {
    command -v npm >/dev/null && command -v node >/dev/null &&
        [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 16 ]
}

# packages_install NAME...: returns at once if all are installed. Recommended packages and services are left out.
packages_install() {
    local missing=() name sudo=()
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing packages, and neither root nor sudo to install them: apt-get install ${missing[*]}" >&2
            return 1
        fi
        sudo=(sudo)
    fi
    echo "==> installing ${#missing[@]} packages: ${missing[*]}"
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    local log status=0
    log=$(mktemp)
    # The lists of a fresh machine are empty and those of an old one may be stale: fetch them, then install.
    { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null || status=$?
    [ $status -eq 0 ] || { tail -n 30 "$log" >&2; echo "apt-get failed with exit code $status" >&2; }
    rm -f "$log"
    return $status
}

# build_preset PRESET [TARGET...]: configures where that was not done since the presets changed, then builds what changed.
build_preset() {
    local preset=$1
    shift
    [ "build/$preset/build.ninja" -nt CMakePresets.json ] || cmake --preset "$preset" --log-level=WARNING >/dev/null
    cmake --build --preset "$preset" ${1:+--target "$@"}
}
