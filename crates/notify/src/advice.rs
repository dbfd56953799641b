//! What to do, as data: the texts of notices that do not depend on numbers.
//!
//! In: what is told of. Out: what its reader should do, and what users may be told. Nothing is promised that the evidence
//! does not show: whose fault it is, is said only where the service itself says that it fails.

use triage_decide::concern::Concern;
use triage_decide::ledger::Incident;
use triage_decide::verdict::{Advised, Diagnosis, Talking, Verdict};
use triage_model::redact::{SHOWN_NAME_MAX, one_line, unlinked};
use triage_model::region::Region;

use crate::notice::Advice;
use crate::words::{capitalized, concern_name, of_shared, signing_in_by};

/// Texts with gaps: `{region}`; `{name}` for the code or reason that an incident is about; `{shared}`
/// for the tool, network or application that it is of, `{signing in}` and `{try it}` for what that means; `{talker}`, `{rate}`, `{calls}` and `{quota}` for a tool that makes too
/// many calls.
struct Texts {
    now: Vec<&'static str>,
    users: &'static str,
}

impl Texts {
    fn filled(&self, gaps: &[(&str, &str)]) -> Advice {
        let fill = |text: &str| filled(text, gaps);
        Advice {
            now: self.now.iter().map(|step| fill(step)).collect(),
            users: Some(fill(self.users)).filter(|users| !users.is_empty()),
        }
    }
}

/// What goes into a gap may be text of others: no gap of theirs is filled.
fn filled(text: &str, gaps: &[(&str, &str)]) -> String {
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
    let confirmed = verdict.is_confirmed();
    let mut now = Vec::new();
    let users = match incident.diagnosis {
        Diagnosis::Misconfigured => {
            now.extend(if is_of_a_key(&incident.concern) { OUR_KEY } else { OUR_POLICY });
            OUR_OWN
        }
        Diagnosis::Suspected => {
            now.extend(IN_A_SURGE);
            LOOKS_LIKE_A_MISTAKE
        }
        Diagnosis::OneTool => {
            match incident.concern {
                Concern::Service | Concern::Admin { .. } => now.extend(ONE_TOOL),
                Concern::Request { .. } => now.extend([WHOSE_TOOL].into_iter().chain(ONE_TOOL)),
            }
            ONE_TOOL_FAILS
        }
        Diagnosis::OneNetwork => {
            now.extend(ONE_NETWORK);
            ONE_NETWORK_FAILS
        }
        Diagnosis::OneApplication => {
            now.extend(ONE_APPLICATION);
            ONE_APPLICATION_FAILS
        }
        Diagnosis::Outage => {
            now.extend(CHECK_THE_WAY.filter(|_| !confirmed && verdict.is_mostly_unanswered()));
            now.extend(TRY_IT.filter(|_| !confirmed));
            now.extend(IN_AN_OUTAGE);
            if confirmed { SERVICE_FAILS } else { CAUSE_UNKNOWN }
        }
        // Of the others there are no incidents.
        Diagnosis::Degraded
        | Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Unbelieved
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => {
            now.extend(CHECK_THE_WAY.filter(|_| !confirmed && verdict.is_mostly_unanswered()));
            now.extend(TRY_IT.filter(|_| !confirmed));
            now.push(TRY_AGAIN);
            now.extend(IN_AN_OUTAGE);
            SOME_FAIL
        }
    };
    filled_for(incident, &Texts { now, users })
}

/// While calls are served again, and the end is not proved yet.
pub fn of_recovering(incident: &Incident) -> Advice {
    let now = vec!["{try it}, to see whether it works.", WAIT_FOR_THE_END, START_AGAIN];
    filled_for(incident, &Texts { now, users: BEGINS_TO_WORK })
}

/// While nobody calls. What users would be told is not known.
pub fn of_silence(incident: &Incident) -> Advice {
    let now = vec!["{try it}: while nobody calls, nothing else shows whether it works.", WAIT_FOR_THE_END];
    filled_for(incident, &Texts { now, users: "" })
}

/// When an incident is over.
pub fn of_recovery(incident: &Incident, proved: bool) -> Advice {
    let mut now = Vec::new();
    if !proved {
        now.push(TRY_BEFORE_THE_END);
    }
    let is_shared = incident.scope.shared.is_some();
    match incident.concern {
        Concern::Admin { .. } => now.extend(AFTER_A_SETTING),
        Concern::Service | Concern::Request { .. } if is_shared => now.extend(AFTER_A_PART),
        Concern::Service | Concern::Request { .. } => now.extend(AFTER_AN_OUTAGE),
    }
    now.push("If it returns soon, you are told of it as reopened, under the same incident.");
    let users = match (is_shared, proved) {
        (false, true) => WORKS_AGAIN,
        (false, false) => SHOULD_WORK_AGAIN,
        (true, true) => PART_WORKS_AGAIN,
        (true, false) => PART_SHOULD_WORK_AGAIN,
    };
    filled_for(incident, &Texts { now, users })
}

