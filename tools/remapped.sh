#!/bin/sh
# Runs a build so that its result does not tell where it was made, and is the same wherever that is: rustc writes the names of
# source files into programs, for panics. Of several prefixes that fit the last one counts. Crates that are not here yet would be
# unpacked into a folder of which we do not know the name.
set -eu
cargo fetch --quiet --locked
home=${CARGO_HOME:-$HOME/.cargo}
flags=--remap-path-prefix=$home=/cargo
for registry in "$home"/registry/src/*; do flags="$flags --remap-path-prefix=$registry=/crates"; done
flags="$flags --remap-path-prefix=$PWD=/oidc-triage --remap-path-prefix=${CARGO_TARGET_DIR:-$PWD/target}=/target"
# Joined with the flags that cargo-lambda has of its own (which processor), where RUSTFLAGS would take their place.
CARGO_BUILD_RUSTFLAGS="$flags" exec "$@"
