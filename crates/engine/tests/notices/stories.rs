//! What happened to the company, one story for each kind of incident and of advice.

use serde_json::json;
use triage_model::observation::Operation;

use crate::company::{Company, Fault, HOUR, INTERNAL, MINUTE, at, fault, refused};
use crate::life::{Answers, Probed, Story};

pub fn stories() -> Vec<Story> {
    vec![
        outage(),
        replicas(),
        brief(),
        quiet(),
        alone(),
        probe(),
        kms(
            "kms_disabled",
            "Somebody disables the customer-managed KMS key of Identity Center, and enables it again after 12 minutes; the latest call that it refuses comes a little earlier.",
            "KMS_DisabledException: the key that encrypts Identity Center's data is disabled",
        ),
        in_a_line(kms(
            "kms_pending_deletion",
            "The key is scheduled for deletion.",
            "KMS_InvalidStateException: the key that encrypts Identity Center's data is pending deletion",
        )),
        in_a_line(kms(
            "kms_denied",
            "The key's policy does not allow the service any more.",
            "KMS_AccessDeniedException: the service may not use the key that encrypts Identity Center's data",
        )),
        application_refused(),
        suspected(),
        one_tool(),
        in_a_line(one_network()),
        one_application(),
        throttling(),
        one_caller(),
        blind(),
        late(),
        aws_health(),
        untrusted(),
    ]
}

/// The page shows the subject of its first notice alone.
fn in_a_line(story: Story) -> Story {
    Story { kept: &[1], shown: 0, ..story }
}

/// With probes that find everything healthy, and the table at hand.
fn story(name: &'static str, told: &'static str, company: Company, from: i64, to: i64) -> Story {
    let probed: Probed = |_| Answers::Healthy;
    Story {
        name,
        told,
        company,
        probed: Some(probed),
        replicas: None,
        without_table: false,
        from,
        to,
        kept: &[],
        shown: 1,
    }
}

const TOKEN: &[Operation] = &[Operation::CreateToken];

/// 20 of 60 people fail from 08:00 until 10:23, and again for six minutes at 10:34.
fn outage() -> Story {
    let mut company = Company::of(60, 1);
    let is_down = |second| (0..8610).contains(&second) || (154 * MINUTE..160 * MINUTE).contains(&second);
    let fate = |person: usize, second| if person.is_multiple_of(3) && is_down(second) { INTERNAL } else { None };
    company.signs_in(-HOUR, 0, 10 * MINUTE, fate);
    company.signs_in(0, 15 * MINUTE, 4 * MINUTE, fate);
    company.signs_in(15 * MINUTE, 3 * HOUR, 8 * MINUTE, fate);
    company.health(25 * MINUTE, 2 * MINUTE, false);
    company.health(165 * MINUTE, 2 * MINUTE, true);
    let probed = |second| match second {
        60..8610 | 9240..9600 => Answers::Down(TOKEN),
        _ => Answers::Healthy,
    };
    Story {
        probed: Some(probed),
        ..story(
            "outage",
            "One person in three cannot get a token from 08:00 until shortly before 10:23 UTC, a probe fails as well, and AWS confirms it at 08:25. It fails again from 10:34 until 10:40; the time between is not counted.",
            company,
            -HOUR,
            3 * HOUR,
        )
    }
}

const REPLICAS: &str = "eu-central-1=https://d-99671f2c0a.awsapps.com/start,\
                        us-east-1=https://d-99671f2c0a.us-east-1.portal.amazonaws.com";

/// Sign-in fails in one region from 08:00 until 09:10, and in the other one from 08:20 until 08:50. A third of the people use the
/// other one, half of those only since the first one fails.
fn replicas() -> Story {
    let mut company = Company::of(60, 21);
    let first = |second| (0..70 * MINUTE).contains(&second);
    let second_one = |second| (20 * MINUTE..50 * MINUTE).contains(&second);
    let fate = |_: usize, second| if first(second) { INTERNAL } else { None };
    let (everybody, most, some) = (0..60, 0..50, 40..60);
    company.sign_in(everybody, -HOUR, 0, 10 * MINUTE, fate);
    company.sign_in(most, 0, 2 * HOUR, 6 * MINUTE, fate);
    company.region = "us-east-1";
    let fate = |_: usize, second| if second_one(second) { INTERNAL } else { None };
    company.sign_in(50..60, -HOUR, 0, 10 * MINUTE, fate);
    company.sign_in(some, 0, 2 * HOUR, 6 * MINUTE, fate);
    let probed = |second| if (60..70 * MINUTE).contains(&second) { Answers::Down(TOKEN) } else { Answers::Healthy };
    let elsewhere =
        |second| if (21 * MINUTE..50 * MINUTE).contains(&second) { Answers::Down(TOKEN) } else { Answers::Healthy };
    Story {
        probed: Some(probed),
        replicas: Some((REPLICAS, elsewhere)),
        ..story(
            "replicas",
            "Identity Center is replicated to us-east-1. Sign-in fails in eu-central-1 from 08:00 UTC, and from 08:20 in us-east-1 too. It works again there at 08:50, and in eu-central-1 at 09:10: one incident, one page.",
            company,
            -HOUR,
            2 * HOUR,
        )
    }
}

