//! The command line: [`replay`] and `suggest` run a history through the stages of the function, [`explain`] walks one event or
//! one code.

pub mod explain;
mod format;
mod openable;
mod output;
pub mod refused;
pub mod replay;
pub mod terminal;
pub mod version;
