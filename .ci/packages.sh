# Sourced by ./run, ./test and .ci/run: installs the Debian or Ubuntu packages that are missing, and says which.
# Offline and without root this is silent and quick when nothing is missing.

# True when every package named is installed (of some architecture).
have_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Abbrev}\n' "$name" 2>/dev/null | grep -q '^ii' || return 1
    done
}

# ensure_packages NAME...: installs those that are missing.
ensure_packages() {
    local missing=() name sudo=""
    if ! command -v dpkg-query >/dev/null 2>&1; then
        echo "This is not Debian or Ubuntu: please install the equivalents of: $*" >&2
        return 0
    fi
    have_packages "$@" && return 0
    for name in "$@"; do have_packages "$name" || missing+=("$name"); done
    echo "Installing missing packages: ${missing[*]}" >&2
    if [ "$(id -u)" -ne 0 ]; then
        sudo="sudo"
        command -v sudo >/dev/null 2>&1 || { echo "Not root and no sudo: please install them and run this again." >&2; return 1; }
    fi
    $sudo apt-get update -qq >&2 || echo "The package lists could not be refreshed; trying with the present ones." >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 || {
        echo "Packages could not be installed: ${missing[*]}" >&2
        return 1
    }
}

build_packages=(g++ cmake ninja-build pkg-config qt6-base-dev qt6-svg-dev libqcustomplot-dev libhdf5-dev zlib1g-dev libeigen3-dev
    nlohmann-json3-dev libpcre2-dev libutf8proc-dev libsentencepiece-dev libxxhash-dev libcli11-dev libgl1-mesa-dev
    fonts-dejavu-core libopenmpi-dev openmpi-bin)
test_packages=(hdf5-tools libbenchmark-dev poppler-utils)
check_packages=(ccache clang-format-14 clang-tidy-14)
