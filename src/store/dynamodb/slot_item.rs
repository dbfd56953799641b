//! A slot as the attributes of an item.
//!
//! In: a [`Slot`], or an item. Out: the other one. Each mark is a member of a binary set, each count a number, each name an
//! attribute named after its hash: so every writer adds, and none overwrites. An attribute or a member that cannot be
//! read is left out: another release wrote it. What earlier releases wrote is read: members of 23 and 17 bytes, which end
//! with the grant, of 16 and 8 bytes, which end with the tool and with the operation, and counts of an operation alone.
//!
//! | attribute | |
//! |---|---|
//! | `m` cause | set of 25 bytes: caller (6), id (4), second (1), operation, origin, key and crowd (1), label (2), tool (2), product (2), network (2), application (2), grant (1), account (2) |
//! | `v` | served calls, set of 19 bytes: caller (6), second (1), operation, origin, hit before, pending and crowd (1), tool (2), product (2), network (2), application (2), grant (1), account (2) |
//! | `c` origin operation grant application `p` or `n`, `a` or `s` | number of answered, served calls; `p` of pending ones |
//! | `d` caller | number of served calls of a caller that stands for many |
//! | `b` cause origin | number of failures there was no room for |
//! | `k` quota hash | number of a talker's calls |
//! | `nc`, `nl`, `nt`, `nk`, `nr`, `nn`, `na`, `no` hash | how people call a caller, label, tool, talker, request, network, application, account |

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use triage_decide::evidence::mark::{Mark, Quota, ServedCall, Talker, Traits};
use triage_decide::evidence::slot::{Addition, AnsweredCalls, CROWDS_MAX, Place, SLOT_SECONDS, Slot, TALKERS_MAX};
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::grant::Grant;
use triage_model::observation::{Operation, Origin};

use crate::store::dynamodb::table::{Item, byte_strings, number, string};

const SERVED: &str = "v";

/// What an update of an item does with a slot's attributes.
#[derive(Debug, Default)]
pub struct Attributes {
    pub to_add: Vec<(String, AttributeValue)>,
    pub to_set: Vec<(String, AttributeValue)>,
}

pub fn attributes(slot: &Slot) -> Attributes {
    let mut to_add = Vec::new();
    for cause in Cause::ALL {
        let marks: Vec<[u8; MARK_BYTES]> = slot.failures_of(cause).iter().map(bytes_of_mark).collect();
        // DynamoDB refuses an empty set.
        if !marks.is_empty() {
            to_add.push((format!("m{}", letter_of_cause(cause)), byte_strings(marks)));
        }
    }
    if !slot.served.is_empty() {
        to_add.push((SERVED.to_owned(), byte_strings(slot.served.iter().map(bytes_of_served))));
    }
    let mut count = |name: String, count: u32| {
        if count > 0 {
            to_add.push((name, number(count)));
        }
    };
    for (place, calls) in &slot.calls {
        let name = format!("c{}", name_of_place(place));
        count(format!("{name}a"), calls.answered);
        count(format!("{name}s"), calls.served);
    }
    for (caller, served) in &slot.crowds {
        count(format!("d{:012x}", caller.to_bits()), *served);
    }
    for ((cause, origin), beyond) in &slot.beyond {
        count(format!("b{}{}", letter_of_cause(*cause), letter_of_origin(*origin)), *beyond);
    }
    for (talker, calls) in &slot.talkers {
        count(format!("k{}{:012x}", letter_of_quota(talker.quota), talker.who), *calls);
    }
    let names = &slot.names;
    let callers = names.callers.iter().map(|(hash, name)| (format!("nc{hash:012x}"), name));
    let labels = names.labels.iter().map(|(hash, name)| (format!("nl{hash:04x}"), name));
    let tools = names.tools.iter().map(|(hash, name)| (format!("nt{hash:04x}"), name));
    let talkers = names.talkers.iter().map(|(hash, name)| (format!("nk{hash:012x}"), name));
    let requests = names.requests.iter().map(|(hash, name)| (format!("nr{hash:08x}"), name));
    let networks = names.networks.iter().map(|(hash, name)| (format!("nn{hash:04x}"), name));
    let applications = names.applications.iter().map(|(hash, name)| (format!("na{hash:04x}"), name));
    let accounts = names.accounts.iter().map(|(hash, name)| (format!("no{hash:04x}"), name));
    let keys = names.keys.iter().map(|(hash, name)| (format!("ny{hash:04x}"), name));
    let named = callers.chain(labels).chain(tools).chain(talkers).chain(requests).chain(networks).chain(applications);
    let named = named.chain(accounts).chain(keys);
    Attributes { to_add, to_set: named.map(|(attribute, name)| (attribute, string(name))).collect() }
}

