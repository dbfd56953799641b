//! A story, and what people got of it.

use triage_notify::notice::Notice;

use crate::life::Story;

/// A story with all of its notices.
pub struct Told {
    pub story: Story,
    pub notices: Vec<Notice>,
}

impl Told {
    /// The examples: each with its place in the story, from 1.
    pub fn kept(&self) -> impl Iterator<Item = (usize, &Notice)> {
        let is_kept = |number: &usize| self.story.kept.is_empty() || self.story.kept.contains(number);
        (1..).zip(&self.notices).filter(move |(number, _)| is_kept(number))
    }

    pub fn file_name(&self, number: usize, notice: &Notice) -> String {
        format!("{}_{number}_{}", self.story.name, notice.kind.as_str())
    }
}
