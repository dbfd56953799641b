//! The page `docs/classification.md`, printed from the table.
//!
//! In: the table. Out: Markdown. A test compares the file with this, so page and program agree.

use std::fmt::Write;

use crate::classify::class::{Cause, Retry};
use crate::classify::condition::THROTTLING_CODES;
use crate::classify::condition::{Answered, Code, Grant, Inside, Status};
use crate::classify::table::{NO_ANSWER_CODES, Row, Source, TABLE};

const INTRODUCTION: &str = "\
# How one failed call is classified

<!-- Printed from the table in crates/model/src/classify/table.rs. Change the table, then run
     UPDATE_DOCS=1 cargo test -p triage-model -->

Each failed call of SSO OIDC gets one cause. It is a verdict on that call alone; whether a region has an incident is
decided from many calls.

| cause | meaning | who acts |
|---|---|---|
";

const READING: &str = "
## The three disguises of InternalServerException

`InternalServerException` (500) has three usual causes, and the code alone does not distinguish them:

1. **Throttling behind a 500.** The inner code or the message names it: `ThrottlingException`, \"Rate exceeded\",
   \"request limit exceeded\". It is `throttled`, and a retry waits from one second.
2. **Invalid input answered with a 500.** The inner code or the message names it: `InvalidParameter...`, \"Invalid
   parameter value\". It is `request`, and no retry helps.
3. **The service really failed.** Nothing inside says otherwise, and in real outages the body is empty
   (`{\"error\":null,\"error_description\":null}`). It is `service`. One failure
   cannot show a registration that fails with a 500 every time; many can: one caller fails, the others do not.

## How the table is read

- Rows are tried from the top; the first that fits decides.
- The code wins over the status. OAuth's `error` (`invalid_grant`) counts as its exception, but a code wins over
  `server_error`.
- Codes compare without letter case. *[Exception]* means with and without that suffix, `*` any ending. The
  decoration of transports is removed: `Client.`, `Server.`, a namespace before `#`, an address after `:`.
