//! Secrets in text that is not ours.
//!
//! In: the message of an error, or a name out of a record. Out: the same with the values masked that stand behind the
//! name of a secret, and with what looks like a token. What has no name and no look of a secret cannot be told.

use std::sync::LazyLock;

use regex::Regex;

/// The text with the values of secrets masked.
pub fn masked(message: &str) -> String {
    static KEYED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"((?i-u:client_?secret|(?:refresh|access|id|subject|session)_?token|device_?code|user_?code|code_?verifier|",
            r"assertion|password|secret(?:_?access_?key)?))",
            r#"(\\?["']?[ \t]*(?:=>|[:=])[ \t]*)(?:\\?"[^"]*"?|'[^']*'?|[^ \t\r\n,;)}\]&]+)"#,
        ))
        .expect("constant")
    });
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i-u:\b(code))(\\?["']?[ \t]*[:=][ \t]*\\?["']?)([A-Za-z0-9._~+/=%-]+)"#).expect("constant")
    });
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i-u:(bearer|basic|authorization:?)[ \t]+)[A-Za-z0-9._~+/=-]{8,}|eyJ[A-Za-z0-9._-]{16,}|ao[ar][A-Za-z0-9._:/+=-]{32,}")
            .expect("constant")
    });
    let message = KEYED.replace_all(message, "$1$2[masked]");
    let message = CODE.replace_all(&message, |found: &regex::Captures<'_>| {
        let value = &found[3];
        // `Status Code: 500` and `Error Code: ThrottlingException` are no OAuth codes.
        let is_plain = super::sdk_error::service::is_known_code(value)
            || value.ends_with("Exception")
            || value.len() <= 3 && value.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { found[0].to_owned() } else { format!("{}{}[masked]", &found[1], &found[2]) }
    });
    TOKEN.replace_all(&message, "[masked]").into_owned()
}
