//! An SNS on loopback that accepts everything and records the time.

use std::io::{self, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::requests::next_request;

const ANSWER: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
    <MessageId>11111111-0000-4000-8000-000000000001</MessageId></PublishResult></PublishResponse>";

pub struct Sns {
    pub url: String,
    taken: Receiver<Instant>,
}

impl Sns {
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (to_main, taken) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let to_main = to_main.clone();
                // A connection closed by the function is no error.
                thread::spawn(move || drop(serve(stream, &to_main)));
            }
        });
        Ok(Self { url, taken })
    }

    /// The time when the next notice was complete.
    pub fn next_notice(&self, patience: Duration) -> Instant {
        self.taken.recv_timeout(patience).expect("the function publishes")
    }
}

fn serve(stream: TcpStream, taken: &Sender<Instant>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while next_request(&mut reader)?.is_some() {
        let _ = taken.send(Instant::now());
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            ANSWER.len()
        )?;
    }
    Ok(())
}
