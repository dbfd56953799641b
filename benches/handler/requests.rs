//! The HTTP that both fakes need: one request after the other, from a known client.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

pub struct Request {
    pub method: String,
    pub body: Vec<u8>,
}

/// The next request; None once the client has closed the connection.
pub fn next_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut request_line = String::new();
    if reader.read_line(&mut request_line)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let method = request_line.split(' ').next().unwrap_or_default().to_owned();
    Ok(Some(Request { method, body }))
}
