//! The errors that AWS SDKs print, found in one joined piece of text.
//!
//! In: text, such as a log line, a stack trace or an inspected object. Out: each printed [`SdkError`] ([`find`]), one
//! for each failure ([`merge`]), and whether it is about a call of SSO OIDC ([`is_ours`]). The printed forms are a
//! table with a line for each SDK (`forms`); the signs of the service are in [`service`]. Caller, time and place are
//! not read here.

mod error;
mod forms;
mod http;
mod merge;
pub mod service;
mod text;

pub use error::{NamedService, RequestId, SdkError, is_ours};
pub use forms::{find, names_another_service};
pub use http::find as find_without_form;
pub use merge::merge;
pub use service::bare_status;
pub use text::{is_request_id, plain, unescaped};
