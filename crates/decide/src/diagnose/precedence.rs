//! Everything that holds of a region, in the order of precedence.
//!
//! In: the [`Facts`]. Out: [`Finding`]s, of which the first is the diagnosis and the others are further reasons; where
//! nothing is wrong it is [`Diagnosis::Quiet`]. Each table row of the design is one function of a sibling.

use crate::diagnose::advise;
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::Finding;
use crate::diagnose::refused;
use crate::diagnose::service;
use crate::verdict::Diagnosis;

/// The first that holds, and the others.
pub fn findings(facts: &Facts<'_>) -> (Finding, Vec<Finding>) {
    let service = service::finding(facts);
    let of_service = service.is_some();
    let mut findings: Vec<Finding> = service.into_iter().collect();
    findings.extend(refused::misconfigured(facts));
    findings.extend(refused::suspected(facts));
    findings.extend(advise::throttling(facts));
    findings.extend(advise::one_caller(facts));
    findings.extend(advise::blind(facts));
    findings.extend(advise::aws_health(facts));
    let rest = service::rest(facts);
    if findings.is_empty() {
        return (rest, findings);
    }
    if !of_service && rest.diagnosis != Diagnosis::Quiet {
        findings.push(rest);
    }
    let first = findings.remove(0);
    (first, findings)
}
