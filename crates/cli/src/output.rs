//! The file that a command writes to (`-o`).
//!
//! In: its path, and the paths that are read. Out: a file that takes its place whole once all is written: where it ends half
//! way, what was there before stays. What is read is never written over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::openable::shown;
use crate::replay::is_read_out_of_a_folder;

/// A file that is written, or standard output.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    /// Beside it; None where it is written to directly, as to a device.
    partial: Option<PathBuf>,
    file: BufWriter<File>,
}

impl Output {
    /// Why not is said in words, with what to do.
    pub fn create(path: &Path, inputs: &[PathBuf]) -> Result<Self, String> {
        let refused = |reason: &str| Err(format!("-o {}: {reason}", shown(path)));
        let cannot = |error: &io::Error| format!("-o {}: cannot write there: {error}", shown(path));
        let existing = fs::metadata(path).ok();
        if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
            return refused("it is a folder; name a file in it");
        }
        if existing.is_some() && is_input(path, inputs) {
            return refused("it is one of the files that are read; write to another one");
        }
        if existing.is_some_and(|metadata| !metadata.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(|error| cannot(&error))?;
            return Ok(Self { path: path.to_owned(), partial: None, file: BufWriter::new(file) });
        }
        let Some(name) = path.file_name() else { return refused("it has no name of a file") };
        // Hidden, so that it is not read where the folder is.
        let partial = path.with_file_name(format!(".{}.{}.partial", name.display(), std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&partial).map_err(|error| cannot(&error))?;
        Ok(Self { path: path.to_owned(), partial: Some(partial), file: BufWriter::new(file) })
    }

    /// Puts the file in its place.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        if let Some(partial) = self.partial.take() {
            fs::rename(&partial, &self.path).inspect_err(|_| _ = fs::remove_file(&partial))?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            // There is nothing more to do about it.
            let _ = fs::remove_file(partial);
        }
    }
}

/// Whether a file is one of those that are read, or would be read out of one of the folders.
fn is_input(path: &Path, inputs: &[PathBuf]) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    inputs
        .iter()
        .filter_map(|input| fs::canonicalize(input).ok())
        .any(|input| input == path || input.is_dir() && path.starts_with(&input) && is_read_out_of_a_folder(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("oidc-triage-output-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_was_there_stays_until_all_is_written() {
        let folder = folder("whole");
        let path = folder.join("out.html");
        fs::write(&path, "before").unwrap();
        let mut output = Output::create(&path, &[]).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        let mut output = Output::create(&path, &[]).unwrap();
        output.write_all(b"whole").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_read_is_never_written_over() {
        let folder = folder("input");
        let input = folder.join("events.json");
        fs::write(&input, "{}").unwrap();
        for inputs in [vec![input.clone()], vec![folder.clone()]] {
            let said = Output::create(&input, &inputs).unwrap_err();
            assert!(said.contains("one of the files that are read"), "{said}");
        }
        assert!(Output::create(&folder.join("month.html"), std::slice::from_ref(&folder)).is_ok());
        assert!(Output::create(&folder, &[]).unwrap_err().contains("it is a folder"));
        assert!(Output::create(&folder.join("none/x.html"), &[]).unwrap_err().contains("cannot write there"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
