//! Why an invocation must be done again.