fn filled_for(incident: &Incident, texts: &Texts) -> Advice {
    let name = concern_name(&incident.concern).unwrap_or_else(|| "an error".to_owned());
    let shared = incident.scope.shared.as_ref();
    let gaps = [
        ("{region}", incident.region.as_str()),
        ("{name}", &name),
        ("{shared}", &shared.map_or_else(|| "what fails".to_owned(), of_shared)),
        ("{signing in}", &capitalized(&shared.map_or_else(|| SIGNING_IN.to_owned(), signing_in_by))),
        ("{try it}", &try_it(incident)),
    ];
    texts.filled(&gaps)
}

/// How somebody sees whether it works.
fn try_it(incident: &Incident) -> String {
    match &incident.scope.shared {
        Some(shared) => format!("Have somebody try {}, once", signing_in_by(shared)),
        None => format!("Sign in yourself, once (aws sso login, with Identity Center in {})", incident.region),
    }
}

/// What needs no incident.
pub fn of_advised(region: &Region, advised: &Advised) -> Advice {
    let region = ("{region}", region.as_str());
    if let Some(Talking { who, quota, calls }) = &advised.talking {
        let now = [SLOW_IT_DOWN].into_iter().chain(WHOEVER_IS_THROTTLED).collect();
        let (rate, quota) = ((quota / 2).to_string(), quota.to_string());
        let gaps = [
            region,
            ("{rate}", &rate),
            ("{quota}", &quota),
            ("{calls}", calls),
            ("{talker}", &one_line(&unlinked(who), 2 * SHOWN_NAME_MAX)),
        ];
        return Texts { now, users: "" }.filled(&gaps);
    }
    let now = match advised.diagnosis {
        Diagnosis::Throttling => [SLOW_DOWN].into_iter().chain(WHOEVER_IS_THROTTLED).collect(),
        Diagnosis::OneCaller => ONE_CALLER.to_vec(),
        Diagnosis::Blind => OUR_SIDE.to_vec(),
        Diagnosis::Late => TOO_LATE.to_vec(),
        Diagnosis::AwsHealth => AN_ISSUE.to_vec(),
        Diagnosis::Unbelieved => NOT_BELIEVED.to_vec(),
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication => IN_AN_OUTAGE.to_vec(),
        Diagnosis::Isolated | Diagnosis::Transient | Diagnosis::Quiet => vec!["Nothing."],
    };
    Texts { now, users: "" }.filled(&[region])
}

/// Whether it is a KMS key that refuses.
const fn is_of_a_key(concern: &Concern) -> bool {
    match concern {
        Concern::Admin { key, .. } => *key,
        Concern::Service | Concern::Request { .. } => false,
    }
}

const CHECK_THE_WAY: Option<&str> = Some(
    "Check your own way to the service first (DNS, proxy, firewall, VPC endpoint): most of these calls got no answer at \
     all, and that need not be AWS.",
);

const TRY_IT: Option<&str> = Some("{try it}: no probe confirms the outage.");

const TRY_AGAIN: &str = "Who fails may try again after a minute: some calls are served.";

const IN_AN_OUTAGE: [&str; 7] = [
    "Look for {region} at https://health.aws.amazon.com/health/status, and open a case with AWS Support that names the \
     request ids of failed calls.",
    "Who must get in now uses the access portal of another region, if your Identity Center is set up in several, else the \
     break-glass access (an IAM user or role outside Identity Center).",
    "Do not sign users out and do not restart clients: sessions and role credentials that exist go on working until \
     they expire; new sign-ins and renewals are what fails.",
    "Stop scripts that sign in in a loop: their retries feed the trouble.",
    "Leave the settings of Identity Center as they are: errors of this kind do not come from them.",
    "Then wait: you are told when it changes, each hour, and when its end is proved.",
    "Afterwards nobody needs to set up anything anew: whoever was stopped signs in once more.",
];

const OUR_KEY: [&str; 4] = [
    "Look at the KMS key that Identity Center in {region} is encrypted with; the service answers {name}. The key must \
     be there and enabled, not pending deletion (if it is, cancel that first), and its policy must let Identity Center \
     and its identity store use it.",
    "Find the change in CloudTrail: events of kms.amazonaws.com (DisableKey, ScheduleKeyDeletion, PutKeyPolicy, \
     RevokeGrant) shortly before the first failure. Undo it.",
    "Who must get in now uses the break-glass access (an IAM user or role outside Identity Center).",
    "Do not sign users out: sessions and role credentials that exist go on working until they expire.",
];