/// All of 60 people fail, one after the other within two minutes, and then nothing is wrong any more.
fn brief() -> Story {
    let mut company = Company::of(60, 2);
    let fate = |_: usize, second: i64| if (0..3 * MINUTE).contains(&second) { INTERNAL } else { None };
    company.signs_in(-HOUR, 0, 10 * MINUTE, fate);
    company.signs_in(0, 20 * MINUTE, 2 * MINUTE, fate);
    story(
        "brief",
        "Calls of everybody fail from 08:00 until 08:03; the latest failed call is of 08:02.",
        company,
        -HOUR,
        20 * MINUTE,
    )
}

/// All fail on a Friday evening, and then they go home.
fn quiet() -> Story {
    let mut company = Company::of(12, 3);
    company.signs_in(8 * HOUR, 10 * HOUR, 10 * MINUTE, |_, _| None);
    company.signs_in(10 * HOUR, 10 * HOUR + 6 * MINUTE, 3 * MINUTE, |_, _| INTERNAL);
    Story {
        probed: None,
        ..story(
            "quiet",
            "On a Friday evening sign-in fails for everybody, and then all go home. Nothing is probed, so nothing proves the end.",
            company,
            8 * HOUR,
            23 * HOUR,
        )
    }
}

/// An outage while the table cannot be reached.
fn alone() -> Story {
    let mut company = Company::of(60, 4);
    company.signs_in(-HOUR, 0, 10 * MINUTE, |_, _| None);
    company.signs_in(0, 6 * MINUTE, 3 * MINUTE, |_, _| INTERNAL);
    Story {
        without_table: true,
        ..story(
            "alone",
            "The table cannot be reached. The function reports an incident that begins all the same. Each execution environment does so once, and a paging service makes one alert of them.",
            company,
            -HOUR,
            6 * MINUTE,
        )
    }
}

/// Before anybody is at work the probe finds StartDeviceAuthorization down.
fn probe() -> Story {
    let mut company = Company::of(30, 5);
    company.signs_in(-2 * HOUR, -HOUR, 10 * MINUTE, |_, _| None);
    company.token(3, 50, INTERNAL);
    let probed = |second| match second {
        0..1200 => Answers::Down(&[Operation::StartDeviceAuthorization]),
        _ => Answers::Healthy,
    };
    Story {
        probed: Some(probed),
        ..story(
            "probe",
            "While hardly anybody is at work a probe finds one step down for 20 minutes.",
            company,
            -2 * HOUR,
            HOUR,
        )
    }
}

/// Nobody gets a token because of the customer's own KMS key.
fn kms(name: &'static str, told: &'static str, message: &'static str) -> Story {
    let mut company = Company::of(40, 6);
    let fate = |_: usize, second: i64| {
        if (0..12 * MINUTE).contains(&second) { refused("AccessDeniedException", message) } else { None }
    };
    company.signs_in(-HOUR, 0, 10 * MINUTE, fate);
    company.signs_in(0, 25 * MINUTE, 5 * MINUTE, fate);
    story(name, told, company, -HOUR, 25 * MINUTE)
}

/// An application's people are no longer assigned to it.
fn application_refused() -> Story {
    let mut company = Company::of(40, 7);
    let portal = company.application("portal");
    let fate = |_: usize, _: i64| None::<Fault>;
    company.signs_in(-HOUR, 25 * MINUTE, 10 * MINUTE, fate);
    for (number, second) in (-HOUR..20 * MINUTE).step_by(25).enumerate() {
        let fault = if (0..15 * MINUTE).contains(&second) { fault("AccessDeniedException") } else { None };
        company.token_with_iam(&portal, number % 20, second, fault);
    }
    story(
        "application_refused",
        "People are no longer assigned to an application of CreateTokenWithIAM.",
        company,
        -HOUR,
        25 * MINUTE,
    )
}

/// A bad deployment of the service: everybody is refused as if by a mistake of their own.
fn suspected() -> Story {
    let mut company = Company::of(40, 8);
    let fate = |_: usize, second: i64| {
        if (0..12 * MINUTE).contains(&second) { refused("InvalidRequestException", "Invalid request") } else { None }
    };
    company.signs_in(-HOUR, 0, 10 * MINUTE, fate);
    company.signs_in(0, 25 * MINUTE, 5 * MINUTE, fate);
    story(
        "suspected",
        "A bad deployment of the service refuses everybody as if by a mistake of their own.",
        company,
        -HOUR,
        25 * MINUTE,
    )
}

/// One release of a company's own tool is broken.
fn one_tool() -> Story {
    let mut company = Company::of(60, 9);
    for person in (0..60).step_by(5) {
        company.people[person].agent = "acme-login/3.0 aws-sdk-go-v2/1.39.2 ua/2.1 os/macos lang/go#1.25.1".to_owned();
    }
    let fate = |person: usize, second: i64| {
        if person.is_multiple_of(5) && (0..20 * MINUTE).contains(&second) { INTERNAL } else { None }
    };
    company.signs_in(-HOUR, 0, 10 * MINUTE, fate);
    company.signs_in(0, 40 * MINUTE, 3 * MINUTE, fate);
    story(
        "one_tool",
        "One release of a company's own tool fails, and people with other tools are served.",
        company,
        -HOUR,
        40 * MINUTE,
    )
}

