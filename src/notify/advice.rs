//! What to do, as data: the texts of notices that do not depend on numbers.
//!
//! In: a verdict. Out: what its reader should do, and what users may be told. Nothing is promised that the evidence
//! does not show: whose fault it is, is said only where the service itself says that it fails.

use crate::diagnose::{Diagnosis, Verdict};

/// What a notice tells its reader to do. `{region}` stands for the region.
#[derive(Debug, PartialEq)]
pub struct Advice {
    /// For the on-call, in the order to be done.
    pub now: Vec<&'static str>,
    /// A paragraph to pass on to users.
    pub users: &'static str,
}

pub fn advice(verdict: &Verdict) -> Advice {
    match verdict.diagnosis {
        Diagnosis::Outage => outage(verdict),
        // Never told.
        Diagnosis::Transient | Diagnosis::Isolated | Diagnosis::Quiet => Advice { now: vec!["Nothing."], users: "" },
    }
}

fn outage(verdict: &Verdict) -> Advice {
    let confirmed = verdict.is_confirmed();
    let mut now = Vec::new();
    if !confirmed && verdict.is_of_the_way() {
        now.push(CHECK_THE_WAY);
    }
    if !confirmed {
        now.push(TRY_IT);
    }
    now.extend(IN_AN_OUTAGE);
    Advice { now, users: if confirmed { SERVICE_FAILS } else { CAUSE_UNKNOWN } }
}

const CHECK_THE_WAY: &str = "Check your own way to the service first (DNS, proxy, firewall, VPC endpoint): most of these \
                             calls got no answer at all, and that need not be AWS.";

const TRY_IT: &str = "Sign in yourself, once (aws sso login, with Identity Center in {region}): no probe confirms the \
                      outage.";

const IN_AN_OUTAGE: [&str; 5] = [
    "Look for {region} at https://health.aws.amazon.com/health/status, and open a case with AWS Support that names the \
     request ids below.",
    "Who must get in now uses the break-glass access (an IAM user or role outside Identity Center).",
    "Do not sign users out and do not restart clients: sessions and role credentials that exist go on working until \
     they expire; new sign-ins and renewals are what fails.",
    "Stop scripts that sign in in a loop: their retries feed the trouble.",
    "Leave the settings of Identity Center as they are: errors of this kind do not come from them.",
];

const SERVICE_FAILS: &str = "Signing in to AWS (aws sso login, and tools that use it) fails at the moment in {region}, for \
                             some of us or for all: AWS's sign-in service answers with errors. There is nothing that \
                             you need to change. Sessions that are open go on working until they expire, so please do \
                             not sign out. Please try again in a quarter of an hour rather than over and over.";

const CAUSE_UNKNOWN: &str = "Signing in to AWS (aws sso login, and tools that use it) fails at the moment in {region}, for \
                             some of us or for all. We are finding out why. Please change nothing on your side. \
                             Sessions that are open go on working until they expire, so please do not sign out. Please \
                             try again in a quarter of an hour rather than over and over.";