const OUR_POLICY: [&str; 4] = [
    "Look at what may refuse with {name}: the assignments of the application in Identity Center in {region}, service \
     control policies, and the IAM policies and permissions boundaries of the callers below.",
    "Find the change in CloudTrail: events of sso.amazonaws.com, organizations.amazonaws.com and iam.amazonaws.com \
     shortly before the first failure. Undo it.",
    "Who must get in now uses the break-glass access (an IAM user or role outside Identity Center).",
    "If nobody changed anything, open a case with AWS Support that names the request ids of failed calls.",
];

const IN_A_SURGE: [&str; 5] = [
    "Sign in yourself, once (aws sso login, with Identity Center in {region}). If you are refused with {name} too, it is \
     probably a bad deployment of the service: such outages were answered with errors that look like mistakes of the \
     callers.",
    "Ask what you rolled out yourselves: if all callers below have one tool and version, one start URL or one proxy in \
     common, take that back first.",
    "Do not register every client anew and do not delete everybody's caches: new registrations would be refused alike, \
     and there is a quota of 20 a second for an address.",
    "Look for {region} at https://health.aws.amazon.com/health/status, and open a case with AWS Support that names the \
     request ids of failed calls.",
    "Who must get in now uses the break-glass access (an IAM user or role outside Identity Center).",
];

const WHOSE_TOOL: &str = "Ask who runs {shared}: it is refused with {name}. If nobody knows it, somebody may be guessing at \
                          codes or credentials: show the callers below to your security team.";

const ONE_TOOL: [&str; 3] = [
    "Look at the last update of {shared}, and take it back where you can: callers with other tools are served.",
    "Who must get in now uses another tool or version (aws sso login, or the access portal in a browser).",
    "Tell whoever makes the tool, with the code and the request ids below. It is no case for AWS Support yet.",
];

const ONE_NETWORK: [&str; 3] = [
    "Look at the way out of {shared}: proxy, firewall, DNS, VPC endpoint. Callers elsewhere are served.",
    "Find out what changed there shortly before the first failure, and undo it.",
    "Who must get in now uses another network.",
];

const ONE_APPLICATION: [&str; 3] = [
    "Look at {shared} in Identity Center: its assignments, grants and trusted token issuers, and the role that it \
     signs in with. Other applications are served.",
    "Find the change in CloudTrail: events of sso.amazonaws.com that name the application, shortly before the first \
     failure. Undo it.",
    "Tell the application's owners, with the code and the request ids below.",
];

const ONE_TOOL_FAILS: &str = "{signing in} fails at the moment. Other tools work: please use one of them, or the access \
                              portal in a browser.";

const ONE_NETWORK_FAILS: &str = "{signing in} fails at the moment. It works from other networks: please use one of them, \
                                 if you can. We are looking into it.";

const ONE_APPLICATION_FAILS: &str = "{signing in} fails at the moment. We are looking into it. Other ways to sign in to \
                                     AWS work.";

const PART_WORKS_AGAIN: &str = "{signing in} works again. If you were stopped, just sign in once more.";

const PART_SHOULD_WORK_AGAIN: &str =
    "{signing in} should work again. If you were stopped, please sign in once more, and tell us if that fails.";

const SIGNING_IN: &str = "signing in to AWS (aws sso login, and tools that use it)";

const TRY_BEFORE_THE_END: &str = "{try it}, before you call it over.";

const WAIT_FOR_THE_END: &str = "Then wait: you are told when its end is proved.";

const START_AGAIN: &str = "Start again what was stopped, little by little: all at once may be throttled.";

const BEGINS_TO_WORK: &str = "{signing in} begins to work again in {region}. If you were stopped, please try once more. If \
                              that fails, try again in a quarter of an hour rather than over and over.";

const AFTER_A_PART: [&str; 1] = ["Find out what changed, so that it does not come back."];

const AFTER_AN_OUTAGE: [&str; 2] =
    [START_AGAIN, "Tell AWS Support, if you opened a case, from when to when it lasted."];

const AFTER_A_SETTING: [&str; 1] = ["Find out who or what changed the key or policy, lest it be changed again."];

const SLOW_IT_DOWN: &str = "Slow {talker} down to {rate} calls a second (half of the published quota of {quota} a second for \
                            {calls}), with a random wait that doubles after each refusal.";

const SLOW_DOWN: &str = "Slow the tool down to half of the quota: 10 RegisterClient calls a second from an address, 40 \
                         CreateToken and StartDeviceAuthorization calls a second of a client, 40 CreateTokenWithIAM calls \
                         a second of an application; with a random wait that doubles after each refusal.";

