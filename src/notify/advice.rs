//! What to do, as data: the texts of notices that do not depend on numbers.

use crate::diagnose::Diagnosis;

/// What a notice tells its reader to do.
pub struct Advice {
    /// For the on-call, in the order to be done.
    pub now: &'static [&'static str],
    /// A paragraph to pass on to users. `{region}` is replaced.
    pub users: &'static str,
}

pub const fn advice(diagnosis: Diagnosis) -> &'static Advice {
    match diagnosis {
        Diagnosis::Outage => &OUTAGE,
        Diagnosis::Transient => &TRANSIENT,
        Diagnosis::Isolated | Diagnosis::Quiet => &NOTHING,
    }
}

const OUTAGE: Advice = Advice {
    now: &[
        "Look at https://health.aws.amazon.com/health/status for the region, and open a case with AWS Support that \
         names the request ids below.",
        "Do not sign users out and do not restart clients: sessions and role credentials that exist go on working \
         until they expire, new sign-ins are what fails.",
        "Who must get in now uses the break-glass access (an IAM user or role outside Identity Center).",
        "Stop scripts that sign in in a loop: their retries feed the trouble.",
        "Change nothing in Identity Center while this lasts: nothing here points at your configuration.",
    ],
    users: "Signing in to AWS (aws sso login, the access portal, tools that use them) fails at the moment in {region} \
            because of a fault on the side of AWS. You have done nothing wrong and need to change nothing. Sessions \
            that are open go on working: please do not sign out. Please try again in a quarter of an hour rather than \
            over and over.",
};

const TRANSIENT: Advice = Advice {
    now: &["Wait: the service answers as it should now. Callers whose SDK does not retry should sign in again."],
    users: "Signing in to AWS failed for a moment in {region}. It works again: please try once more.",
};

const NOTHING: Advice = Advice { now: &["Nothing."], users: "" };