/// The slot that begins at `begin`.
pub fn slot_of_item(begin: i64, item: &Item) -> Slot {
    let mut slot = Slot::default();
    let (mut talkers, mut crowds) = (Vec::new(), Vec::new());
    // The table's own attributes hold nothing of a slot, and those of another release nothing that is known here.
    for held in item.iter().filter_map(|(name, value)| held(begin, name, value)) {
        match held {
            Held::Marks(marks) => {
                for mark in marks {
                    if slot.add_failure(mark) == Addition::NoRoom {
                        slot.count_beyond((mark.cause, mark.origin), 1);
                    }
                }
            }
            Held::Served(calls) => {
                for call in calls {
                    slot.add_served(call);
                }
            }
            Held::AnsweredCount(place, count) => {
                slot.calls.entry(place).or_default().add(AnsweredCalls { answered: count, served: 0 });
            }
            Held::ServedCount(place, count) => {
                slot.calls.entry(place).or_default().add(AnsweredCalls { answered: 0, served: count });
            }
            Held::BeyondCount(call, count) => slot.count_beyond(call, count),
            Held::TalkerCount(talker, count) => talkers.push((talker, count)),
            Held::CrowdCount(caller, count) => crowds.push((caller, count)),
            Held::CallerName(hash, name) => _ = slot.names.callers.insert(hash, name),
            Held::LabelName(hash, name) => _ = slot.names.labels.insert(hash, name),
            Held::ToolName(hash, name) => _ = slot.names.tools.insert(hash, name),
            Held::TalkerName(hash, name) => _ = slot.names.talkers.insert(hash, name),
            Held::RequestName(hash, name) => _ = slot.names.requests.insert(hash, name),
            Held::NetworkName(hash, name) => _ = slot.names.networks.insert(hash, name),
            Held::ApplicationName(hash, name) => _ = slot.names.applications.insert(hash, name),
            Held::AccountName(hash, name) => _ = slot.names.accounts.insert(hash, name),
            Held::KeyName(hash, name) => _ = slot.names.keys.insert(hash, name),
        }
    }
    // Each sandbox has brought its own: the same ones stay, whatever the order of the attributes.
    talkers.sort_by_key(|(talker, calls)| (std::cmp::Reverse(*calls), *talker));
    slot.talkers = talkers.into_iter().take(TALKERS_MAX).collect();
    crowds.sort_by_key(|(caller, served)| (std::cmp::Reverse(*served), *caller));
    slot.crowds = crowds.into_iter().take(CROWDS_MAX).collect();
    let names = std::mem::take(&mut slot.names);
    slot.merge_names(&names);
    slot
}

/// What one attribute holds of a slot.
enum Held {
    Marks(Vec<Mark>),
    Served(Vec<ServedCall>),
    AnsweredCount(Place, u32),
    ServedCount(Place, u32),
    BeyondCount((Cause, Origin), u32),
    TalkerCount(Talker, u32),
    CrowdCount(CallerHash, u32),
    CallerName(u64, String),
    LabelName(u16, String),
    ToolName(u16, String),
    TalkerName(u64, String),
    RequestName(u32, String),
    NetworkName(u16, String),
    ApplicationName(u16, String),
    AccountName(u16, String),
    KeyName(u16, String),
}

