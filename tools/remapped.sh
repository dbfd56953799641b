#!/bin/sh
# Runs a build whose result does not depend on the folders of this machine: rustc writes the names of source files into
# programs, for panics. If several prefixes fit, the last one counts. Crates that are not downloaded yet would be unpacked
# into a folder whose name is unknown.
set -eu
cargo fetch --quiet --locked
home=${CARGO_HOME:-$HOME/.cargo}
flags=--remap-path-prefix=$home=/cargo
for registry in "$home"/registry/src/*; do flags="$flags --remap-path-prefix=$registry=/crates"; done
flags="$flags --remap-path-prefix=$PWD=/oidc-triage --remap-path-prefix=${CARGO_TARGET_DIR:-$PWD/target}=/target"
# Joined with cargo-lambda's own flags (the processor); RUSTFLAGS would replace them.
CARGO_BUILD_RUSTFLAGS="$flags" exec "$@"
