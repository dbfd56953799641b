//! A bucket for threads that wait: its keys, and its objects from beginning to end, however large.
//!
//! In: a bucket's name, and credentials and region as the AWS CLI would find them. Out: pages of keys, and readers. An object is asked
//! for a part at a time: so what is held of it is bounded, and a connection that breaks costs one part.

mod credentials;
mod list;

use std::io::{self, Read};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_types::error::display::DisplayErrorContext;
use futures_util::future::{Either, select};
use tokio::runtime::{Builder, Runtime};
use triage_model::redact::mask::masked;
use triage_model::redact::{SHOWN_TEXT_MAX, one_line};

use crate::history::credentials::kept;
pub use crate::history::list::{Listed, Page, Question};
use crate::http::Http;
use crate::s3::{self, Refusal, Wish, escaped};
use crate::signed::Answer;

/// The size of a part: a fraction of a second on most lines, and small beside what else is held of a file.
const PART: u64 = 2 * 1024 * 1024;

/// A page of a thousand keys has some 500 KB.
const PAGE_MAX: usize = 8 * 1024 * 1024;

/// A part may come by a slow line.
const ATTEMPT: Duration = Duration::from_secs(30);

/// S3 asks for pauses (`SlowDown`) when a prefix gets more than some thousand requests a second. They double.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(200);

/// What had no answer so long, over all tries, has none.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

/// So often it is looked whether the user has had enough.
const LOOK: Duration = Duration::from_millis(100);

/// A bucket, and whoever reads it.
#[derive(Debug)]
pub struct Bucket {
    runtime: Runtime,
    sdk: SdkConfig,
    http: Http,
    s3: s3::Bucket,
}

impl Bucket {
    /// Finds credentials. Nothing is asked of the bucket yet. Why there are none is said in a sentence.
    pub fn open(name: &str) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| format!("no thread can be started: {error}"))?;
        let http = Http::new();
        let sdk = runtime.block_on(aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).load());
        let sdk = runtime.block_on(kept(sdk)).map_err(|error| {
            let why = DisplayErrorContext(error).to_string();
            format!(
                "no AWS credentials: sign in as for the AWS CLI (aws sso login, AWS_PROFILE); {}",
                one_line(&masked(&why), SHOWN_TEXT_MAX)
            )
        })?;
        Ok(Self { runtime, sdk, http, s3: s3::Bucket::new(name.to_owned()) })
    }

    pub fn name(&self) -> &str {
        &self.s3.name
    }

    /// Lists, and hands over one page after the other, until `take` wants no more, or `stop` is set.
    pub fn list(
        &self,
        question: &Question,
        stop: &AtomicBool,
        take: &mut dyn FnMut(Page) -> bool,
    ) -> Result<(), String> {
        let mut next: Option<String> = None;
        loop {
            let path = list::path(question, next.as_deref());
            let wish = Wish { answer_max: PAGE_MAX, attempt: ATTEMPT, ..Wish::get(&path, Vec::new()) };
            let answer = self.ask(&wish, stop).map_err(|refusal| in_words(&refusal, "s3:ListBucket"))?;
            let body = answer.body.ok_or("S3's list of keys is larger than any list is")?;
            let (page, more) =
                list::page_of(&body).map_err(|error| format!("S3's list of keys cannot be read: {error}"))?;
            if more.is_some() && more == next {
                return Err("S3's list of keys does not go on".to_owned());
            }
            next = more;
            if !take(page) || next.is_none() || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }

    /// Opens an object: its first part is asked for at once. Of what is only looked at, `most` bytes are that part.
    pub fn open_object(
        self: &Arc<Self>,
        object: Listed,
        most: Option<u64>,
        stop: &Arc<AtomicBool>,
    ) -> io::Result<Object> {
        let (bucket, stop) = (Arc::clone(self), Arc::clone(stop));
        let mut object = Object { bucket, object, asked: 0, tag: None, part: Vec::new(), taken: 0, stop };
        if object.object.size > 0 {
            object.next_part(most.unwrap_or(PART).min(PART))?;
        }
        Ok(object)
    }

    /// Asks, and again after a pause where that may help, until `stop` is set.
    fn ask(&self, wish: &Wish<'_>, stop: &AtomicBool) -> Result<Answer, Refusal> {
        let given_up = Instant::now() + GIVEN_UP_AFTER;
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            let until = given_up.min(Instant::now() + wish.attempt);
            match self.runtime.block_on(self.until_stopped(wish, until, stop)) {
                Err(Refusal::Failed(_) | Refusal::Silent(_)) if !stop.load(Ordering::Relaxed) => {}
                done => return done,
            }
            let go_on = given_up.min(Instant::now() + pause);
            while Instant::now() < go_on && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
            }
            pause *= 2;
        }
        self.runtime.block_on(self.until_stopped(wish, given_up, stop))
    }

    async fn until_stopped(&self, wish: &Wish<'_>, until: Instant, stop: &AtomicBool) -> Result<Answer, Refusal> {
        let stopped = async {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let asked = pin!(self.s3.ask(&self.sdk, &self.http, wish, until));
        match select(asked, pin!(stopped)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(Refusal::Silent("it was not waited for")),
        }
    }
}

