//! The doctor's questions to AWS, all at once.
//!
//! In: the settings, and the ARN that was invoked. Out: the [`Facts`] that [`triage_engine::doctor`] makes checks of. A
//! neighbour that refuses, hangs or cannot be reached costs its own check and no other.

mod ask;
mod channels;
mod logs;
mod metrics;
mod organization;
mod rules;
mod table;
mod trails;

use std::sync::PoisonError;

use aws_config::SdkConfig;
use futures_util::future::{OptionFuture, join, join_all, join3, join4, join5};
use triage_decide::policy::Policy;
use triage_decide::silence::Silence;
use triage_decide::view::StoreError;
use triage_engine::doctor::facts::{Facts, Ourselves, Probe};
use triage_engine::handled::Invocation;
use triage_engine::publish::Destination;
use triage_engine::status_page::Written;
use triage_model::region::Region;

use self::ask::Ask;
use crate::config::Config;
use crate::publish::topic_client;
use triage_aws::http::Http;

/// The qualifier of services, in `arn:aws:lambda:<region>:<account>:function:<name>:<qualifier>`.
const EVENTS_ALIAS: &str = "events";

/// Asks all neighbours at once. `probes` and `silences` are what the pipeline knows, `status` what the watcher noted of the
/// page.
pub async fn facts(
    sdk: &SdkConfig,
    http: &Http,
    config: &Config,
    invocation: &Invocation,
    probes: impl Future<Output = Vec<(Region, Probe)>>,
    status: impl Future<Output = Result<Option<Written>, StoreError>>,
    silences: impl Future<Output = Result<Vec<Silence>, StoreError>>,
) -> Facts {
    let ask = Ask::new(sdk, http, invocation.deadline);
    let (now, region) = (invocation.now, config.settings.region.as_str());
    let targets = Targets::of(&invocation.invoked_arn, config.watcher.as_deref());
    let events =
        targets.as_ref().map(|targets| rules::rules(&ask, config.source_bus.as_deref(), &targets.events, false, now));
    let watcher = targets.as_ref().and_then(|targets| targets.watcher.as_ref());
    let ticks = watcher.map(|watcher| rules::rules(&ask, None, watcher, true, now));
    let groups = targets
        .iter()
        .flat_map(|targets| config.log_groups.iter().map(|group| logs::log_group(&ask, group, &targets.events, now)));
    let source_bus = config.source_bus.as_ref().map(|name| organization::source_bus(&ask, name));
    let streams = targets
        .iter()
        .flat_map(|targets| config.streams.iter().map(|arn| organization::stream(&ask, arn, &targets.events, now)));
    let trail_queue = config.trail.as_ref().and_then(|trail| {
        let queue = trail.queue.as_deref()?;
        Some(organization::trail_queue(&ask, &trail.bucket, queue, now))
    });
    let table = config.table.as_ref().map(|name| table::table(&ask, name, &invocation.id, now));
    let topics = [
        (&config.topic_arn, Destination::Topic),
        (&config.fallback_topic_arn, Destination::Fallback),
        (&config.pager_topic_arn, Destination::Pager),
    ];
    let topics = topics.into_iter().filter_map(|(arn, destination)| Some((arn.as_deref()?, destination)));
    let topics =
        topics.map(|(arn, destination)| channels::topic(topic_client(sdk, arn), arn, destination, invocation.deadline));
    let bus = config.event_bus.as_ref().map(|name| channels::bus(&ask, name));
    let (trail, ours) = (
        join4(
            trails::trails(&ask, region),
            trails::records(&ask, region, now),
            OptionFuture::from(events),
            OptionFuture::from(ticks),
        ),
        join5(
            join_all(groups),
            OptionFuture::from(table),
            join_all(topics),
            OptionFuture::from(bus),
            join(probes, silences),
        ),
    );
    let of_others = join3(OptionFuture::from(source_bus), join_all(streams), OptionFuture::from(trail_queue));
    // Large, and rarely run.
    let (
        (trails, records, rules, ticks),
        (log_groups, table, topics, bus, (probes, silences)),
        (source_bus, streams, trail_queue),
        status_page,
    ) = Box::pin(join4(trail, ours, of_others, status)).await;
    let clock_ahead_s = *ask.clock_ahead_s.lock().unwrap_or_else(PoisonError::into_inner);
    Facts {
        trails,
        records,
        rules,
        ticks,
        log_groups,
        source_bus,
        streams,
        trail_queue,
        table,
        silences,
        topics,
        bus,
        probes,
        status_page,
        clock_ahead_s,
        ourselves: ourselves(config, invocation),
    }
}

fn ourselves(config: &Config, invocation: &Invocation) -> Ourselves {
    let function = invocation.invoked_arn.splitn(7, ':').nth(6).unwrap_or("of no ARN");
    Ourselves {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        function: function.to_owned(),
        mode: config.settings.mode,
        has_own_policy: config.settings.policy != Policy::default(),
        has_table: config.table.is_some(),
        has_topic: config.topic_arn.is_some(),
    }
}

/// What rules and subscriptions invoke.
#[derive(Debug, PartialEq, Eq)]
struct Targets {
    events: String,
    watcher: Option<String>,
}

impl Targets {
    /// None where the function has no ARN: on somebody's own machine nothing invokes it.
    fn of(invoked_arn: &str, watcher: Option<&str>) -> Option<Self> {
        let parts: Vec<&str> = invoked_arn.split(':').collect();
        let (function, qualifier) = match parts.as_slice() {
            ["arn", _, "lambda", _, _, "function", name] => (*name, ""),
            ["arn", _, "lambda", _, _, "function", name, _] => (*name, EVENTS_ALIAS),
            _ => return None,
        };
        let of = |name: &str| {
            let arn = [&parts[..6], &[name]].concat().join(":");
            if qualifier.is_empty() { arn } else { format!("{arn}:{qualifier}") }
        };
        Some(Self { events: of(function), watcher: watcher.map(of) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_looked_for_by_the_alias_of_services_in_either_function() {
        let arn = "arn:aws:lambda:eu-central-1:111122223333:function:made-up";
        let targets = |arn: &str, watcher| Targets::of(arn, watcher).map(|targets| (targets.events, targets.watcher));
        assert_eq!(
            targets(&format!("{arn}:direct"), Some("watcher")),
            Some((
                format!("{arn}:events"),
                Some("arn:aws:lambda:eu-central-1:111122223333:function:watcher:events".to_owned())
            ))
        );
        // Deployed without aliases.
        assert_eq!(targets(arn, None), Some((arn.to_owned(), None)));
        assert_eq!(targets("", Some("watcher")), None);
    }
}
