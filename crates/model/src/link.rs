//! Addresses that an operator sets, and that notices show as links.

/// Longer links are broken by mail programs, and an alert of a paging service has little room. In characters.
pub const LINK_MAX: usize = 200;

/// An address by RFC 3986, without a user or password in it: everybody sees it.
pub fn link(name: &str, value: String) -> Result<String, String> {
    if value.chars().count() > LINK_MAX {
        return Err(format!("{name} is longer than {LINK_MAX} characters"));
    }
    let rest = value.strip_prefix("https://").ok_or_else(|| format!("{name} must begin with https://"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    match () {
        () if !is_host || !is_port => {
            Err(format!("{name} needs a host name after https://, such as https://wiki.example.com"))
        }
        () if !path.bytes().all(may_stand) => {
            Err(format!("{name} has a character that no address has: write it as % and two hexadecimal digits"))
        }
        () => Ok(value),
    }
}
