//! A month of a trail's log files, as S3 has them: a few large ones, or tens of thousands of small ones beside those of other
//! services.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};

/// What was written.
#[derive(Debug, Default)]
pub struct History {
    pub records: u64,
    pub files: u64,
    pub packed: u64,
    pub text: u64,
    /// Failed calls to SSO OIDC.
    pub failures: u64,
}

/// Records of one file of a busy account, in which a trail writes as many as there are in five minutes.
const OF_A_LARGE_FILE: u64 = 10_000;

/// Records of one file as most accounts have them, of which there is one every five minutes and region.
const OF_A_SMALL_FILE: std::ops::Range<u64> = 1..10;

/// Accounts of the organization, whose files begin at the same times.
const ACCOUNTS: usize = 7;

/// What AWS puts beside a trail's log files, and how many files of each there are.
const BESIDE: [&str; 6] =
    ["CloudTrail-Digest", "CloudTrail-Insight", "Config", "GuardDuty", "elasticloadbalancing", "vpcflowlogs"];
const FILES_BESIDE: usize = 50;

/// One record in so many is a call to SSO OIDC, and one in so many of these fails on an ordinary day.
const ONE_IN: u64 = 20;
const FAILS_ONE_IN: u64 = 1000;

const MONTH_S: u64 = 30 * 24 * 60 * 60;

/// The outage, in parts of the month: about twenty minutes in its middle.
const OUTAGE: std::ops::Range<f64> = 0.5..0.5005;

const OTHERS: [(&str, &str); 6] = [
    ("ec2.amazonaws.com", "DescribeInstances"),
    ("s3.amazonaws.com", "GetBucketLocation"),
    ("sts.amazonaws.com", "AssumeRole"),
    ("kms.amazonaws.com", "Decrypt"),
    ("logs.amazonaws.com", "CreateLogStream"),
    ("dynamodb.amazonaws.com", "DescribeTable"),
];

/// The records of each file, where a busy account has so many.
pub fn large_files(records: u64) -> Vec<u64> {
    (0..records).step_by(OF_A_LARGE_FILE as usize).map(|first| OF_A_LARGE_FILE.min(records - first)).collect()
}

/// The records of each of so many files of small accounts.
pub fn small_files(files: usize) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(11);
    (0..files).map(|_| random.u64(OF_A_SMALL_FILE)).collect()
}

/// Writes files of so many records each below `folder`. The records are the same, however they are spread.
pub fn write(folder: &Path, files: &[u64]) -> History {
    let _ = fs::remove_dir_all(folder);
    let records: u64 = files.iter().sum();
    let begin: Timestamp = "2026-09-01T00:00:00Z".parse().expect("a time");
    let mut history = History { records, ..History::default() };
    let mut random = fastrand::Rng::with_seed(7);
    let mut first = 0;
    beside(folder);
    for (file, &count) in files.iter().enumerate() {
        let at = |number: u64| begin + SignedDuration::from_secs((number * MONTH_S / records) as i64);
        let day = at(first).strftime("%Y/%m/%d").to_string();
        let account = account(file);
        let folder = folder.join(format!("AWSLogs/o-a1b2c3d4e5/{account}/CloudTrail/us-east-1/{day}"));
        fs::create_dir_all(&folder).expect("a folder of ours");
        let stamp = at(first).strftime("%Y%m%dT%H%MZ").to_string();
        let path = folder.join(format!("{account}_CloudTrail_us-east-1_{stamp}_{first:016}.json.gz"));
        let mut text = String::with_capacity(2_000 * count as usize);
        text.push_str("{\"Records\":[");
        for number in first..first + count {
            if number > first {
                text.push(',');
            }
            let part = number as f64 / records as f64;
            let ours = random.u64(0..ONE_IN) == 0;
            let fails = ours && (OUTAGE.contains(&part) || random.u64(0..FAILS_ONE_IN) == 0);
            history.failures += u64::from(fails);
            record(&mut text, number, at(number), ours, fails, &mut random);
        }
        text.push_str("]}");
        let mut file =
            GzEncoder::new(BufWriter::new(File::create(&path).expect("a file of ours")), Compression::new(6));
        file.write_all(text.as_bytes()).expect("there is room");
        file.finish().expect("there is room").flush().expect("there is room");
        history.files += 1;
        history.text += text.len() as u64;
        history.packed += fs::metadata(&path).map_or(0, |file| file.len());
        first += count;
    }
    history
}

fn account(file: usize) -> u64 {
    111_122_223_330 + (file % ACCOUNTS) as u64
}

/// Files in which there is nothing to find.
fn beside(folder: &Path) {
    for (account, service) in (0..ACCOUNTS).flat_map(|file| BESIDE.map(|service| (account(file), service))) {
        let folder = folder.join(format!("AWSLogs/o-a1b2c3d4e5/{account}/{service}/us-east-1/2026/09/01"));
        fs::create_dir_all(&folder).expect("a folder of ours");
        for number in 0..FILES_BESIDE {
            let name = format!("{account}_{service}_us-east-1_20260901T0000Z_{number:016}.json.gz");
            fs::write(folder.join(name), "what is never opened").expect("there is room");
        }
    }
}

fn record(text: &mut String, number: u64, at: Timestamp, ours: bool, fails: bool, random: &mut fastrand::Rng) {
    use std::fmt::Write as _;
    let (source, name) =
        if ours { ("sso.amazonaws.com", "CreateToken") } else { OTHERS[random.usize(0..OTHERS.len())] };
    let error = if fails { "\"errorCode\":\"InternalServerException\"," } else { "" };
    let (a, b, c, d) = (random.u64(..), random.u64(..), random.u64(..), random.u32(..));
    let user = random.u32(0..5000);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        concat!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{user:05}:session-{user}","#,
            r#""arn":"arn:aws:sts::111122223333:assumed-role/made-up-role-{user}/session-{user}","accountId":"111122223333","#,
            r#""accessKeyId":"ASIAEXAMPLE{d:010}","onBehalfOf":{{"userId":"user-{user}","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1234567890"}},"#,
            r#""sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{user:05}","arn":"arn:aws:iam::111122223333:role/made-up-role-{user}","#,
            r#""accountId":"111122223333","userName":"made-up-role-{user}"}},"attributes":{{"creationDate":"{at}","mfaAuthenticated":"false"}}}}}},"#,
            r#""eventTime":"{at}","eventSource":"{source}","eventName":"{name}","awsRegion":"us-east-1","sourceIPAddress":"10.{x}.{y}.{z}","#,
            r#""userAgent":"aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython exec-env/made-up cfg/retry-mode#standard","#,
            r#"{error}"requestParameters":{{"resource":"arn:aws:made-up:us-east-1:111122223333:thing/{a:016x}","filter":{{"name":"state","values":["running","pending"]}},"maxResults":{n}}},"#,
            r#""responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"bytesTransferredOut":{n},"x-amz-id-2":"{b:016x}{c:016x}"}},"#,
            r#""requestID":"{a:08x}-0000-4000-8000-{number:012}","eventID":"{b:08x}-0000-4000-8000-{number:012}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"#,
            r#""recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{source}"}}}}"#
        ),
        user = user,
        at = at,
        source = source,
        name = name,
        error = error,
        a = a as u32,
        b = b as u32,
        c = c,
        d = d,
        n = d % 4096,
        x = d % 250,
        y = user % 250,
        z = a % 250,
        number = number,
    );
}
