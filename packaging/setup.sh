#!/bin/sh
# Make everything facestudio needs ready: system libraries, a .venv beside this checkout, the package itself.
#
# Works as root, with passwordless sudo, or with neither (then it names what is missing and goes on: pictures are drawn
# by the software renderer). A second run finds its stamp and returns at once.
#
#   sh packaging/setup.sh            set up what is missing
#   sh packaging/setup.sh --force    set up again
#
# FACESTUDIO_EXTRAS (default "cpu,dev") names the extras to install, FACESTUDIO_PYTHON the interpreter to use,
# FACESTUDIO_NO_APT=1 leaves the system packages alone.
set -eu

cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.facestudio-setup
apt_stamp=$venv/.facestudio-system
extras=${FACESTUDIO_EXTRAS:-cpu,dev}
force=${1:-}
missing=
updated=

say() { printf '%s\n' "setup: $*" >&2; }

# --- the system --------------------------------------------------------------------------------------------------

# What the app, the off-screen views and the tests load, and the Debian or Ubuntu package that brings each.
libraries='
libEGL.so.1             libegl1
libEGL_mesa.so.0        libegl-mesa0
libGL.so.1              libgl1
libGLX_mesa.so.0        libglx-mesa0
libOpenGL.so.0          libopengl0
libxkbcommon.so.0       libxkbcommon0
libxkbcommon-x11.so.0   libxkbcommon-x11-0
libX11-xcb.so.1         libx11-xcb1
libxcb-cursor.so.0      libxcb-cursor0
libxcb-icccm.so.4       libxcb-icccm4
libxcb-image.so.0       libxcb-image0
libxcb-keysyms.so.1     libxcb-keysyms1
libxcb-randr.so.0       libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0       libxcb-shape0
libxcb-xinerama.so.0    libxcb-xinerama0
libxcb-xkb.so.1         libxcb-xkb1
libdbus-1.so.3          libdbus-1-3
libfontconfig.so.1      libfontconfig1
libglib-2.0.so.0        libglib2.0-0
'

have() { command -v "$1" >/dev/null 2>&1; }

find_missing() {
    missing=
    known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
    if [ -n "$known" ]; then
        # A here-document, not a pipe: the loop must run in this shell to keep what it finds.
        while read -r library package; do
            [ -n "$library" ] || continue
            case $known in *"$library"*) ;; *) missing="$missing $package" ;; esac
        done <<LIST
$libraries
LIST
    fi
    have xvfb-run || missing="$missing xvfb"
    have xauth || missing="$missing xauth"
    missing=${missing# }
}

may_install() {
    [ "$(uname -s)" = Linux ] && have apt-get && [ "${FACESTUDIO_NO_APT:-0}" != 1 ] || return 1
    if [ "$(id -u)" = 0 ]; then as_root=; return 0; fi
    have sudo && sudo -n true 2>/dev/null || return 1
    as_root="sudo -n"
}

# apt_install PACKAGE...: quiet, never asks, goes on with old package lists when they cannot be renewed.
apt_install() {
    if [ -z "$updated" ]; then
        updated=yes
        $as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get update -qq -o Acquire::Retries=2 >/dev/null 2>&1 ||
            say "the package lists could not be renewed; going on with those there are"
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

set_up_system() {
    [ "$(uname -s)" = Linux ] || return 0
    find_missing
    [ -n "$missing" ] || return 0
    # Tried before, without success: do not spend the time again.
    if [ -z "$force" ] && [ -f "$apt_stamp" ] && [ "$(cat "$apt_stamp")" = "$(id -u) $missing" ]; then return 0; fi
    if may_install; then
        say "installing system packages: $missing"
        # One by one after a failure: a name a release lacks must not keep the others out.
        # shellcheck disable=SC2086
        apt_install $missing || for package in $missing; do apt_install "$package" || true; done
        find_missing
        [ -n "$missing" ] || return 0
    fi
    say "warning: these system packages are missing and could not be installed here: $missing"
    say "         facestudio goes on without them: pictures are drawn in software, the window may not open."
    have apt-get && say "         To have them: sudo apt-get install $missing"
    return 0
}

# --- Python ------------------------------------------------------------------------------------------------------

good_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for python in ${FACESTUDIO_PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if have "$python" && good_python "$python"; then return 0; fi
    done
    return 1
}

ensure_python() {
    find_python && return 0
    if may_install; then
        say "installing Python"
        apt_install python3 python3-venv || true
        find_python && return 0
        apt_install python3.11 python3.11-venv || apt_install python3.12 python3.12-venv || true # older Ubuntu
        find_python && return 0
    fi
    say "error: Python 3.11 or newer is needed and was not found."
    say "       Install it (Debian 12, Ubuntu: sudo apt-get install python3 python3-venv) and run this again."
    exit 1
}

works() { [ -x "$venv/bin/python" ] && good_python "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv() {
    works && return 0
    rm -rf "$venv"
    "$python" -m venv "$venv" >/dev/null 2>&1 && works && return 0
    if may_install; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "installing python$version-venv"
        apt_install "python$version-venv" || apt_install python3-venv || true
        rm -rf "$venv"
        "$python" -m venv "$venv" >/dev/null 2>&1 && works && return 0
    fi
    rm -rf "$venv"
    if "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv -q "$venv" && works && return 0
    elif have uv; then
        uv venv -q --seed --python "$python" "$venv" && works && return 0
    fi
    rm -rf "$venv"
    say "error: $python cannot make a virtual environment here."
    say "       Debian, Ubuntu: sudo apt-get install python3-venv. Elsewhere: $python -m pip install --user virtualenv"
    exit 1
}

fingerprint() {
    if have sha256sum; then hash=sha256sum; else hash="shasum -a 256"; fi
    { printf '%s %s\n' "$extras" "$PWD"; cat pyproject.toml packaging/setup.sh; } | $hash | cut -d ' ' -f 1
}

set_up_package() {
    now=$(fingerprint)
    if [ -z "$force" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ] && [ -x "$venv/bin/facestudio" ]; then
        return 0
    fi
    ensure_python
    make_venv
    say "installing facestudio and what it needs into $venv (a few minutes the first time)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -e ".[$extras]" || {
        say "error: pip could not install facestudio; its own message is above. Is there a way to the package index?"
        exit 1
    }
    printf '%s\n' "$now" >"$stamp"
}

set_up_system
set_up_package
if [ -n "$missing" ]; then printf '%s\n' "$(id -u) $missing" >"$apt_stamp"; else rm -f "$apt_stamp"; fi
