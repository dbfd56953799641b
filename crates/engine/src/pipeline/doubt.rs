//! An untrusted source sent something.
//!
//! In: the problem in an invocation's answer. Out: an advice notice to the operators, for all sources together and once
//! a day, so that no stack ignores a source in silence and forgeries flood nobody. It belongs to the region that the
//! settings name.

use triage_decide::policy::Policy;
use triage_decide::verdict::{Advised, Diagnosis};
use triage_model::problem::ProblemName;

use super::case::{Case, Work};
use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::Store;
use crate::unnamed::unnamed;

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// Has the region of the notice evaluated, if there is a notice.
    pub(super) fn doubt(&self, work: &mut Work, case: &mut Case) {
        let draft = &mut case.draft;
        let detail = draft.problems.detail(ProblemName::SourceNotBelieved);
        let hides_names = self.settings.hides_names();
        draft.doubt = detail.map(|detail| if hides_names { unnamed(detail).into_owned() } else { detail.to_owned() });
        if draft.doubt.is_some() {
            work.evaluate.insert(self.settings.region.clone());
        }
    }
}

/// One key for all of them: a forger chooses the detail.
pub fn advice(detail: &str, policy: &Policy) -> Advised {
    Advised {
        diagnosis: Diagnosis::Unbelieved,
        key: "unbelieved".to_owned(),
        quiet_for: policy.advice_quiet,
        reasons: vec![detail.to_owned()],
        talking: None,
    }
}
