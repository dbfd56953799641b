#!/bin/sh
# Which of rustup's toolchains to use: prints nothing where rust-toolchain.toml decides, and `stable` where the one that it
# names is neither installed nor can be fetched, while `stable` is the same version or a newer one. An offline machine with a
# recent Rust is then as good as any. Without rustup nobody reads that file, and `rust-version` in Cargo.toml is the gate.
named=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)

# Where it is not there, this is the moment at which rustup fetches it.
if RUST_BACKTRACE=0 rustc --version >/dev/null; then exit 0; fi

stable=$(RUSTUP_TOOLCHAIN=stable rustc --version 2>/dev/null | cut -d ' ' -f 2)
if [ -n "$stable" ] && [ "$(printf '%s\n' "$named" "$stable" | sort -V | tail -n 1)" = "$stable" ]; then
  echo "rust-toolchain.toml names Rust $named, which cannot be had here: going on with stable, which is $stable" >&2
  echo stable
else
  echo "rust-toolchain.toml names Rust $named, which cannot be had here, and stable is ${stable:-not installed}" >&2
  exit 1
fi