/// The proxy of one office answers with errors of its own.
fn one_network() -> Story {
    let mut company = Company::of(60, 10);
    for person in (0..60).step_by(5) {
        company.people[person].address = "192.0.2.7".to_owned();
    }
    let fate = |person: usize, second: i64| {
        if person.is_multiple_of(5) && (0..20 * MINUTE).contains(&second) { INTERNAL } else { None }
    };
    company.signs_in(-HOUR, 0, 10 * MINUTE, fate);
    company.signs_in(0, 40 * MINUTE, 3 * MINUTE, fate);
    story("one_network", "Calls from one address fail, and calls from others are served.", company, -HOUR, 40 * MINUTE)
}

/// CreateTokenWithIAM fails for one application, while another one is served.
fn one_application() -> Story {
    let mut company = Company::of(60, 11);
    let [portal, reports] = ["portal", "reports"].map(|role| company.application(role));
    for (number, second) in (-HOUR..40 * MINUTE).step_by(7).enumerate() {
        let (application, person) =
            if number.is_multiple_of(2) { (&portal, number % 20) } else { (&reports, 20 + number % 20) };
        let fails = number.is_multiple_of(2) && (0..20 * MINUTE).contains(&second);
        company.token_with_iam(application, person, second, if fails { INTERNAL } else { None });
    }
    story(
        "one_application",
        "CreateTokenWithIAM fails for one application, and another one is served.",
        company,
        -HOUR,
        40 * MINUTE,
    )
}

/// A tool asks for tokens in a loop.
fn throttling() -> Story {
    let mut company = Company::of(40, 12);
    company.people[0].agent = "acme-sweep/1.4 Botocore/1.40.52 lang/python#3.13.7".to_owned();
    company.signs_in(-HOUR, 10 * MINUTE, 10 * MINUTE, |_, _| None);
    for second in (0..6 * MINUTE).step_by(15) {
        company.token(0, second, fault("SlowDownException"));
    }
    story("throttling", "One tool asks for tokens in a loop.", company, -HOUR, 10 * MINUTE)
}

/// One person fails time and again, everybody else is served.
fn one_caller() -> Story {
    let mut company = Company::of(40, 13);
    company.signs_in(
        -HOUR,
        12 * MINUTE,
        5 * MINUTE,
        |person, second| {
            if person == 7 && second >= 0 { INTERNAL } else { None }
        },
    );
    for second in (30..10 * MINUTE).step_by(70) {
        company.token(7, second, INTERNAL);
    }
    story("one_caller", "One person fails time and again while others are served.", company, -HOUR, 12 * MINUTE)
}

/// Neither the probe nor its control gets an answer.
fn blind() -> Story {
    let mut company = Company::of(40, 14);
    company.signs_in(-HOUR, 10 * MINUTE, 10 * MINUTE, |_, _| None);
    company.token(5, 20, INTERNAL);
    let probed = |second| if second < 0 { Answers::Healthy } else { Answers::Nowhere };
    Story {
        probed: Some(probed),
        ..story(
            "blind",
            "Neither the probe nor its control in another region gets an answer.",
            company,
            -HOUR,
            10 * MINUTE,
        )
    }
}

/// What CloudTrail delivers two hours late.
fn late() -> Story {
    let mut company = Company::of(40, 15);
    company.signs_in(-HOUR, 10 * MINUTE, 5 * MINUTE, |_, second| if second >= 0 { INTERNAL } else { None });
    let all = std::mem::take(&mut company.deliveries);
    for (second, payloads) in all {
        let later = if second >= 0 { second + 2 * HOUR } else { second };
        company.deliveries.entry(later).or_default().extend(payloads);
    }
    story("late", "Records of failed calls come two hours late.", company, -HOUR, 2 * HOUR + 12 * MINUTE)
}

/// AWS tells of an issue, and everybody is served.
fn aws_health() -> Story {
    let mut company = Company::of(40, 16);
    company.signs_in(-HOUR, 10 * MINUTE, 10 * MINUTE, |_, _| None);
    company.health(5 * MINUTE, -3 * MINUTE, false);
    story("aws_health", "AWS Health reports an issue, and everybody here is served.", company, -HOUR, 10 * MINUTE)
}

/// A program reports a failed call, and nobody has said that it may.
fn untrusted() -> Story {
    let mut company = Company::of(40, 17);
    company.signs_in(-HOUR, 10 * MINUTE, 10 * MINUTE, |_, _| None);
    let call = json!({"operation": "CreateToken", "region": crate::company::REGION, "occurredAt": at(60),
        "caller": "portal", "error": {"code": "InternalServerException", "status": 500}});
    let envelope = company.envelope("SSO OIDC Call Failed", "com.example.portal", at(60), call);
    company.deliver(63, envelope);
    story("untrusted", "A program reports a failed call, and the settings do not list it.", company, -HOUR, 10 * MINUTE)
}
