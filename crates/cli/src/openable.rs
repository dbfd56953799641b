//! What may be opened: files, and pipes that somebody writes to.
//!
//! In: a path that was given, or standard input. Out: that it can be read to an end, or why not. A named pipe waits for a
//! writer that may never come, a device may never end, and a terminal waits for somebody to type.

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use triage_model::redact::{SHOWN_TEXT_MAX, one_line};

/// Where a process finds what was opened for it: a shell's `<(zcat *.gz)` is a path in there.
const OPENED: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

/// What `-` is called.
pub const STANDARD_INPUT: &str = "standard input";

const TERMINAL: &str =
    "it is a terminal, which waits for somebody to type; give a file, or pipe a program into it (`zcat FILE | ...`)";

/// A path as it is called in messages: it may have any bytes in it.
pub fn shown(path: &Path) -> String {
    one_line(&path.display().to_string(), SHOWN_TEXT_MAX)
}

/// What a path that was given is called: `-` is standard input.
pub fn called(path: &Path) -> String {
    if path.as_os_str() == "-" { STANDARD_INPUT.to_owned() } else { shown(path) }
}

/// Opens a file, or refuses what could hold up or never end.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(reason) = refusal(path, &fs::metadata(path)?) {
        return Err(io::Error::other(reason));
    }
    File::open(path)
}

/// Why what is at that path is not opened; None where it is a file, a folder, or a pipe that was opened for us.
pub fn refusal(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() || kind.is_dir() || is_null(metadata) {
        return None;
    }
    if kind.is_fifo() {
        let opened = path.parent().is_some_and(|folder| OPENED.iter().any(|opened| folder == Path::new(opened)));
        let reason = "it is a named pipe, to which nobody may ever write; read it with `cat PIPE | oidc-triage ... -`";
        return (!opened && path != Path::new("/dev/stdin")).then_some(reason);
    }
    Some(match (kind.is_socket(), kind.is_char_device() || kind.is_block_device()) {
        (true, _) => "it is a socket, which is no file",
        (false, true) => "it is a device, which is no file",
        (false, false) => "it is no file",
    })
}

/// Why standard input is not read.
pub fn refusal_of_standard_input() -> Option<&'static str> {
    let input = io::stdin();
    if input.is_terminal() {
        return Some(TERMINAL);
    }
    // What cannot be looked at fails when it is read.
    let metadata = input.as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata()).ok()?;
    let kind = metadata.file_type();
    (kind.is_char_device() && !is_null(&metadata)).then_some("it is a device, which is no file")
}

/// The device that is always empty: as a policy it is the default one.
fn is_null(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> Option<&'static str> {
        refusal(path, &fs::metadata(path).unwrap())
    }

    #[test]
    fn only_what_can_be_read_to_an_end_is_opened() {
        for (path, word) in [("/dev/zero", Some("device")), ("/dev/null", None), ("/", None), ("Cargo.toml", None)] {
            let reason = refused(Path::new(path));
            assert_eq!(reason.is_some(), word.is_some(), "{path}");
            assert!(reason.unwrap_or_default().contains(word.unwrap_or_default()), "{path}: {reason:?}");
        }
        assert!(open(Path::new("/dev/zero")).is_err());
        assert!(open(Path::new("Cargo.toml")).is_ok());
    }

    #[test]
    fn a_path_is_shown_on_one_line_and_moves_no_cursor() {
        assert_eq!(shown(Path::new("a\n\u{1b}[2J\u{202e}b\u{9b}c")), "a [2J b c");
    }
}
