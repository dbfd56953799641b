#!/bin/sh
# Chooses rustup's toolchain: prints nothing if rust-toolchain.toml decides, and `stable` if the toolchain it names is neither
# installed nor available for download and `stable` is the same version or newer. So an offline machine with a recent Rust
# works as well. Without rustup nobody reads that file, and `rust-version` in Cargo.toml is the gate.
named=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)

# rustup downloads a missing one here.
if RUST_BACKTRACE=0 rustc --version >/dev/null; then exit 0; fi

stable=$(RUSTUP_TOOLCHAIN=stable rustc --version 2>/dev/null | cut -d ' ' -f 2)
if [ -n "$stable" ] && [ "$(printf '%s\n' "$named" "$stable" | sort -V | tail -n 1)" = "$stable" ]; then
  echo "rust-toolchain.toml names Rust $named, which cannot be had here: going on with stable, which is $stable" >&2
  echo stable
else
  echo "rust-toolchain.toml names Rust $named, which cannot be had here, and stable is ${stable:-not installed}" >&2
  exit 1
fi
