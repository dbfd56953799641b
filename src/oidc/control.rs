//! Whether it is us or the service that has no connection.
//!
//! In: a region whose service did not answer. Out: a [`Control`]: whether the same service answers in another region of
//! the partition. Where it does, our own side works, and the silence is the region's.

use std::time::Instant;

use aws_sdk_ssooidc::operation::RequestId;
use serde::{Deserialize, Serialize};

use super::clients::Clients;
use super::stranger;
use crate::region::{KnownRegions, Region};

/// What another region answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub region: Region,
    /// AWS itself answered, whatever it said: our side can connect.
    pub works: bool,
}

/// Asks the region's control. None in a partition of one region.
pub async fn ask(clients: &Clients, region: &Region, deadline: Instant) -> Option<Control> {
    let control = control_region(region)?;
    let works = match stranger::ask(&clients.of(&control), &control, deadline).await {
        // A proxy's page may read as a success, so only AWS's own request id shows who it was.
        Ok(output) => output.request_id().is_some(),
        Err(fault) => fault.request_id.is_some() || stranger::is_refused(&fault),
    };
    Some(Control { region: control, works })
}

/// By the beginning of a region's name two regions of its partition, of which the first that is another one is asked.
/// The empty beginning is last: every other region is of the partition `aws`.
const PARTITIONS: &[(&str, Option<[&str; 2]>)] = &[
    ("cn-", Some(["cn-north-1", "cn-northwest-1"])),
    ("us-gov-", Some(["us-gov-west-1", "us-gov-east-1"])),
    ("us-iso-", Some(["us-iso-east-1", "us-iso-west-1"])),
    ("us-isob-", Some(["us-isob-east-1", "us-isob-west-1"])),
    ("us-isof-", Some(["us-isof-east-1", "us-isof-south-1"])),
    ("eu-isoe-", None),
    ("eusc-", None),
    ("", Some(["us-east-1", "us-west-2"])),
];

pub fn control_region(region: &Region) -> Option<Region> {
    let (_, pair) = PARTITIONS.iter().find(|(begin, _)| region.as_str().starts_with(begin))?;
    let other = (*pair)?.into_iter().find(|name| *name != region.as_str())?;
    KnownRegions::default().find(other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::oidc::stub::{Reply, Stub, region};

    #[test]
    fn the_control_is_another_region_of_the_same_partition() {
        let table = [
            ("us-east-1", Some("us-west-2")),
            ("us-west-2", Some("us-east-1")),
            ("eu-central-1", Some("us-east-1")),
            ("cn-north-1", Some("cn-northwest-1")),
            ("cn-northwest-1", Some("cn-north-1")),
            ("us-gov-east-1", Some("us-gov-west-1")),
            ("us-gov-west-1", Some("us-gov-east-1")),
            ("us-iso-east-1", Some("us-iso-west-1")),
            ("us-isob-west-1", Some("us-isob-east-1")),
            ("us-isof-south-1", Some("us-isof-east-1")),
            ("eu-isoe-west-1", None),
            ("eusc-de-east-1", None),
        ];
        for (name, control) in table {
            assert_eq!(control_region(&region(name)), control.map(region), "{name}");
        }
        let newer = KnownRegions::with(["sa-west-1"]).find("sa-west-1").unwrap();
        assert_eq!(control_region(&newer), Some(region("us-east-1")));
    }

    #[test]
    fn every_region_that_is_named_as_a_control_is_a_real_one() {
        for name in PARTITIONS.iter().filter_map(|(_, pair)| *pair).flatten() {
            assert!(KnownRegions::default().find(name).is_some(), "{name}");
        }
    }

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
            let stub = Stub::serve([reply]);
            let deadline = Instant::now() + Duration::from_secs(30);
            let control = ask(&stub.clients(), &region("eu-central-1"), deadline).await.unwrap();
            assert_eq!(control, Control { region: region("us-east-1"), works }, "{shown}");
            let asked = stub.requests()[0].json()["clientId"].as_str().unwrap().to_owned();
            assert_eq!(asked, stranger::client_id(&region("us-east-1")));
        }
    }
}
