//! Where sandboxes agree.

pub mod dynamodb;
