//! AWS's partitions: which names, hosts and ARNs belong together.
//!
//! In: a region's name. Out: its [`Partition`], as data. One table, because partitions differ in DNS suffixes, consoles
//! and ARNs.

use crate::region::{KnownRegions, Region};

/// A group of regions with its own accounts, hosts and ARNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// As ARNs spell it, such as `aws-us-gov`.
    pub id: &'static str,
    /// What the names of its regions begin with. Empty for `aws`, which takes every other name.
    prefix: &'static str,
    /// What service hosts end in: `oidc.<region>.<dns_suffix>`.
    pub dns_suffix: &'static str,
    /// What dual-stack hosts end in.
    pub dual_stack_suffix: &'static str,
    /// What the console's host ends in, behind the region; None where AWS does not publish it.
    pub console: Option<&'static str>,
    /// Two regions. The one that is not being checked can show that our own side has a connection.
    controls: Option<[&'static str; 2]>,
}

/// Every partition, from the SDKs' partition file (November 2026). The one without a prefix is last: it takes the rest.
const PARTITIONS: &[Partition] = &[
    Partition {
        id: "aws-cn",
        prefix: "cn-",
        dns_suffix: "amazonaws.com.cn",
        dual_stack_suffix: "api.amazonwebservices.com.cn",
        console: Some("console.amazonaws.cn"),
        controls: Some(["cn-north-1", "cn-northwest-1"]),
    },
    Partition {
        id: "aws-us-gov",
        prefix: "us-gov-",
        dns_suffix: "amazonaws.com",
        dual_stack_suffix: "api.aws",
        console: Some("console.amazonaws-us-gov.com"),
        controls: Some(["us-gov-west-1", "us-gov-east-1"]),
    },
    Partition {
        id: "aws-iso",
        prefix: "us-iso-",
        dns_suffix: "c2s.ic.gov",
        dual_stack_suffix: "api.aws.ic.gov",
        console: None,
        controls: Some(["us-iso-east-1", "us-iso-west-1"]),
    },
    Partition {
        id: "aws-iso-b",
        prefix: "us-isob-",
        dns_suffix: "sc2s.sgov.gov",
        dual_stack_suffix: "api.aws.scloud",
        console: None,
        controls: Some(["us-isob-east-1", "us-isob-west-1"]),
    },
    Partition {
        id: "aws-iso-e",
        prefix: "eu-isoe-",
        dns_suffix: "cloud.adc-e.uk",
        dual_stack_suffix: "api.cloud-aws.adc-e.uk",
        console: None,
        controls: None,
    },
    Partition {
        id: "aws-iso-f",
        prefix: "us-isof-",
        dns_suffix: "csp.hci.ic.gov",
        dual_stack_suffix: "api.aws.hci.ic.gov",
        console: None,
        controls: Some(["us-isof-east-1", "us-isof-south-1"]),
    },
    Partition {
        id: "aws-eusc",
        prefix: "eusc-",
        dns_suffix: "amazonaws.eu",
        dual_stack_suffix: "api.amazonwebservices.eu",
        console: Some("console.amazonaws-eusc.eu"),
        controls: None,
    },
    Partition {
        id: "aws",
        prefix: "",
        dns_suffix: "amazonaws.com",
        dual_stack_suffix: "api.aws",
        console: Some("console.aws.amazon.com"),
        controls: Some(["us-east-1", "us-west-2"]),
    },
];

impl Partition {
    /// The partition of a region, by the beginning of its name.
    pub fn of(region: &str) -> &'static Self {
        let [.., rest] = PARTITIONS else { unreachable!("the table is not empty") };
        PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix)).unwrap_or(rest)
    }

    /// Another region of the same partition; None where it has only one.
    pub fn control(region: &Region) -> Option<Region> {
        let other = Self::of(region.as_str()).controls?.into_iter().find(|name| *name != region.as_str())?;
        KnownRegions::default().find(other)
    }
}

/// The host of SSO OIDC in a region.
pub fn oidc_host(region: &str) -> String {
    format!("oidc.{region}.{}", Partition::of(region).dns_suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_s_name_tells_its_partition_and_hosts() {
        for (region, id, host) in [
            ("eu-central-1", "aws", "oidc.eu-central-1.amazonaws.com"),
            ("sa-west-1", "aws", "oidc.sa-west-1.amazonaws.com"),
            ("cn-north-1", "aws-cn", "oidc.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "oidc.us-gov-west-1.amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "oidc.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "oidc.us-isob-east-1.sc2s.sgov.gov"),
            ("us-isof-south-1", "aws-iso-f", "oidc.us-isof-south-1.csp.hci.ic.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "oidc.eu-isoe-west-1.cloud.adc-e.uk"),
            ("eusc-de-east-1", "aws-eusc", "oidc.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!((Partition::of(region).id, oidc_host(region).as_str()), (id, host));
        }
    }

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
        let known = KnownRegions::default();
        for (name, control) in table {
            let control = control.map(|name| known.find(name).unwrap());
            assert_eq!(Partition::control(&known.find(name).unwrap()), control, "{name}");
        }
        let newer = KnownRegions::with(["sa-west-1"]).find("sa-west-1").unwrap();
        assert_eq!(Partition::control(&newer), known.find("us-east-1"));
    }

    #[test]
    fn every_region_that_is_named_as_a_control_is_a_real_one_of_that_partition() {
        for partition in PARTITIONS {
            for name in partition.controls.into_iter().flatten() {
                assert!(KnownRegions::default().find(name).is_some(), "{name}");
                assert_eq!(Partition::of(name), partition, "{name}");
            }
        }
    }
}
