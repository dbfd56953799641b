//! What is asked of AWS beside its SDKs: by one HTTP client ([`http`]), signed like the SDKs' own requests ([`signed`]).
//!
//! [`s3`] is one bucket. With the feature `history`, [`history`] is a bucket for threads that wait: what the command line reads.

#[cfg(feature = "history")]
pub mod history;
pub mod http;
pub mod s3;
pub mod signed;