- A bare status in the place of the code (`500`) counts as no code and that status.
- Where the outer code is not in the table (an SDK's base class, such as `AWSSSOOIDCException`) and the inner code is,
  the inner code decides.
- The retry column says what would help the call. This program never retries CreateTokenWithIAM
  itself: it would sign as this program and not as the caller.
- The advice names an inner code where there is one, and for rows marked † a client id that was registered in another
  region than the one called.

## The table

| # | code | operation | condition | cause | retry | advice | source |
|---|---|---|---|---|---|---|---|
";

const SOURCES: [Source; 7] = [
    Source::Api,
    Source::CommonErrors,
    Source::SdkRetries,
    Source::SdkTransport,
    Source::Rfc8628,
    Source::Seen,
    Source::StatusAlone,
];

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for cause in Cause::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{}` | {} | {} |", cause.as_str(), cause.meaning(), cause.who_acts());
    }
    page.push_str(READING);
    for (number, row) in TABLE.iter().enumerate() {
        let (codes, operations, conditions) = (row.codes_text(), row.operations_text(), row.conditions_text());
        let (cause, retry, source) = (row.cause.as_str(), row.retry_text(), row.source.name());
        let mark = if row.hint == super::Hint::ClientRegion { " †" } else { "" };
        let number = number + 1;
        let advice = row.advice;
        let _ = writeln!(
            page,
            "| {number} | {codes} | {operations} | {conditions} | `{cause}` | {retry} | {advice}{mark} | {source} |"
        );
    }
    let _ = writeln!(page, "\n**Throttling codes:** {}.", codes_list(THROTTLING_CODES));
    let _ = writeln!(page, "\n**Codes of no answer:** {}.", codes_list(NO_ANSWER_CODES));
    page.push_str("\n## Sources\n\n");
    for source in SOURCES {
        let _ = writeln!(page, "- **{}**: {}", source.name(), source.meaning());
    }
    page
}

fn codes_list(codes: &[Code]) -> String {
    let text = |code: &Code| match code {
        Code::Named(stem) => format!("`{stem}`*[Exception]*"),
        Code::Exact(name) => format!("`{name}`"),
        Code::Prefix(prefix) => format!("`{prefix}*`"),
        Code::Absent => "none".to_owned(),
        Code::Any => "any or none".to_owned(),
    };
    codes.iter().map(text).collect::<Vec<_>>().join(", ")
}

impl Cause {
    /// The kind of failure, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Expected => "normal traffic of the device flow",
            Self::Request => "the caller's mistake",
            Self::Admin => "a permission, an assignment or a key",
            Self::Throttled => "too many calls",
            Self::Service => "the service's own fault",
            Self::Unreachable => "no answer at all",
            Self::Unrecognised => "nothing that the table knows",
        }
    }

    pub const fn who_acts(self) -> &'static str {
        match self {
            Self::Expected => "nobody",
            Self::Request => "the caller",
            Self::Admin => "the administrator",
            Self::Throttled => "the caller, who slows down",
            Self::Service => "AWS; the caller retries",
            Self::Unreachable => "the network on the way",
            Self::Unrecognised => "the on-call, who reads the message",
        }
    }
}

impl Row {
    /// The codes, as Markdown. The two long lists stand below the table.
    pub fn codes_text(&self) -> String {
        match self.codes {
            THROTTLING_CODES => "a throttling code (below)".to_owned(),
            NO_ANSWER_CODES => "a code of no answer (below)".to_owned(),
            codes => codes_list(codes),
        }
    }

    pub fn operations_text(&self) -> String {
        if self.operations.is_empty() {
            return "any".to_owned();
        }
        self.operations.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The other conditions, or a dash.
    pub fn conditions_text(&self) -> String {
        let mut texts = Vec::new();
        match self.grant {
            Grant::Any => {}
            Grant::DeviceCode => texts.push("grant type device_code".to_owned()),
            Grant::RefreshToken => texts.push("grant type refresh_token".to_owned()),
        }
        match self.status {
            Status::Any => {}
            Status::Is(status) => texts.push(format!("status {status}")),
            Status::ClientFault => texts.push("status 4xx".to_owned()),
            Status::ServerFault => texts.push("status 5xx".to_owned()),
        }
        match self.answered {
            Answered::Either => {}
            Answered::No => texts.push("no answer came".to_owned()),
        }
        match self.inside {
            Inside::Anything => {}
            Inside::Kms => texts.push("reason, inner code or message names a KMS refusal".to_owned()),
            Inside::Throttling => texts.push("inner code or message names throttling".to_owned()),
            Inside::InvalidInput => texts.push("inner code or message names invalid input".to_owned()),
        }
        if texts.is_empty() { "-".to_owned() } else { texts.join("; ") }
    }

    pub fn retry_text(&self) -> &'static str {
        match self.retry {
            Retry::Never => "no",
            Retry::Transient => "from 50 ms",
            Retry::Throttled => "from 1 s",
        }
    }
}

impl Source {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::CommonErrors => "common errors",
            Self::SdkRetries => "SDK retries",
            Self::SdkTransport => "SDK transport",
            Self::Rfc8628 => "RFC 8628",
            Self::Seen => "seen",
            Self::StatusAlone => "status",
        }
    }

    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Api => "the API model and reference of SSO OIDC.",
            Self::CommonErrors => "the errors common to all AWS services, which the model does not list.",
            Self::SdkRetries => "the AWS SDKs' retry rules and the service's published quotas.",
            Self::SdkTransport => "what SDKs and operating systems print when no answer came.",
            Self::Rfc8628 => "the OAuth 2.0 device authorization grant.",
            Self::Seen => "reported by users, beyond what the model says.",
            Self::StatusAlone => "the HTTP status alone.",
        }
    }
}
