use std::io::Write as _;
use std::sync::atomic::AtomicU64;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::replay::read::cut::CHUNK;
use crate::replay::whole::Whole;

fn rules() -> Rules {
    Rules::of(
        &Settings::read(|_| None).unwrap(),
        ClockBy::Calls,
        Window::default(),
        Timestamp::from_second(1_800_000_000).unwrap(),
    )
}

/// A record as a trail writes it; of another service where there is no code.
fn record(number: usize, code: Option<&str>) -> String {
    let (source, name) =
        if code.is_some() { ("sso.amazonaws.com", "CreateToken") } else { ("ec2.amazonaws.com", "DescribeInstances") };
    let error = code.map(|code| format!(r#""errorCode":"{code}","#)).unwrap_or_default();
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IdentityCenterUser","onBehalfOf":{{"userId":"user-{number}"}}}},"eventTime":"2026-11-25T01:{:02}:{:02}Z","eventSource":"{source}","eventName":"{name}","awsRegion":"us-east-1",{error}"requestID":"r-{number}","eventID":"e-{number}","text":"a \"}},{{\\\"eventVersion\\\"\" in a text"}}"#,
        number / 60 % 60,
        number % 60
    )
}

fn records(count: usize) -> Vec<String> {
    (0..count).map(|number| record(number, (number % 20 == 7).then_some("InternalServerException"))).collect()
}

