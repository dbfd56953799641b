//! What to do, as data: the texts of notices that do not depend on numbers.
//!
//! In: an incident or an advice. Out: at most four steps for the on-call, and a paragraph for users. Nothing is promised that
//! the evidence does not show: users read that AWS fails only where the service itself says so.

use triage_decide::concern::Concern;
use triage_decide::ledger::Incident;
use triage_decide::probe::StepState;
use triage_decide::verdict::{Advised, Diagnosis, Talking, Verdict};
use triage_model::redact::{SHOWN_NAME_MAX, one_line, unlinked};
use triage_model::region::Region;

use crate::headline::{places, shared_in_words};
use crate::key;
use crate::notice::Advice;
use crate::words::{capitalized, concern_name, signing_in_by};

/// Steps of a notice: whoever is woken reads no more of them.
pub const STEPS_MAX: usize = 4;

/// What goes into the gaps of a text: `{region}`; `{name}` for the code or reason that an incident is about; `{shared}` for the
/// tool, network, application or account that it is of, `{signing in}` and `{try it}` for what that means; `{talker}`, `{rate}`,
/// `{calls}` and `{quota}` for a tool that makes too many calls.
type Gaps<'a> = &'a [(&'a str, &'a str)];

/// What goes into a gap may be text of others: no gap of theirs is filled.
fn filled(text: &str, gaps: Gaps<'_>) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(begin) = rest.find('{') {
        filled.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let gap = gaps.iter().find(|(gap, _)| rest.starts_with(gap));
        let (with, length) = gap.map_or((&rest[..1], 1), |(gap, with)| (*with, gap.len()));
        filled.push_str(with);
        rest = &rest[length..];
    }
    filled + rest
}

/// While an incident is open.
pub fn of_incident(incident: &Incident, verdict: &Verdict) -> Advice {
    let confirmed = verdict.is_confirmed() || verdict.health;
    if let Concern::Admin { name, key: true, .. } = &incident.concern {
        let steps = key::steps(name, verdict.kms_key.as_deref(), &incident.region);
        let first = KEY_OWNER.to_owned();
        return with_last([first].into_iter().chain(steps).collect(), incident, &[], OUR_OWN);
    }
    let (now, users): (Vec<&str>, &str) = match incident.diagnosis {
        Diagnosis::Misconfigured => (OUR_POLICY.to_vec(), OUR_OWN),
        Diagnosis::Suspected => (IN_A_SURGE.to_vec(), LOOKS_LIKE_A_MISTAKE),
        Diagnosis::OneTool => {
            let whose = matches!(incident.concern, Concern::Request { .. }).then_some(WHOSE_TOOL);
            // The first notice of it asked for a case.
            let case = if incident.was_of_region { CLOSE_THE_CASE } else { NO_CASE };
            (whose.into_iter().chain(ONE_TOOL).chain([case]).collect(), ONE_TOOL_FAILS)
        }
        Diagnosis::OneNetwork => (ONE_NETWORK.to_vec(), ONE_NETWORK_FAILS),
        Diagnosis::OneApplication => (ONE_APPLICATION.to_vec(), ONE_APPLICATION_FAILS),
        Diagnosis::OneAccount => (ONE_ACCOUNT.to_vec(), ONE_ACCOUNT_FAILS),
        // Of the others there are no incidents.
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Unbelieved
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => {
            let unsure = match (verdict.is_mostly_unanswered(), verdict.probe) {
                (true, _) => CHECK_THE_WAY,
                (false, Some(StepState::Healthy)) => TRY_WHAT_FAILS,
                (false, _) => TRY_IT,
            };
            let users = match (incident.diagnosis, confirmed) {
                (Diagnosis::Outage, true) => SERVICE_FAILS,
                (Diagnosis::Outage, false) => CAUSE_UNKNOWN,
                _ => SOME_FAIL,
            };
            let first = (!confirmed).then_some(unsure);
            (first.into_iter().chain([WAY_IN, ASK_AWS, CHANGE_NOTHING]).collect(), users)
        }
    };
    with_last(Vec::new(), incident, &now, users)
}

/// While calls are served again, and the end is not confirmed yet.
pub fn of_recovering(incident: &Incident) -> Advice {
    with_last(Vec::new(), incident, &["{try it}, to see whether it works.", START_AGAIN], BEGINS_TO_WORK)
}

/// While nobody calls. What to pass on to users is not known.
pub fn of_silence(incident: &Incident) -> Advice {
    with_last(Vec::new(), incident, &["{try it}. While nobody calls, nothing else shows whether it works."], "")
}