/// None where this release does not know the attribute, or cannot read its value.
fn held(begin: i64, name: &str, value: &AttributeValue) -> Option<Held> {
    match name.split_at_checked(1)? {
        ("m", cause) => {
            let cause = cause_of_letter(cause)?;
            Some(Held::Marks(members(value, |member| mark_of_bytes(begin, cause, member))?))
        }
        (SERVED, "") => Some(Held::Served(members(value, |member| served_of_bytes(begin, member))?)),
        ("c", call) => {
            let (place, kind) = call.split_at_checked(call.len().checked_sub(1)?)?;
            let place = place_of_name(place)?;
            match kind {
                "a" => Some(Held::AnsweredCount(place, count_of(value)?)),
                "s" => Some(Held::ServedCount(place, count_of(value)?)),
                _ => None,
            }
        }
        ("b", call) => {
            let (cause, origin) = call.split_at_checked(1)?;
            Some(Held::BeyondCount((cause_of_letter(cause)?, origin_of_letter(origin)?), count_of(value)?))
        }
        ("k", talker) => {
            let (quota, who) = talker.split_at_checked(1)?;
            let quota = Quota::ALL.into_iter().find(|known| letter_of_quota(*known) == quota)?;
            Some(Held::TalkerCount(Talker { who: u64::from_str_radix(who, 16).ok()?, quota }, count_of(value)?))
        }
        ("d", caller) => {
            let caller = CallerHash::from_bits(u64::from_str_radix(caller, 16).ok()?);
            Some(Held::CrowdCount(caller, count_of(value)?))
        }
        ("n", named) => {
            let (kind, hash) = named.split_at_checked(1)?;
            let (hash, name) = (u64::from_str_radix(hash, 16).ok()?, value.as_s().ok()?.clone());
            match kind {
                "c" => Some(Held::CallerName(hash, name)),
                "l" => Some(Held::LabelName(hash.try_into().ok()?, name)),
                "t" => Some(Held::ToolName(hash.try_into().ok()?, name)),
                "k" => Some(Held::TalkerName(hash, name)),
                "r" => Some(Held::RequestName(hash.try_into().ok()?, name)),
                "n" => Some(Held::NetworkName(hash.try_into().ok()?, name)),
                "a" => Some(Held::ApplicationName(hash.try_into().ok()?, name)),
                "o" => Some(Held::AccountName(hash.try_into().ok()?, name)),
                "y" => Some(Held::KeyName(hash.try_into().ok()?, name)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The members of a binary set that can be read.
fn members<T>(value: &AttributeValue, read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    Some(value.as_bs().ok()?.iter().filter_map(|member| read(member.as_ref())).collect())
}

fn count_of(value: &AttributeValue) -> Option<u32> {
    value.as_n().ok()?.parse().ok()
}

/// `<origin><operation><grant><application><p or n>`.
fn name_of_place(place: &Place) -> String {
    let Place { origin, operation, grant, application, pending } = *place;
    let (origin, operation, grant) = (letter_of_origin(origin), digit_of_operation(operation), digit_of_grant(grant));
    format!("{origin}{operation}{grant}{application:04x}{}", if pending { 'p' } else { 'n' })
}

fn place_of_name(name: &str) -> Option<Place> {
    let (origin, rest) = name.split_at_checked(1)?;
    let (operation, rest) = rest.split_at_checked(1)?;
    let (origin, operation) = (origin_of_letter(origin)?, operation_of_digit(operation.parse().ok()?)?);
    if rest.is_empty() {
        return Some(Place { origin, operation, grant: None, application: 0, pending: false });
    }
    let (grant, rest) = rest.split_at_checked(1)?;
    let (application, pending) = rest.split_at_checked(4)?;
    let application = u16::from_str_radix(application, 16).ok()?;
    let grant = grant_of_digit(grant.parse().ok()?)?;
    Some(Place { origin, operation, grant, application, pending: pending == "p" })
}

const MARK_BYTES: usize = 25;
const SERVED_BYTES: usize = 19;
/// Of earlier releases: without accounts, and without what callers share.
const OLD_MARK_BYTES: [usize; 2] = [23, 16];
const OLD_SERVED_BYTES: [usize; 2] = [17, OLDEST_SERVED_BYTES];
const OLDEST_SERVED_BYTES: usize = 8;

fn bytes_of_mark(mark: &Mark) -> [u8; MARK_BYTES] {
    let mut bytes = [0; MARK_BYTES];
    bytes[..6].copy_from_slice(&mark.caller.to_bits().to_be_bytes()[2..]);
    bytes[6..10].copy_from_slice(&mark.id.to_be_bytes());
    bytes[10] = second_of(mark.at);
    let flags = (u8::from(mark.kms) << KMS_BIT)
        | (u8::from(mark.traits.crowd) << CROWD_BIT)
        | (u8::from(mark.region_assumed) << ASSUMED_BIT);
    bytes[11] = packed(mark.operation, mark.origin) | flags;
    bytes[12..14].copy_from_slice(&mark.label.to_be_bytes());
    bytes[14..].copy_from_slice(&bytes_of_traits(&mark.traits));
    bytes
}

fn mark_of_bytes(begin: i64, cause: Cause, bytes: &[u8]) -> Option<Mark> {
    if bytes.len() != MARK_BYTES && !OLD_MARK_BYTES.contains(&bytes.len()) {
        return None;
    }
    let (&[c0, c1, c2, c3, c4, c5, i0, i1, i2, i3, second, packed, l0, l1], traits) = bytes.split_first_chunk()?;
    let (operation, origin) = unpacked(packed & CALL_MASK)?;
    Some(Mark {
        at: time_of(begin, second)?,
        caller: CallerHash::from_bits(u64::from_be_bytes([0, 0, c0, c1, c2, c3, c4, c5])),
        operation,
        cause,
        origin,
        kms: packed & (1 << KMS_BIT) != 0,
        region_assumed: packed & (1 << ASSUMED_BIT) != 0,
        label: u16::from_be_bytes([l0, l1]),
        traits: traits_of_bytes(traits, packed & (1 << CROWD_BIT) != 0)?,
        id: u32::from_be_bytes([i0, i1, i2, i3]),
    })
}

fn bytes_of_served(call: &ServedCall) -> [u8; SERVED_BYTES] {
    let mut bytes = [0; SERVED_BYTES];
    bytes[..6].copy_from_slice(&call.caller.to_bits().to_be_bytes()[2..]);
    bytes[6] = second_of(call.at);
    let flags = (u8::from(call.was_hit) << HIT_BIT)
        | (u8::from(call.traits.crowd) << CROWD_BIT)
        | (u8::from(call.pending) << PENDING_BIT);
    bytes[7] = packed(call.operation, call.origin) | flags;
    bytes[8..].copy_from_slice(&bytes_of_traits(&call.traits));
    bytes
}

fn served_of_bytes(begin: i64, bytes: &[u8]) -> Option<ServedCall> {
    if bytes.len() != SERVED_BYTES && !OLD_SERVED_BYTES.contains(&bytes.len()) {
        return None;
    }
    let (&[c0, c1, c2, c3, c4, c5, second, packed], traits) = bytes.split_first_chunk()?;
    let (operation, origin) = unpacked(packed & CALL_MASK)?;
    let caller = CallerHash::from_bits(u64::from_be_bytes([0, 0, c0, c1, c2, c3, c4, c5]));
    // That release kept those that were hit, and did not say so.
    let was_hit = bytes.len() == OLDEST_SERVED_BYTES || packed & (1 << HIT_BIT) != 0;
    Some(ServedCall {
        at: time_of(begin, second)?,
        caller,
        operation,
        origin,
        traits: traits_of_bytes(traits, packed & (1 << CROWD_BIT) != 0)?,
        pending: packed & (1 << PENDING_BIT) != 0,
        was_hit,
    })
}

const TRAITS_BYTES: usize = 11;

fn bytes_of_traits(traits: &Traits) -> [u8; TRAITS_BYTES] {
    let Traits { grant, tool, product, network, application, account, crowd: _ } = *traits;
    let mut bytes = [0; TRAITS_BYTES];
    for (nth, hash) in [tool, product, network, application].into_iter().enumerate() {
        bytes[2 * nth..2 * nth + 2].copy_from_slice(&hash.to_be_bytes());
    }
    bytes[8] = digit_of_grant(grant);
    bytes[9..].copy_from_slice(&account.to_be_bytes());
    bytes
}

/// Earlier releases kept no account; those before them the tool of a failure, and nothing of a served call.
fn traits_of_bytes(bytes: &[u8], crowd: bool) -> Option<Traits> {
    match *bytes {
        [] => Some(Traits { crowd, ..Traits::default() }),
        [t0, t1] => Some(Traits { tool: u16::from_be_bytes([t0, t1]), crowd, ..Traits::default() }),
        [t0, t1, p0, p1, n0, n1, a0, a1, grant, ref account @ ..] => Some(Traits {
            grant: grant_of_digit(grant)?,
            tool: u16::from_be_bytes([t0, t1]),
            product: u16::from_be_bytes([p0, p1]),
            network: u16::from_be_bytes([n0, n1]),
            application: u16::from_be_bytes([a0, a1]),
            account: match *account {
                [] => 0,
                [o0, o1] => u16::from_be_bytes([o0, o1]),
                _ => return None,
            },
            crowd,
        }),
        _ => None,
    }
}

/// Within the slot.
fn second_of(at: Timestamp) -> u8 {
    at.as_second().rem_euclid(SLOT_SECONDS) as u8
}

fn time_of(begin: i64, second: u8) -> Option<Timestamp> {
    if i64::from(second) >= SLOT_SECONDS {
        return None;
    }
    Timestamp::from_second(begin.checked_add(i64::from(second))?).ok()
}

/// In a packed byte: three bits for the operation, two for the origin; of a failure one for a key of the customer's, of a
/// served call one for a caller that was hit before; one for a caller that stands for many, and one for a pending poll.
const ORIGIN_SHIFT: u32 = 3;
const CALL_MASK: u8 = (1 << KMS_BIT) - 1;
const KMS_BIT: u32 = 5;
const HIT_BIT: u32 = 5;
const CROWD_BIT: u32 = 6;
/// Of a mark: the release before never set it.
const ASSUMED_BIT: u32 = 7;
const PENDING_BIT: u32 = 7;

fn packed(operation: Option<Operation>, origin: Origin) -> u8 {
    let origin = match origin {
        Origin::CloudTrail => 0,
        Origin::Logs => 1,
        Origin::Call => 2,
    };
    digit_of_operation(operation) | (origin << ORIGIN_SHIFT)
}

fn unpacked(byte: u8) -> Option<(Option<Operation>, Origin)> {
    let operation = operation_of_digit(byte & ((1 << ORIGIN_SHIFT) - 1))?;
    let origin = Origin::ALL.into_iter().find(|origin| packed(None, *origin) == byte & !((1 << ORIGIN_SHIFT) - 1))?;
    Some((operation, origin))
}

const fn digit_of_operation(operation: Option<Operation>) -> u8 {
    match operation {
        None => 0,
        Some(Operation::RegisterClient) => 1,
        Some(Operation::StartDeviceAuthorization) => 2,
        Some(Operation::CreateToken) => 3,
        Some(Operation::CreateTokenWithIam) => 4,
    }
}

/// None where no release of ours wrote it.
fn operation_of_digit(digit: u8) -> Option<Option<Operation>> {
    let operations = Operation::ALL.into_iter().map(Some);
    operations.chain([None]).find(|operation| digit_of_operation(*operation) == digit)
}

const fn digit_of_grant(grant: Option<Grant>) -> u8 {
    match grant {
        None => 0,
        Some(Grant::DeviceCode) => 1,
        Some(Grant::RefreshToken) => 2,
        Some(Grant::AuthorizationCode) => 3,
        Some(Grant::Other) => 4,
    }
}

/// None where no release of ours wrote it.
fn grant_of_digit(digit: u8) -> Option<Option<Grant>> {
    let grants = Grant::ALL.into_iter().map(Some);
    grants.chain([None]).find(|grant| digit_of_grant(*grant) == digit)
}

const fn letter_of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Expected => "e",
        Cause::Request => "r",
        Cause::Admin => "a",
        Cause::Throttled => "t",
        Cause::Service => "s",
        Cause::Unreachable => "u",
        Cause::Unrecognised => "x",
    }
}

fn cause_of_letter(letter: &str) -> Option<Cause> {
    Cause::ALL.into_iter().find(|cause| letter_of_cause(*cause) == letter)
}

const fn letter_of_origin(origin: Origin) -> &'static str {
    match origin {
        Origin::CloudTrail => "c",
        Origin::Logs => "l",
        Origin::Call => "k",
    }
}

fn origin_of_letter(letter: &str) -> Option<Origin> {
    Origin::ALL.into_iter().find(|origin| letter_of_origin(*origin) == letter)
}

const fn letter_of_quota(quota: Quota) -> &'static str {
    match quota {
        Quota::Registration => "r",
        Quota::Device => "d",
        Quota::Iam => "i",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use triage_decide::evidence::mark::{Answered, NAMES_MAX};
    use triage_decide::evidence::slot::MARKS_MAX;
    use triage_model::redact::{SHOWN_ARN_MAX, SHOWN_NAME_MAX};

    use super::*;

    const BEGIN: i64 = 1_800_000_000;

    #[test]
    fn counts_of_one_place_under_two_names_that_are_too_large_stay_so() {
        // The release before named a place by its origin and operation alone.
        let names = ["cc3a", "cc300000na", "cc3s", "cc300000ns"];
        let item = names.map(|name| (name.to_owned(), AttributeValue::N(u32::MAX.to_string())));
        let slot = slot_of_item(BEGIN, &item.into_iter().collect());
        let counts: Vec<_> = slot.calls.values().map(|calls| (calls.answered, calls.served)).collect();
        assert_eq!(counts, [(u32::MAX, u32::MAX)]);
    }

    fn item_of(slot: &Slot) -> Item {
        let Attributes { to_add, to_set } = attributes(slot);
        to_add.into_iter().chain(to_set).collect()
    }

    fn any_call() -> impl Strategy<Value = (Option<Operation>, Origin)> {
        let operations: Vec<_> = Operation::ALL.into_iter().map(Some).chain([None]).collect();
        (prop::sample::select(operations), prop::sample::select(Origin::ALL.to_vec()))
    }

    prop_compose! {
        fn any_traits()(
            grant in prop::sample::select(Grant::ALL.into_iter().map(Some).chain([None]).collect::<Vec<_>>()),
            (tool, product, network, crowd) in any::<(u16, u16, u16, bool)>(),
            (application, account) in (0..8_u16, any::<u16>()),
        ) -> Traits {
            Traits { grant, tool, product, network, application, account, crowd }
        }
    }

    prop_compose! {
        fn any_mark()(
            (operation, origin) in any_call(),
            cause in prop::sample::select(Cause::ALL.to_vec()),
            (caller, second, kms, region_assumed) in (any::<u64>(), 0..SLOT_SECONDS, any::<bool>(), any::<bool>()),
            (label, id) in any::<(u16, u32)>(),
            traits in any_traits(),
        ) -> Mark {
            let at = Timestamp::from_second(BEGIN + second).unwrap();
            Mark { at, caller: CallerHash::from_bits(caller), operation, cause, origin, kms, region_assumed, label, traits, id }
        }
    }

    prop_compose! {
        fn any_answered()(
            (operation, origin) in any_call(),
            (caller, second) in (any::<u64>(), 0..SLOT_SECONDS),
            (served, pending, was_hit) in any::<(bool, bool, bool)>(),
            traits in any_traits(),
        ) -> Answered {
            let (at, caller) = (Timestamp::from_second(BEGIN + second).unwrap(), CallerHash::from_bits(caller));
            Answered { call: ServedCall { at, caller, operation, origin, traits, pending, was_hit }, served }
        }
    }

    prop_compose! {
        fn any_slot()(
            marks in prop::collection::vec(any_mark(), 0..40),
            answered in prop::collection::vec(any_answered(), 0..40),
            talks in prop::collection::vec((0..1_u64 << 48, prop::sample::select(Quota::ALL.to_vec()), 1..99_u32), 0..30),
            names in prop::collection::vec((any::<u32>(), "[ -~ä]{0,9}"), 0..9),
        ) -> Slot {
            let mut slot = Slot::default();
            for mark in marks {
                slot.add_failure(mark);
                slot.beyond.insert((mark.cause, mark.origin), mark.id % 9 + 1);
            }
            answered.iter().for_each(|answered| slot.add_answered(answered, answered.call.was_hit));
            talks.into_iter().for_each(|(who, quota, calls)| slot.add_talk(Talker { who, quota }, calls));
            for (hash, name) in names {
                slot.names.callers.insert(u64::from(hash) << 16, name.clone());
                slot.names.labels.insert(hash as u16, name.clone());
                slot.names.tools.insert(!hash as u16, name.clone());
                slot.names.networks.insert(hash as u16, name.clone());
                slot.names.applications.insert(!hash as u16, name.clone());
                slot.names.keys.insert(!hash as u16, name.clone());
                slot.names.requests.insert(hash, name);
            }
            slot
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(slot in any_slot()) {
            prop_assert_eq!(slot_of_item(BEGIN, &item_of(&slot)), slot);
        }

        #[test]
        fn what_is_written_by_two_is_the_union((one, other) in (any_slot(), any_slot())) {
            let mut item = item_of(&one);
            for (name, value) in item_of(&other) {
                let sum = match (item.remove(&name), value) {
                    (Some(AttributeValue::Bs(mut mine)), AttributeValue::Bs(theirs)) => {
                        mine.extend(theirs);
                        AttributeValue::Bs(mine)
                    }
                    (Some(AttributeValue::N(mine)), AttributeValue::N(theirs)) => {
                        number(mine.parse::<u32>().unwrap() + theirs.parse::<u32>().unwrap())
                    }
                    (mine, theirs) => mine.unwrap_or(theirs),
                };
                item.insert(name, sum);
            }
            let mut union = one.clone();
            union.merge(&other);
            let read = slot_of_item(BEGIN, &item);
            prop_assert_eq!(read.failures().collect::<Vec<_>>(), union.failures().collect::<Vec<_>>());
            prop_assert_eq!(&read.calls, &union.calls);
            prop_assert_eq!(&read.beyond, &union.beyond);
            prop_assert_eq!(&read.served, &union.served);
            prop_assert_eq!(&read.names.requests, &union.names.requests);
        }

        #[test]
        fn bytes_of_anybody_are_read_or_left_out(
            name in "[mvcbknd][a-z0-9-]{0,9}",
            bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..9),
            number in "[0-9]{0,12}",
        ) {
            let slot = slot_of_item(BEGIN, &[(name.clone(), byte_strings(bytes))].into());
            slot.failures().for_each(|mark| assert!((BEGIN..BEGIN + SLOT_SECONDS).contains(&mark.at.as_second())));
            slot_of_item(BEGIN, &[(name.clone(), AttributeValue::N(number))].into());
            slot_of_item(BEGIN, &[(name, AttributeValue::Null(true))].into());
        }
    }

    #[test]
    fn a_member_that_cannot_be_read_costs_nothing_but_itself() {
        for (bytes, unreadable) in [
            (MARK_BYTES, [(10, 120), (11, 5), (11, 3 << 3), (22, 5)]),
            (OLD_MARK_BYTES[0], [(10, 120), (11, 5), (11, 3 << 3), (22, 5)]),
            (OLD_MARK_BYTES[1], [(10, 120), (11, 5), (11, 3 << 3), (11, 6)]),
        ] {
            let zeros = || vec![0; bytes];
            let count = |members: Vec<Vec<u8>>| {
                slot_of_item(BEGIN, &[("ms".into(), byte_strings(members))].into()).failures().count()
            };
            assert_eq!(count(vec![zeros()]), 1);
            for (at, value) in unreadable {
                let mut member = zeros();
                member[at] = value;
                assert_eq!(count(vec![member, zeros(), vec![0; 15], vec![0; 24], vec![]]), 1, "{value} at {at}");
            }
        }
        let another_cause = byte_strings([[0; MARK_BYTES]]);
        assert_eq!(slot_of_item(BEGIN, &[("mz".into(), another_cause)].into()), Slot::default());
    }

    /// Attributes as the release before wrote them.
    fn old_item() -> Item {
        let mark = [0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 30, 0b10_0011, 0, 5, 0, 6];
        let served = [0, 0, 0, 0, 0, 8, 31, 0b1011];
        [
            ("ms".to_owned(), byte_strings([mark])),
            ("v".to_owned(), byte_strings([served])),
            ("cc3a".to_owned(), number(12)),
            ("cc3s".to_owned(), number(11)),
            ("cl0a".to_owned(), number(2)),
            ("nt0006".to_owned(), string("aws-cli/2.31.0")),
        ]
        .into()
    }

    #[test]
    fn what_the_release_before_wrote_is_read() {
        let slot = slot_of_item(BEGIN, &old_item());
        let time = |second| Timestamp::from_second(BEGIN + second).unwrap();
        let mark = Mark {
            at: time(30),
            caller: CallerHash::from_bits(7),
            operation: Some(Operation::CreateToken),
            cause: Cause::Service,
            origin: Origin::CloudTrail,
            kms: true,
            region_assumed: false,
            label: 5,
            traits: Traits { tool: 6, ..Traits::default() },
            id: 9,
        };
        assert_eq!(slot.failures().copied().collect::<Vec<_>>(), [mark]);
        let call = ServedCall {
            at: time(31),
            caller: CallerHash::from_bits(8),
            operation: mark.operation,
            origin: Origin::Logs,
            traits: Traits::default(),
            pending: false,
            was_hit: true,
        };
        assert_eq!(slot.served.iter().copied().collect::<Vec<_>>(), [call]);
        let place = |origin, operation| Place { origin, operation, grant: None, application: 0, pending: false };
        assert_eq!(
            slot.calls,
            BTreeMap::from([
                (place(Origin::CloudTrail, mark.operation), AnsweredCalls { answered: 12, served: 11 }),
                (place(Origin::Logs, None), AnsweredCalls { answered: 2, served: 0 }),
            ])
        );
        assert_eq!(slot.names.tools[&6], "aws-cli/2.31.0");
    }

    #[test]
    fn what_both_releases_counted_in_one_slot_is_added_up() {
        let mut item = old_item();
        item.insert("cc300000na".to_owned(), number(30));
        item.insert("cc300000ns".to_owned(), number(20));
        let slot = slot_of_item(BEGIN, &item);
        let calls = slot.calls.iter().find(|(place, _)| place.operation.is_some()).map(|(_, calls)| *calls);
        assert_eq!(calls, Some(AnsweredCalls { answered: 42, served: 31 }));
    }

    /// What DynamoDB counts: names, values, and a little for each.
    fn bytes_of_item(item: &Item) -> usize {
        let of_value = |value: &AttributeValue| match value {
            AttributeValue::Bs(members) => 3 + members.iter().map(|member| member.as_ref().len() + 1).sum::<usize>(),
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::S(text) => text.len(),
            other => panic!("{other:?}"),
        };
        item.iter().map(|(name, value)| name.len() + of_value(value) + 1).sum()
    }

    /// A slot with all that it takes: of every cause, operation, place, talker and name.
    fn full_slot() -> Slot {
        let mut slot = Slot::default();
        let mut random = fastrand::Rng::with_seed(1);
        let operations: Vec<Option<Operation>> = Operation::ALL.into_iter().map(Some).chain([None]).collect();
        let grants: Vec<Option<Grant>> = Grant::ALL.into_iter().map(Some).chain([None]).collect();
        for n in 0..20_000_u32 {
            let (at, caller) = (
                Timestamp::from_second(BEGIN + i64::from(n) % SLOT_SECONDS).unwrap(),
                CallerHash::from_bits(random.u64(..)),
            );
            let operation = operations[n as usize % operations.len()];
            let (cause, origin) =
                (Cause::ALL[random.usize(..Cause::ALL.len())], Origin::ALL[random.usize(..Origin::ALL.len())]);
            let is_iam = operation == Some(Operation::CreateTokenWithIam);
            let traits = Traits {
                grant: grants[random.usize(..grants.len())],
                tool: random.u16(..),
                product: random.u16(..),
                network: random.u16(..),
                application: if is_iam { random.u16(1..50) } else { 0 },
                account: random.u16(..),
                crowd: true,
            };
            let (kms, region_assumed, label, id) = (false, false, random.u16(..), n);
            let mark = Mark { at, caller, operation, cause, origin, kms, region_assumed, label, traits, id };
            if slot.add_failure(mark) == Addition::NoRoom {
                *slot.beyond.entry((cause, origin)).or_default() += 1;
            }
            let call =
                ServedCall { at, caller, operation, origin, traits, pending: !is_iam && n % 7 == 0, was_hit: false };
            slot.add_answered(&Answered { call, served: true }, false);
            slot.add_talk(Talker { who: random.u64(..1 << 48), quota: Quota::Device }, 1 + n % 100);
        }
        let name = |most: usize| "x".repeat(most);
        for n in 0..NAMES_MAX as u32 {
            slot.names.callers.insert((1 << 47) + u64::from(n), name(SHOWN_NAME_MAX));
            slot.names.labels.insert(60_000 + n as u16, name(SHOWN_NAME_MAX));
            slot.names.tools.insert(60_000 + n as u16, name(SHOWN_NAME_MAX));
            slot.names.networks.insert(60_000 + n as u16, name(SHOWN_NAME_MAX));
            slot.names.accounts.insert(60_000 + n as u16, "444455556666".to_owned());
            slot.names.applications.insert(60_000 + n as u16, name(SHOWN_ARN_MAX));
            slot.names.keys.insert(60_000 + n as u16, name(SHOWN_ARN_MAX));
            slot.names.requests.insert(u32::MAX - n, name(SHOWN_NAME_MAX));
        }
        for talker in slot.talkers.keys().copied().collect::<Vec<_>>() {
            slot.names.talkers.insert(talker.who, name(2 * SHOWN_NAME_MAX));
        }
        slot
    }

    #[test]
    fn an_item_at_the_caps_stays_under_100_kb() {
        let mut slot = full_slot();
        assert_eq!(slot.failures().count(), Cause::ALL.len() * MARKS_MAX);
        let size = bytes_of_item(&item_of(&slot));
        assert!((40_000..100_000).contains(&size), "{size} bytes");
        // Everybody whom one slot has a mark of is served again in it.
        let marks: Vec<Mark> = slot.failures().copied().collect();
        for mark in marks {
            let Mark { at, caller, operation, origin, traits, .. } = mark;
            slot.add_served(ServedCall { at, caller, operation, origin, traits, pending: false, was_hit: true });
        }
        let size = bytes_of_item(&item_of(&slot));
        assert!(size < 100_000, "{size} bytes");
    }

    #[test]
    fn an_item_stays_under_100_kb_even_when_all_affected_callers_of_the_hour_are_served_again() {
        let mut slot = full_slot();
        let marks: Vec<Mark> = slot.failures_of(Cause::Service).to_vec();
        let mut random = fastrand::Rng::with_seed(2);
        for mark in marks.iter().cycle().take(30 * MARKS_MAX) {
            let Mark { at, operation, origin, traits, .. } = *mark;
            let caller = CallerHash::from_bits(random.u64(..));
            slot.add_served(ServedCall { at, caller, operation, origin, traits, pending: false, was_hit: true });
        }
        let size = bytes_of_item(&item_of(&slot));
        assert!(size < 100_000, "{size} bytes");
    }

    #[test]
    fn an_empty_slot_has_no_attributes() {
        let Attributes { to_add, to_set } = attributes(&Slot::default());
        assert!(to_add.is_empty() && to_set.is_empty());
    }

    #[test]
    fn more_marks_than_a_slot_has_room_for_are_counted() {
        let mut members = Vec::new();
        for n in 0..(MARKS_MAX as u32 + 50) {
            let mut bytes = [0; MARK_BYTES];
            bytes[2..6].copy_from_slice(&n.to_be_bytes());
            members.push(bytes);
        }
        let slot = slot_of_item(BEGIN, &[("mu".into(), byte_strings(members)), ("buc".into(), number(3))].into());
        assert_eq!(slot.failures().count(), MARKS_MAX);
        assert_eq!(slot.beyond[&(Cause::Unreachable, Origin::CloudTrail)], 53);
    }
}
