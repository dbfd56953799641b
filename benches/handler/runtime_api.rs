//! A Lambda Runtime API on loopback, and a function process behind it, with a stopwatch.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use crate::requests::next_request;

/// The function's actions, as the Runtime API sees them.
enum Seen {
    /// It asked for an event.
    Next(Instant),
    /// An event was delivered: its handling time starts.
    Sent(Instant),
    /// It answered.
    Answer(Instant, Vec<u8>),
}

/// A function process behind a Runtime API of its own.
pub struct Function {
    process: Child,
    pub started: Instant,
    events: Sender<Arc<Vec<u8>>>,
    seen: Receiver<Seen>,
    lines: Receiver<String>,
}

/// The result of one invocation.
pub struct Measured {
    /// From the first byte of the event sent to the whole answer received.
    pub took: Duration,
    pub answer: Vec<u8>,
}

pub const PATIENCE: Duration = Duration::from_secs(60);

impl Function {
    pub fn start(binary: &Path, environment: &HashMap<&str, &str>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (events, to_send) = channel::<Arc<Vec<u8>>>();
        let (to_main, seen) = channel();
        let to_send = Arc::new(Mutex::new(to_send));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (to_send, to_main) = (Arc::clone(&to_send), to_main.clone());
                // A connection closed by the function is no error.
                thread::spawn(move || drop(serve(stream, &to_send, &to_main)));
            }
        });
        let started = Instant::now();
        let mut process = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .envs(environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (to_lines, lines) = channel();
        let stdout = process.stdout.take().expect("stdout was asked for");
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if to_lines.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, started, events, seen, lines })
    }

    /// From the process's start to its first request for an event.
    pub fn until_ready(&self) -> Duration {
        match self.seen.recv_timeout(PATIENCE).expect("the function asks for an event") {
            Seen::Next(at) => at - self.started,
            Seen::Sent(_) | Seen::Answer(..) => unreachable!("nothing was sent yet"),
        }
    }

    /// Queues an event before the first request for one: on Lambda the process is started for it.
    pub fn has_waiting(&self, event: &Arc<Vec<u8>>) {
        self.events.send(Arc::clone(event)).expect("the Runtime API runs");
    }

    pub fn invoke(&self, event: &Arc<Vec<u8>>) -> Measured {
        self.has_waiting(event);
        let mut sent = None;
        loop {
            match self.seen.recv_timeout(PATIENCE).expect("the function answers") {
                Seen::Next(_) => {}
                Seen::Sent(at) => sent = Some(at),
                Seen::Answer(at, answer) => {
                    return Measured { took: at - sent.expect("an event was sent"), answer };
                }
            }
        }
    }

    /// The next line of the function's log, without metrics.
    pub fn log_line(&self) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the function writes a log line");
            if !line.contains(r#""_aws":"#) {
                return line;
            }
        }
    }

    /// The process's peak memory so far, in MiB.
    pub fn peak_memory_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0);
        kib / 1024.0
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves one connection: `GET next` returns an event, everything else is an answer.
fn serve(stream: TcpStream, events: &Mutex<Receiver<Arc<Vec<u8>>>>, seen: &Sender<Seen>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = next_request(&mut reader)? {
        if request.method == "GET" {
            let _ = seen.send(Seen::Next(Instant::now()));
            let Ok(event) = events.lock().expect("no holder panics").recv() else { return Ok(()) };
            let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + PATIENCE;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: 00000000-0000-0000-0000-000000000001\r\n\
                 Lambda-Runtime-Deadline-Ms: {}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111122223333:function:bench\r\n\r\n",
                event.len(),
                deadline.as_millis()
            );
            let _ = seen.send(Seen::Sent(Instant::now()));
            stream.write_all(head.as_bytes())?;
            stream.write_all(&event)?;
        } else {
            let _ = seen.send(Seen::Answer(Instant::now(), request.body));
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
        }
    }
    Ok(())
}