/// When an incident is over.
pub fn of_recovery(incident: &Incident, proved: bool) -> Advice {
    let is_shared = incident.scope.shared.is_some();
    let first = (!proved).then_some("{try it}, before you call it over.");
    let then: &[&str] = match incident.concern {
        Concern::Admin { key: true, .. } => {
            &["Find out who or what changed the key, so that it does not happen again."]
        }
        Concern::Admin { key: false, .. } => {
            &["Find out who or what changed the policy or assignment, so that it does not happen again."]
        }
        Concern::Service | Concern::Request { .. } if is_shared => {
            &["Find out what changed, so that it does not come back."]
        }
        Concern::Service | Concern::Request { .. } if !proved => &[START_AGAIN],
        Concern::Service | Concern::Request { .. } => {
            &[START_AGAIN, "Close your AWS Support case with the times and the request ids, if you opened one."]
        }
    };
    let now: Vec<&str> = first.into_iter().chain(then.iter().copied()).collect();
    let users = match (is_shared, proved) {
        (false, true) => WORKS_AGAIN,
        (false, false) => SHOULD_WORK_AGAIN,
        (true, true) => PART_WORKS_AGAIN,
        (true, false) => PART_SHOULD_WORK_AGAIN,
    };
    with_last(Vec::new(), incident, &now, users)
}

/// The steps that are made already, then these, with the gaps of an incident filled.
fn with_last(steps: Vec<String>, incident: &Incident, then: &[&str], users: &str) -> Advice {
    let name = concern_name(&incident.concern).unwrap_or_else(|| "an error".to_owned());
    let shared = incident.scope.shared.as_ref();
    let gaps = [
        ("{region}", &*places(incident)),
        ("{name}", &name),
        ("{shared}", &shared_in_words(shared)),
        ("{signing in}", &capitalized(&shared.map_or_else(|| SIGNING_IN.to_owned(), signing_in_by))),
        ("{try it}", &try_it(incident)),
    ];
    advice(steps, then, users, &gaps)
}

fn advice(steps: Vec<String>, then: &[&str], users: &str, gaps: Gaps<'_>) -> Advice {
    let then = then.iter().map(|step| filled(step, gaps));
    Advice {
        now: steps.into_iter().chain(then).take(STEPS_MAX).collect(),
        users: Some(filled(users, gaps)).filter(|users| !users.is_empty()),
    }
}

/// How somebody sees whether it works.
fn try_it(incident: &Incident) -> String {
    match &incident.scope.shared {
        Some(shared) => format!("Have somebody try {} once", signing_in_by(shared)),
        None => "Sign in yourself once (aws sso login)".to_owned(),
    }
}

/// What needs no incident.
pub fn of_advised(region: &Region, advised: &Advised) -> Advice {
    let region = ("{region}", region.as_str());
    if let Some(Talking { who, quota, calls }) = &advised.talking {
        let (rate, quota) = ((quota / 2).to_string(), quota.to_string());
        let gaps = [
            region,
            ("{rate}", &rate),
            ("{quota}", &quota),
            ("{calls}", calls),
            ("{talker}", &one_line(&unlinked(who), 2 * SHOWN_NAME_MAX)),
        ];
        let steps: Vec<&str> = [SLOW_IT_DOWN].into_iter().chain(WHEN_THROTTLED).collect();
        return advice(Vec::new(), &steps, "", &gaps);
    }
    let steps: Vec<&str> = match advised.diagnosis {
        Diagnosis::Throttling => [SLOW_DOWN].into_iter().chain(WHEN_THROTTLED).collect(),
        Diagnosis::OneCaller => ONE_CALLER.to_vec(),
        Diagnosis::Blind => OUR_SIDE.to_vec(),
        Diagnosis::Late => TOO_LATE.to_vec(),
        Diagnosis::AwsHealth => AN_ISSUE.to_vec(),
        Diagnosis::Unbelieved => UNTRUSTED.to_vec(),
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::OneAccount => vec![WAY_IN, ASK_AWS, CHANGE_NOTHING],
        Diagnosis::Isolated | Diagnosis::Transient | Diagnosis::Quiet => vec!["Nothing."],
    };
    advice(Vec::new(), &steps, "", &[region])
}

const CHECK_THE_WAY: &str =
    "Check your own network first (DNS, proxy, firewall, VPC endpoint): most calls got no answer.";

const TRY_IT: &str = "{try it}: no probe confirms it.";

const TRY_WHAT_FAILS: &str = "{try it}: the probe works, so it cannot show this failure.";

