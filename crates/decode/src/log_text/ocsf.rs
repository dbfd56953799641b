//! Who called, where a record of OCSF stands in a log line beside other text.
//!
//! A line that is such a record and nothing else is read as the CloudTrail record that it was made of ([`crate::ocsf`]).

pub use crate::ocsf::caller;