fn read_bytes(name: &str, bytes: &[u8]) -> Reading {
    let folder = std::env::temp_dir().join(format!("oidc-triage-read-{}-{}", std::process::id(), fastrand::u64(..)));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let (file, mut all) = (HistoryFile::of_path(&path), Reading::default());
    read(&file, &rules(), &Arc::default(), &mut |reading| {
        all.append(reading);
        true
    });
    let whole = Whole::new().read(&file, &rules(), &AtomicU64::default());
    std::fs::remove_dir_all(&folder).unwrap();
    let place = format!("{}/", folder.display());
    for complaint in &mut all.complaints {
        *complaint = complaint.replace(&place, "");
    }
    if let Some(mut whole) = whole {
        for complaint in &mut whole.complaints {
            *complaint = complaint.replace(&place, "");
        }
        assert_eq!(whole, all, "read in one go it tells the same");
    }
    all
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_cloudtrail_looked_up_is_one_piece_because_the_newest_comes_first() {
    let events: Vec<String> = records(4000)
        .iter()
        .rev()
        .map(|record| serde_json::json!({"EventName": "CreateToken", "CloudTrailEvent": record}).to_string())
        .collect();
    let (lines, halves) = (events.join("\n"), events.split_at(2000));
    let page = |events: &[String]| format!("{{\n  \"Events\": [{}],\n  \"NextToken\": \"t\"\n}}\n", events.join(","));
    assert!(lines.len() > 2 * CHUNK);
    for text in [lines, page(halves.0) + &page(halves.1)] {
        let mut cutter = Cutter::new(text.as_bytes(), false);
        let chunk = cutter.next().unwrap();
        assert_eq!((chunk.layout, chunk.bytes.len()), (Layout::Document, text.len()));
        drop(chunk);
        assert!(cutter.next().is_none());
        let reading = read_bytes("looked-up.json", text.as_bytes());
        assert_eq!((reading.observations.len(), reading.records, reading.skipped), (200, 4000, false));
    }
}

#[test]
fn a_trail_s_file_of_many_pieces_tells_what_a_general_reader_finds_in_it() {
    let records = records(5000);
    let file = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    assert!(file.len() > 3 * CHUNK);
    let general = triage_decode::decode(&file, &rules().setting);
    for bytes in [file.clone().into_bytes(), gzip(file.as_bytes())] {
        let reading = read_bytes("trail.json", &bytes);
        assert_eq!(
            (reading.records, reading.left_alone, reading.skipped),
            (5000, 4750, false),
            "{:?}",
            reading.complaints
        );
        let observations: Vec<_> = reading.observations.into_iter().map(|due| due.observation).collect();
        assert_eq!(observations, general.observations);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Compact or pretty, a record a line, an array or a trail's file: the counts are of the records, not of their layout.
    #[test]
    fn records_are_counted_alike_for_every_spacing(count in 1_usize..60, seed in proptest::prelude::any::<u64>()) {
        let random = &mut fastrand::Rng::with_seed(seed);
        let records: Vec<String> =
            (0..count).map(|number| record(number, random.bool().then_some("InternalServerException"))).collect();
        let values: Vec<serde_json::Value> = records.iter().map(|record| serde_json::from_str(record).unwrap()).collect();
        let file = format!(r#"{{"Records":[{}]}}"#, records.join(","));
        let pretty = format!("{:#}", serde_json::from_str::<serde_json::Value>(&file).unwrap());
        let spaced: String = file.replace("\":", "\" : ");
        let array = serde_json::to_string(&values).unwrap();
        let pretty_array = serde_json::to_string_pretty(&values).unwrap();
        let documents: Vec<String> = values.iter().map(|value| format!("{value:#}")).collect();
        let expected = read_bytes("trail.json", file.as_bytes());
        proptest::prop_assert_eq!(expected.records, count as u64);
        for text in [pretty, spaced, array, pretty_array, records.join("\n"), documents.join("\n")] {
            let reading = read_bytes("other.json", text.as_bytes());
            let counts = |reading: &Reading| (reading.records, reading.left_alone, reading.observations.len());
            proptest::prop_assert_eq!(counts(&reading), counts(&expected), "{}", text);
        }
    }
}

#[test]
fn a_trail_s_file_that_is_cut_off_tells_what_it_has_and_is_named() {
    let file = format!(r#"{{"Records":[{}]}}"#, records(100).join(","));
    let reading = read_bytes("trail.json", &file.as_bytes()[..file.len() - 300]);
    assert!(
        reading.skipped && reading.complaints == ["trail.json: cut off within a record"],
        "{:?}",
        reading.complaints
    );
    assert_eq!(reading.observations.len(), 5);
    let gzip = gzip(file.as_bytes());
    let reading = read_bytes("trail.json.gz", &gzip[..gzip.len() - 10]);
    assert!(reading.skipped && reading.complaints[0].contains("the rest of this gzip file cannot be read"));
    assert!(!reading.observations.is_empty());
}

#[test]
fn a_damaged_record_of_ours_is_named_and_the_others_are_read() {
    let mut records = records(100);
    records[27] = records[27].replace(r#""eventName":"CreateToken""#, r#""eventName":"CreateToken"#);
    let reading = read_bytes("trail.json", format!(r#"{{"Records":[{}]}}"#, records.join(",")).as_bytes());
    assert_eq!(
        (reading.observations.len(), reading.complaints.len(), reading.skipped),
        (4, 1, true),
        "{:?}",
        reading.complaints
    );
}

#[test]
fn lines_are_named_by_their_numbers_however_many_pieces_they_are_in() {
    let mut lines = records(4000);
    for number in (0..4000).step_by(1000) {
        lines[number].truncate(50);
    }
    let reading = read_bytes("lines.jsonl", lines.join("\n").as_bytes());
    assert_eq!(reading.complaints.len(), 4, "{:?}", reading.complaints);
    for (complaint, line) in reading.complaints.iter().zip([1, 1001, 2001, 3001]) {
        assert!(complaint.starts_with(&format!("lines.jsonl:{line}: ")), "{complaint}");
    }
    assert_eq!((reading.records, reading.observations.len()), (4000, 200));
}

#[test]
fn an_exported_log_tells_what_its_lines_tell_a_subscription() {
    let mut lines = Vec::new();
    for number in 0..8000 {
        let time = format!("2026-11-25T01:{:02}:{:02}.123Z", number / 60 % 60, number % 60);
        lines.push(match number % 1000 {
            7 => format!("{time} ERROR sign-in failed, user=u{number}: An error occurred (InternalServerException) when calling the CreateToken operation: None"),
            8 => format!("{time} {}", record(number, Some("InternalServerException"))),
            9 => format!("{time} {}", record(number, None)),
            _ => format!("{time} INFO all is well with request {number} and there is more to say about it\n    in a second line"),
        });
    }
    let text = lines.join("\n");
    assert!(text.len() > CHUNK);
    let reading = read_bytes("000000.gz", &gzip(text.as_bytes()));
    assert_eq!(
        (reading.records, reading.observations.len(), reading.left_alone, reading.skipped),
        (8000, 16, 8, false),
        "{:?}",
        reading.complaints
    );
}

#[test]
fn one_document_is_read_as_a_whole_whatever_its_form() {
    for text in [
        record(7, Some("InternalServerException")),
        format!("[{},\n{}]", record(7, Some("InternalServerException")), record(8, None)),
        format!("\u{feff}{{ \"Records\": [\n{}\n] }}", record(7, Some("InternalServerException"))),
    ] {
        let reading = read_bytes("event.json", text.as_bytes());
        assert_eq!((reading.observations.len(), reading.skipped), (1, false), "{text}: {:?}", reading.complaints);
    }
    let reading = read_bytes("empty.json", b" \n");
    assert_eq!(reading.complaints, ["empty.json: nothing in it"]);
    let reading = read_bytes("broken.json", b"{\n  \"a\": \n}");
    assert_eq!(reading.complaints, ["broken.json: not JSON: line 3, column 1"]);
}

/// The same calls as a trail's file and as what Athena makes of it: CSV, and rows of JSON.
#[test]
fn a_table_tells_what_the_trail_tells_that_it_was_made_of() {
    let records: Vec<serde_json::Value> =
        records(6000).iter().map(|record| serde_json::from_str(record).unwrap()).collect();
    let trail = serde_json::json!({"Records": records}).to_string();
    let names =
        ["eventTime", "eventSource", "eventName", "awsRegion", "errorCode", "requestID", "eventID", "userIdentity"];
    let mut table = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    table.write_record(names.map(str::to_lowercase)).unwrap();
    let mut rows = String::new();
    // A query without an order gives any order.
    for record in records.iter().rev() {
        let identity = format!(
            "{{type=IdentityCenterUser, onbehalfof={{userid={}}}}}",
            record["userIdentity"]["onBehalfOf"]["userId"].as_str().unwrap()
        );
        let texts = names.map(|name| match name {
            "userIdentity" => identity.clone(),
            _ => record.get(name).and_then(|text| text.as_str()).unwrap_or_default().to_owned(),
        });
        table.write_record(&texts).unwrap();
        let members = names.iter().filter_map(|name| Some((name.to_lowercase(), record.get(*name)?.clone())));
        rows.push_str(&serde_json::Value::Object(members.collect()).to_string().replace("onBehalfOf", "onbehalfof"));
        rows.push('\n');
    }
    let table = table.into_inner().unwrap();
    assert!(table.len() > CHUNK && rows.len() > CHUNK);
    let by_time = |reading: Reading| {
        assert!(reading.complaints.is_empty(), "{:?}", reading.complaints);
        let mut observations = reading.observations;
        observations.sort_by_key(|due| format!("{} {:?}", due.at, due.observation));
        (reading.records, reading.left_alone, observations)
    };
    let expected = by_time(read_bytes("trail.json", trail.as_bytes()));
    assert_eq!((expected.0, expected.1, expected.2.len()), (6000, 5700, 300));
    for (name, bytes) in [
        ("table.csv", table.clone()),
        ("table.csv.gz", gzip(&table)),
        ("rows.json", rows.clone().into_bytes()),
        ("20261125_013500_00012_abcde.gz", gzip(rows.as_bytes())),
    ] {
        let read = by_time(read_bytes(name, &bytes));
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn a_table_is_cut_behind_its_rows_and_names_its_lines() {
    let header = "eventtime,eventsource,eventname,awsregion,errorcode,errormessage\n";
    let row = |number: usize| {
        format!(
            "2026-11-25T01:35:07Z,sso.amazonaws.com,CreateToken,us-east-1,InternalServerException,\"{number}\n, \"\"a\"\"\n\"\n"
        )
    };
    let rows: String = (0..100).map(row).collect();
    for cut_at in [rows.len() - 1, rows.len() - 20, rows.len() / 2] {
        let boundary = layout::last_row(&rows.as_bytes()[..cut_at]).unwrap();
        assert!(rows[boundary.end..].starts_with("2026-11-25T01:35:07Z,"), "{cut_at}");
    }
    let text = format!("{header}{rows}CreateToken,too few\n");
    let reading = read_bytes("table.csv", text.as_bytes());
    assert_eq!(reading.complaints, ["table.csv:302: a row of 2 fields in a table of 6 columns"]);
    assert_eq!(reading.observations.len(), 100);
}

#[test]
fn what_is_no_table_of_records_says_what_is_missing() {
    for (name, text, complaint) in [
        (
            "a.csv",
            "eventname,eventtime\nCreateToken,2026-11-25T01:35:07Z\n",
            "its table has no column eventsource, awsregion, errorcode; select it too",
        ),
        ("b.parquet", "PAR1\u{15}\u{4}", "Parquet, which is not read; unload it as JSON (format = 'JSON')"),
        (
            "c.csv",
            "name,age\nana,7\n",
            "neither JSON, nor a table of CloudTrail's records, nor a log with the time in front of each line",
        ),
    ] {
        let reading = read_bytes(name, text.as_bytes());
        assert_eq!(reading.complaints, [format!("{name}: {complaint}")]);
        assert!(reading.skipped);
    }
}