pub(crate) const WAY_IN: &str = "For urgent work use your break-glass access, or the access portal of another region if Identity Center is \
                      replicated there.";

const ASK_AWS: &str = "Check {region} at https://health.aws.amazon.com/health/status, and open an AWS Support case with the \
                       ids of failed requests.";

const CHANGE_NOTHING: &str =
    "Pause scripts that retry sign-in. Do not change Identity Center settings or end sessions.";

const KEY_OWNER: &str = "Use your break-glass access (an IAM user or role), in the account that owns the key.";

const BREAK_GLASS: &str = "For urgent work use your break-glass access (an IAM user or role outside Identity Center).";

const OUR_POLICY: [&str; 4] = [
    "Check what refuses with {name}: the application's assignments, service control policies, and the IAM policies of the \
     affected callers.",
    "Find the change in CloudTrail, shortly before the first failure: events of sso.amazonaws.com in {region}, and of \
     organizations.amazonaws.com and iam.amazonaws.com in us-east-1. Undo it.",
    BREAK_GLASS,
    "If nobody changed anything, open an AWS Support case with the ids of failed requests.",
];

const IN_A_SURGE: [&str; 4] = [
    "Sign in yourself once (aws sso login). If you get {name} too, it is probably a bad deployment of the service.",
    "If you rolled out a tool, a start URL or a proxy today, roll that back first.",
    "Do not register clients again or delete caches: registrations are limited to 20 a second for each address.",
    ASK_AWS,
];

const WHOSE_TOOL: &str = "Ask who runs {shared}: it is refused with {name}. If nobody knows it, show the affected callers to your \
                          security team.";

const ONE_TOOL: [&str; 2] = [
    "Roll {shared} back to the version before, or have its users switch to another tool (aws sso login, the access portal).",
    "Report it to the tool's maker with the code and the ids of failed requests.",
];

const NO_CASE: &str = "Open no AWS Support case yet: callers with other tools are served.";

const CLOSE_THE_CASE: &str =
    "If you opened an AWS Support case or notified all users, correct that: callers with other tools are served.";

const ONE_NETWORK: [&str; 3] = [
    "Check proxy, firewall, DNS and VPC endpoint of {shared}. Callers elsewhere are served.",
    "Find out what changed there shortly before the first failure, and undo it.",
    "For urgent work use another network.",
];

const ONE_APPLICATION: [&str; 3] = [
    "Check {shared} in Identity Center: its assignments, grants, trusted token issuers and its role. Other applications are \
     served.",
    "Find the change in CloudTrail: events of sso.amazonaws.com that name the application, shortly before the first \
     failure. Undo it.",
    "Report it to the application's owners with the code and the ids of failed requests.",
];

const ONE_TOOL_FAILS: &str = "{signing in} is failing. Please use another tool, or the access portal in a browser.";

const ONE_NETWORK_FAILS: &str = "{signing in} is failing. Please use another network if you can. We are looking \
                                 into it.";

const ONE_ACCOUNT: [&str; 3] = [
    "Check what {shared} has of its own: its VPC endpoints and DNS, its policies (SCP, role), its applications in Identity \
     Center. Callers of other accounts are served.",
    "Find the change in that account's CloudTrail, shortly before the first failure. Undo it.",
    "Tell the owner of {shared}.",
];

const ONE_APPLICATION_FAILS: &str =
    "{signing in} is failing. Other ways to sign in to AWS work. We are looking into it.";

const ONE_ACCOUNT_FAILS: &str =
    "{signing in} is failing. Signing in from other accounts works. We are looking into it.";

const PART_WORKS_AGAIN: &str = "{signing in} works again. If it failed for you, sign in again.";

const PART_SHOULD_WORK_AGAIN: &str =
    "{signing in} should work again. If it failed for you, please sign in once more, and report it if that fails.";

const SIGNING_IN: &str = "signing in to AWS (aws sso login and tools that use it)";

const START_AGAIN: &str = "Restart what you stopped, a few at a time: all at once may be throttled.";

const BEGINS_TO_WORK: &str = "{signing in} is starting to work again in {region}. If it failed for you, please try once more. If that \
                              fails, wait 15 minutes before the next try.";

const SLOW_IT_DOWN: &str = "Slow {talker} down to {rate} calls a second (half of the published quota of {quota} a second for \
                            {calls}), with a random wait that doubles after each refusal.";

const SLOW_DOWN: &str = "Slow the tool down to half of the quota: 10 RegisterClient calls a second from an address, 40 \
                         CreateToken and StartDeviceAuthorization calls a second of a client, 40 CreateTokenWithIAM calls \
                         a second of an application; with a random wait that doubles after each refusal.";