/// Reads an object.
#[derive(Debug)]
pub struct Object {
    bucket: Arc<Bucket>,
    object: Listed,
    /// How many bytes were asked for so far.
    asked: u64,
    /// The version that the first part is of: the others must be of the same.
    tag: Option<String>,
    part: Vec<u8>,
    /// How many bytes of the part were handed over.
    taken: usize,
    /// The user has had enough.
    stop: Arc<AtomicBool>,
}

impl Object {
    fn next_part(&mut self, length: u64) -> io::Result<()> {
        let (begin, end) = (self.asked, self.object.size.min(self.asked + length));
        let (path, range) = (escaped(&self.object.key), format!("bytes={begin}-{}", end - 1));
        let mut headers = vec![("range", range.as_str())];
        headers.extend(self.tag.as_deref().map(|tag| ("if-match", tag)));
        let wish = Wish { answer_max: PART as usize, attempt: ATTEMPT, ..Wish::get(&path, headers) };
        let answer = self.bucket.ask(&wish, &self.stop);
        let answer = answer.map_err(|refusal| io::Error::other(in_words(&refusal, "s3:GetObject")))?;
        self.tag = answer.header("etag").map(str::to_owned);
        // `bytes 0-99/100`: it may have been replaced since it was listed, too.
        let size = answer.header("content-range").and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        let is_the_same = size.is_none_or(|size: u64| size == self.object.size);
        let part = answer.body.filter(|part| is_the_same && part.len() as u64 == end - begin);
        self.part = part.ok_or_else(|| io::Error::other(REPLACED))?;
        (self.asked, self.taken) = (end, 0);
        Ok(())
    }
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.part.len() {
            if self.asked >= self.object.size {
                return Ok(0);
            }
            self.next_part(PART)?;
        }
        let rest = &self.part[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

const REPLACED: &str = "it was replaced while it was read: read it again";

/// A refusal, and what to do about it.
fn in_words(refusal: &Refusal, right: &str) -> String {
    match refusal {
        Refusal::Refused(code) => match code.as_str() {
            "NoSuchBucket" => "there is no such bucket".to_owned(),
            "NoSuchKey" => "it is gone".to_owned(),
            "InvalidObjectState" => "it is in an archive of S3: restore it first".to_owned(),
            "PreconditionFailed" | "InvalidRange" => REPLACED.to_owned(),
            "ExpiredToken" | "TokenRefreshRequired" => "the credentials have expired: sign in again".to_owned(),
            "RequestTimeTooSkewed" => "this machine's clock is wrong: set it".to_owned(),
            "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
                "S3 does not say where the bucket is: set AWS_REGION to its region".to_owned()
            }
            _ => format!(
                "{right} was refused: {code}; is it the right profile (AWS_PROFILE), and does it have that right?"
            ),
        },
        Refusal::Failed(code) => format!("S3 failed: {code}; try again"),
        Refusal::Silent(why) => format!("S3 had no answer: {why}"),
    }
}
