#!/bin/sh
# Builds the three functions for Lambda, without Docker: target/lambda/{download,process,upload}/bootstrap.
#
#   tests/acceptance/build_functions.sh [--arm64] [more options of `cargo lambda build`]
#
# cargo-lambda and zig come from PyPI into .acceptance/sam, unless `cargo-lambda` is installed. For --arm64 the target
# must be there: rustup target add aarch64-unknown-linux-gnu
set -eu
cd "$(dirname "$0")/../.."

tools=.acceptance/sam
if ! command -v cargo-lambda >/dev/null; then
    if [ ! -x $tools/bin/cargo-lambda ]; then
        python3 -m venv $tools
        $tools/bin/pip install --quiet --disable-pip-version-check -r tests/acceptance/requirements-sam.txt
    fi
    # First on the path, since zig is found as a module of the first python3.
    PATH=$PWD/$tools/bin:$PATH
    export PATH
fi

folder=target/lambda
for option; do
    if [ "$option" = --arm64 ]; then
        # A folder of its own: cargo-lambda keeps both architectures in one otherwise.
        folder=target/lambda-arm64
        if ! rustup target list --installed | grep -q aarch64-unknown-linux-gnu; then
            echo "the target is missing: rustup target add aarch64-unknown-linux-gnu" >&2
            exit 1
        fi
    fi
done
# Explicit packages: it would build and pack every binary of the workspace.
cargo lambda build --release --locked --lambda-dir $folder -p download -p process -p upload "$@"
ls -l $folder/*/bootstrap