const WHEN_THROTTLED: [&str; 3] = [
    "Find who runs it: often one script loops over accounts or starts many processes at once.",
    "Have it sign in once and share the token: SDKs and AWS CLI keep it in ~/.aws/sso/cache. A registration is valid for 90 \
     days, a token for an hour at least.",
    "While it polls for a device code, it must wait for the interval that it was given, and 5 s longer after each SlowDown.",
];

const ONE_CALLER: [&str; 3] = [
    "Have that caller delete its cached registration and token (~/.aws/sso/cache for AWS CLI and SDKs) and sign in again. A \
     registration ends after 90 days.",
    "Check what only this caller sends: region and start URL of its profile, tool version, scopes, grant types. AWS \
     answers 500 if one registration asks for both device_code and authorization_code.",
    "Check in Identity Center in {region} whether this user is enabled and still has its assignments.",
];

const OUR_SIDE: [&str; 3] = [
    "Check the function's network: route to a NAT gateway, security groups (443 out), VPC endpoint policies, DNS for \
     oidc.{region}.amazonaws.com and sts.{region}.amazonaws.com.",
    "If you changed nothing, check {region} at https://health.aws.amazon.com/health/status: the region's network may be \
     cut off.",
    "Until then nothing is probed. Failures from CloudTrail and logs still count.",
];

const TOO_LATE: [&str; 2] = [
    "Ask whether people can sign in now.",
    "Find out why the events came late: a stopped queue, a replayed archive, a throttled function, a slow trail.",
];

const AN_ISSUE: [&str; 2] = [
    "Read the issue at https://health.aws.amazon.com/health/home. No failed call was seen here so far.",
    "If people cannot sign in all the same, check that their failures reach this function (trail, log subscription).",
];

const UNTRUSTED: [&str; 2] = [
    "If you know the source, or sign in to that region, set what the reasons below name. Until then its failures page \
     nobody, and its served calls end no incident.",
    "If you do not know it, somebody may be forging events: check who may write to that log group, bus or queue.",
];

const SERVICE_FAILS: &str = "Signing in to AWS (aws sso login and tools that use it) is failing in {region}: AWS's sign-in \
                             service answers with errors. You do not need to change anything. Open sessions keep working until \
                             they expire, so please do not sign out. Please try again in 15 minutes.";

const CAUSE_UNKNOWN: &str = "Signing in to AWS (aws sso login and tools that use it) is failing in {region}. We are \
                             finding out why. Please change nothing on your side. Open sessions keep working until they \
                             expire, so please do not sign out. Please try again in 15 minutes.";

const SOME_FAIL: &str = "Signing in to AWS (aws sso login and tools that use it) is failing in {region} for some of us. \
                         Please change nothing on your side and do not sign out: open sessions keep working until they \
                         expire. If you cannot sign in, try again after a minute, then in 15 minutes.";

const OUR_OWN: &str = "Signing in to AWS (aws sso login and tools that use it) is being refused in {region} because of a \
                       setting of our own. We are fixing it. Please change nothing on your side and do not sign out: open \
                       sessions keep working until they expire.";

const LOOKS_LIKE_A_MISTAKE: &str = "Signing in to AWS (aws sso login and tools that use it) is being refused in {region} with an error \
                                    that looks like your own mistake. It probably is not. Please do not delete caches, set up \
                                    your tools again or sign out. Please try again in 15 minutes.";

const WORKS_AGAIN: &str = "Signing in to AWS (aws sso login and tools that use it) works again in {region}. If it failed for you, \
                           sign in again. You do not need to set anything up.";

const SHOULD_WORK_AGAIN: &str = "Signing in to AWS (aws sso login and tools that use it) should work again in {region}. If it \
                                 failed for you, please sign in once more, and report it if that fails.";

#[cfg(test)]
mod tests {
    use triage_decide::evidence::mark::Quota;

    use super::*;

    #[test]
    fn a_tool_is_to_slow_down_to_half_of_each_quota() {
        let text = SLOW_DOWN;
        for (quota, call) in [
            (Quota::Registration, "RegisterClient"),
            (Quota::Device, "CreateToken"),
            (Quota::Iam, "CreateTokenWithIAM"),
        ] {
            assert!(text.contains(&format!("{} {call} ", quota.per_second() / 2)), "{quota:?}");
        }
        assert!(
            IN_A_SURGE.join(" ").contains(&format!("{} a second for each address", Quota::Registration.per_second()))
        );
    }
}
