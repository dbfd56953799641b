//! The command line: [`replay`] and `suggest` live through a history, [`explain`] walks one event or one code.

pub mod explain;
mod format;
mod openable;
pub mod refused;
pub mod replay;