const WHOEVER_IS_THROTTLED: [&str; 3] = [
    "Find who runs the tool that is named above, from that address: often it is one script that loops over accounts or \
     starts many processes at once.",
    "Have it sign in once and share the token: the SDKs and the AWS CLI keep it in ~/.aws/sso/cache. A registration is \
     good for 90 days, and a token for an hour at least.",
    "While it polls for a device code, it must wait for the interval that it was given, and 5 s longer after each \
     SlowDown.",
];

const ONE_CALLER: [&str; 4] = [
    "Ask that caller to sign in anew: delete its cached registration and token (for the AWS CLI and the SDKs the files in \
     ~/.aws/sso/cache) and run aws sso login. A client's registration ends after 90 days.",
    "Check what only this caller sends: the region and start URL of its profile, its tool's version, its scopes and grant \
     types. A registration for both device_code and authorization_code was answered with a 500 each time.",
    "Check in Identity Center in {region} whether this user is enabled and still has its assignments.",
    "Others are served, so it is no outage. Its failures are left out of the decision until it is served.",
];

const OUR_SIDE: [&str; 3] = [
    "Check the function's own way out: subnets and their route to a NAT gateway, security groups (443 out), VPC endpoint \
     policies, and DNS for oidc.{region}.amazonaws.com and sts.{region}.amazonaws.com.",
    "If nothing of yours was changed, look for {region} at https://health.aws.amazon.com/health/status: the region's \
     network may be cut off.",
    "Until then nothing is probed. Failures that CloudTrail and the logs tell of are judged as ever.",
];

const TOO_LATE: [&str; 2] = [
    "Ask whether people can sign in now. What is told here is over an hour old, so that nothing was paged for it.",
    "Find out why it came so late: a queue that was stopped, an archive that was replayed, a function that was throttled, \
     a trail that lags.",
];

const AN_ISSUE: [&str; 2] = [
    "Read the issue at https://health.aws.amazon.com/health/home. No failure of your own callers goes with it so far: \
     there is nothing to be done.",
    "If people cannot sign in all the same, check that their failures reach this function (the trail, the log \
     subscription).",
];

const NOT_BELIEVED: [&str; 2] = [
    "If you know the source, or sign in to that region, set what is named under Why. Until then a failure that it alone tells of \
     pages nobody, and its served calls end no incident.",
    "If you do not know it, somebody may be forging events: find out who may write to that log group, put events on that bus or \
     send to that queue.",
];

const SERVICE_FAILS: &str = "Signing in to AWS (aws sso login, and tools that use it) fails at the moment in {region}, for \
                             some of us or for all: AWS's sign-in service answers with errors. There is nothing that \
                             you need to change. Sessions that are open go on working until they expire, so please do \
                             not sign out. Please try again in a quarter of an hour rather than over and over.";

const CAUSE_UNKNOWN: &str = "Signing in to AWS (aws sso login, and tools that use it) fails at the moment in {region}, for \
                             some of us or for all. We are finding out why. Please change nothing on your side. \
                             Sessions that are open go on working until they expire, so please do not sign out. Please \
                             try again in a quarter of an hour rather than over and over.";

const SOME_FAIL: &str = "Signing in to AWS (aws sso login, and tools that use it) fails at the moment in {region} for some \
                         of us. Please change nothing on your side, and do not sign out: sessions that are open go on \
                         working until they expire. If you cannot sign in, try again after a minute, and then in a \
                         quarter of an hour rather than over and over.";

const OUR_OWN: &str = "Signing in to AWS (aws sso login, and tools that use it) is refused at the moment in {region}, for \
                       some of us or for all, because of a setting of our own. We are putting it right. Please change \
                       nothing on your side, and do not sign out: sessions that are open go on working until they expire.";

const LOOKS_LIKE_A_MISTAKE: &str = "Signing in to AWS (aws sso login, and tools that use it) is refused at the moment in \
                                    {region} for many of us, with an error that looks like a mistake of yours. It \
                                    probably is none. Please do not delete caches or set your tools up anew, and do not \
                                    sign out. Please try again in a quarter of an hour rather than over and over.";

const WORKS_AGAIN: &str = "Signing in to AWS (aws sso login, and tools that use it) works again in {region}. If you were \
                           stopped, just sign in once more. Nothing needs to be set up anew.";

const SHOULD_WORK_AGAIN: &str = "Signing in to AWS (aws sso login, and tools that use it) should work again in {region}. \
                                 If you were stopped, please sign in once more, and tell us if that fails.";

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
            IN_A_SURGE.join(" ").contains(&format!("{} a second for an address", Quota::Registration.per_second()))
        );
    }
}
