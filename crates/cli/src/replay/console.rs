//! Standard error: what could not be read, and on a terminal how far a run is, from the first moment on.
//!
//! The progress is one line that is drawn over itself, and cleared before anything else is printed: nothing of it is left,
//! and nothing of it gets into a pipe or a file.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use triage_model::redact::one_line;

/// The longest complaint that is printed.
const COMPLAINT_MAX: usize = 2_000;

/// How often the line is drawn again: more could not be read.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Console {
    shows_progress: bool,
    began: Instant,
    drawn: Option<Instant>,
    /// Columns that the line takes, as long as it stands there.
    width: usize,
}

impl Console {
    /// Beside lines that are printed as it goes, a line of progress would be in the way where both are on one terminal.
    pub fn new(prints_as_it_goes: bool) -> Self {
        let shows_progress = io::stderr().is_terminal() && !(prints_as_it_goes && io::stdout().is_terminal());
        let mut console = Self { shows_progress, began: Instant::now(), drawn: None, width: 0 };
        // To find the files of a bucket takes a while.
        console.draw("looking for files ...");
        console
    }

    pub const fn shows_progress(&self) -> bool {
        self.shows_progress
    }

    /// Names of files are of others, as what is in them is. Where nobody takes complaints, the rest goes on.
    pub fn complain(&mut self, complaint: &str) {
        self.clear();
        let _ =
            io::stderr().lock().write_all(format!("oidc-triage: {}\n", one_line(complaint, COMPLAINT_MAX)).as_bytes());
    }

    /// Shows how many of how many bytes were read.
    pub fn show(&mut self, read: u64, size: u64) {
        if !self.shows_progress || self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAWN_EVERY) {
            return;
        }
        self.draw(&progress(read, size, self.began.elapsed()));
        self.drawn = Some(Instant::now());
    }

    fn draw(&mut self, line: &str) {
        if self.shows_progress {
            let _ = write!(io::stderr().lock(), "\r{line:before$}", before = self.width);
            self.width = self.width.max(line.chars().count());
        }
    }

    /// Takes the line of progress away.
    pub fn clear(&mut self) {
        if self.width > 0 {
            let _ = write!(io::stderr().lock(), "\r{:width$}\r", "", width = self.width);
        }
        (self.width, self.drawn) = (0, None);
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `12.3 of 112.0 MB, 45.6 MB/s, 2 s left`.
fn progress(read: u64, size: u64, took: Duration) -> String {
    let mb = |bytes: f64| bytes / 1e6;
    let speed = read as f64 / took.as_secs_f64().max(0.001);
    let left = if speed > 0.0 { size.saturating_sub(read) as f64 / speed } else { 0.0 };
    format!("{:.1} of {:.1} MB, {:.1} MB/s, {left:.0} s left", mb(read as f64), mb(size as f64), mb(speed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_much_how_fast_and_how_long() {
        let told = |read, size, seconds| progress(read, size, Duration::from_secs(seconds));
        assert_eq!(told(12_300_000, 112_000_000, 1), "12.3 of 112.0 MB, 12.3 MB/s, 8 s left");
        assert_eq!(told(0, 0, 0), "0.0 of 0.0 MB, 0.0 MB/s, 0 s left");
        // Standard input has no size.
        assert_eq!(told(5_000_000, 0, 2), "5.0 of 0.0 MB, 2.5 MB/s, 0 s left");
    }
}
