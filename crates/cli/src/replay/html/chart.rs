//! Drawings: one of each incident with its own time axis, and one of the whole time with a panel for each cause.

mod bands;
pub mod causes;
pub mod incident;
mod marks;
pub mod numbers;
pub mod period;
mod plot;

pub use marks::mark;

use triage_notify::markup::Html;

/// What drawings refer to, once for the whole page.
pub fn definitions(h: &mut Html) {
    h.element("svg", &[("class", &"definitions"), ("width", &0), ("height", &0), ("aria-hidden", &"true")], |h| {
        h.element("defs", &[], |h| {
            plot::definitions(h);
            marks::definitions(h);
        });
    });
}
