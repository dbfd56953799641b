//! Whether it is us or the service that has no connection.
//!
//! In: a region whose service did not answer. Out: a [`Control`]: whether the same service answers in another region of
//! the partition. If it does, our own side works, and only the region is silent.

use std::time::Instant;

use aws_sdk_ssooidc::operation::RequestId;
use triage_decide::probe::Control;
use triage_model::partition::Partition;
use triage_model::region::Region;

use crate::oidc::clients::Clients;
use crate::oidc::stranger;

/// Asks the region's control. None in a partition of one region.
pub async fn ask(clients: &Clients, region: &Region, deadline: Instant) -> Option<Control> {
    let control = Partition::control(region)?;
    let works = match stranger::ask_for_a_token(&clients.of(&control), &control, deadline).await {
        // A proxy's page may look like a success, so only AWS's own request id shows who answered.
        Ok(output) => output.request_id().is_some(),
        Err(fault) => fault.request_id.is_some() || stranger::is_refused(&fault),
    };
    Some(Control { region: control, works })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::oidc::fake::{FakeOidc, Reply, region};

    #[tokio::test]
    async fn whatever_aws_itself_answers_shows_that_we_can_connect() {
        let table = [
            (Reply::stranger(), true),
            (Reply::stranger().without_request_id(), true),
            (Reply::internal_server_error(), true),
            (Reply::json(429, "{}"), true),
            (Reply::token(), true),
            (Reply::internal_server_error().without_request_id(), false),
            (Reply::json(403, "<html>").without_request_id(), false),
            (Reply::json(200, "{}").without_request_id(), false),
            (Reply::json(200, "<html>").without_request_id(), false),
            (Reply::hang_up(), false),
        ];
        for (reply, works) in table {
            let shown = format!("{reply:?}");
            let oidc = FakeOidc::answering([reply]);
            let deadline = Instant::now() + Duration::from_secs(30);
            let control = ask(&oidc.clients(), &region("eu-central-1"), deadline).await.unwrap();
            assert_eq!(control, Control { region: region("us-east-1"), works }, "{shown}");
            let asked = oidc.requests()[0].json()["clientId"].as_str().unwrap().to_owned();
            assert_eq!(asked, stranger::client_id(&region("us-east-1")));
        }
    }
}
