//! A slot as the attributes of an item.
//!
//! In: a [`Slot`], or an item. Out: the other one. Each mark is a member of a binary set, each count a number, each name an
//! attribute named after its hash: so every writer adds, and none overwrites. An attribute or a member that cannot be
//! read is left out: another release wrote it.
//!
//! | attribute | |
//! |---|---|
//! | `m` cause | set of 16 bytes: caller (6), id (4), second (1), operation, origin and key (1), label (2), tool (2) |
//! | `v` | served calls, set of 8 bytes: caller (6), second (1), operation and origin (1) |
//! | `c` origin operation `a` or `s` | number of answered, served calls |
//! | `b` cause origin | number of failures there was no room for |
//! | `k` quota hash | number of a talker's calls |
//! | `nc`, `nl`, `nt`, `nk`, `nr` hash | how people call a caller, label, tool, talker, request |

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use triage_decide::evidence::mark::{Mark, Quota, ServedCall, Talker};
use triage_decide::evidence::slot::{Addition, SLOT_SECONDS, Slot, TALKERS_MAX};
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
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
        let marks: Vec<[u8; 16]> = slot.failures_of(cause).iter().map(bytes_of_mark).collect();
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
    for ((origin, operation), calls) in &slot.calls {
        let name = format!("c{}{}", letter_of_origin(*origin), digit_of_operation(*operation));
        count(format!("{name}a"), calls.answered);
        count(format!("{name}s"), calls.served);
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
    let named = callers.chain(labels).chain(tools).chain(talkers).chain(requests);
    Attributes { to_add, to_set: named.map(|(attribute, name)| (attribute, string(name))).collect() }
}

/// The slot that begins at `begin`.
pub fn slot_of_item(begin: i64, item: &Item) -> Slot {
    let mut slot = Slot::default();
    let mut talkers = Vec::new();
    // The table's own attributes hold nothing of a slot, and those of another release nothing that is known here.
    for held in item.iter().filter_map(|(name, value)| held(begin, name, value)) {
        match held {
            Held::Marks(marks) => {
                for mark in marks {
                    if slot.add_failure(mark) == Addition::NoRoom {
                        *slot.beyond.entry((mark.cause, mark.origin)).or_default() += 1;
                    }
                }
            }
            Held::Served(calls) => slot.served.extend(calls),
            Held::AnsweredCount(call, count) => slot.calls.entry(call).or_default().answered = count,
            Held::ServedCount(call, count) => slot.calls.entry(call).or_default().served = count,
            Held::BeyondCount(call, count) => *slot.beyond.entry(call).or_default() += count,
            Held::TalkerCount(talker, count) => talkers.push((talker, count)),
            Held::CallerName(hash, name) => _ = slot.names.callers.insert(hash, name),
            Held::LabelName(hash, name) => _ = slot.names.labels.insert(hash, name),
            Held::ToolName(hash, name) => _ = slot.names.tools.insert(hash, name),
            Held::TalkerName(hash, name) => _ = slot.names.talkers.insert(hash, name),
            Held::RequestName(hash, name) => _ = slot.names.requests.insert(hash, name),
        }
    }
    // Each sandbox has brought its own: the same ones stay, whatever the order of the attributes.
    talkers.sort_by_key(|(talker, calls)| (std::cmp::Reverse(*calls), *talker));
    slot.talkers = talkers.into_iter().take(TALKERS_MAX).collect();
    let names = std::mem::take(&mut slot.names);
    slot.merge_names(&names);
    slot
}

/// What one attribute holds of a slot.
enum Held {
    Marks(Vec<Mark>),
    Served(Vec<ServedCall>),
    AnsweredCount((Origin, Option<Operation>), u32),
    ServedCount((Origin, Option<Operation>), u32),
    BeyondCount((Cause, Origin), u32),
    TalkerCount(Talker, u32),
    CallerName(u64, String),
    LabelName(u16, String),
    ToolName(u16, String),
    TalkerName(u64, String),
    RequestName(u32, String),
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
            let (origin, rest) = call.split_at_checked(1)?;
            let (operation, kind) = rest.split_at_checked(1)?;
            let call = (origin_of_letter(origin)?, operation_of_digit(operation.parse().ok()?)?);
            match kind {
                "a" => Some(Held::AnsweredCount(call, count_of(value)?)),
                "s" => Some(Held::ServedCount(call, count_of(value)?)),
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
        ("n", named) => {
            let (kind, hash) = named.split_at_checked(1)?;
            let (hash, name) = (u64::from_str_radix(hash, 16).ok()?, value.as_s().ok()?.clone());
            match kind {
                "c" => Some(Held::CallerName(hash, name)),
                "l" => Some(Held::LabelName(hash.try_into().ok()?, name)),
                "t" => Some(Held::ToolName(hash.try_into().ok()?, name)),
                "k" => Some(Held::TalkerName(hash, name)),
                "r" => Some(Held::RequestName(hash.try_into().ok()?, name)),
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

fn bytes_of_mark(mark: &Mark) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&mark.caller.to_bits().to_be_bytes()[2..]);
    bytes[6..10].copy_from_slice(&mark.id.to_be_bytes());
    bytes[10] = second_of(mark.at);
    bytes[11] = packed(mark.operation, mark.origin) | (u8::from(mark.kms) << KMS_BIT);
    bytes[12..14].copy_from_slice(&mark.label.to_be_bytes());
    bytes[14..].copy_from_slice(&mark.tool.to_be_bytes());
    bytes
}

fn mark_of_bytes(begin: i64, cause: Cause, bytes: &[u8]) -> Option<Mark> {
    let [c0, c1, c2, c3, c4, c5, i0, i1, i2, i3, second, packed, l0, l1, t0, t1] = *bytes else { return None };
    let (operation, origin) = unpacked(packed & !(1 << KMS_BIT))?;
    Some(Mark {
        at: time_of(begin, second)?,
        caller: CallerHash::from_bits(u64::from_be_bytes([0, 0, c0, c1, c2, c3, c4, c5])),
        operation,
        cause,
        origin,
        kms: packed & (1 << KMS_BIT) != 0,
        label: u16::from_be_bytes([l0, l1]),
        tool: u16::from_be_bytes([t0, t1]),
        id: u32::from_be_bytes([i0, i1, i2, i3]),
    })
}

fn bytes_of_served(call: &ServedCall) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..6].copy_from_slice(&call.caller.to_bits().to_be_bytes()[2..]);
    bytes[6] = second_of(call.at);
    bytes[7] = packed(call.operation, call.origin);
    bytes
}

fn served_of_bytes(begin: i64, bytes: &[u8]) -> Option<ServedCall> {
    let [c0, c1, c2, c3, c4, c5, second, packed] = *bytes else { return None };
    let (operation, origin) = unpacked(packed)?;
    let caller = CallerHash::from_bits(u64::from_be_bytes([0, 0, c0, c1, c2, c3, c4, c5]));
    Some(ServedCall { at: time_of(begin, second)?, caller, operation, origin })
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

/// In a packed byte: three bits for the operation, two for the origin, one for a key of the customer's.
const ORIGIN_SHIFT: u32 = 3;
const KMS_BIT: u32 = 5;

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
    use proptest::prelude::*;
    use triage_decide::evidence::mark::Answered;
    use triage_decide::evidence::slot::MARKS_MAX;

    use super::*;

    const BEGIN: i64 = 1_800_000_000;

    fn item_of(slot: &Slot) -> Item {
        let Attributes { to_add, to_set } = attributes(slot);
        to_add.into_iter().chain(to_set).collect()
    }

    fn any_call() -> impl Strategy<Value = (Option<Operation>, Origin)> {
        let operations: Vec<_> = Operation::ALL.into_iter().map(Some).chain([None]).collect();
        (prop::sample::select(operations), prop::sample::select(Origin::ALL.to_vec()))
    }

    prop_compose! {
        fn any_mark()(
            (operation, origin) in any_call(),
            cause in prop::sample::select(Cause::ALL.to_vec()),
            (caller, second, kms) in (any::<u64>(), 0..SLOT_SECONDS, any::<bool>()),
            (label, tool, id) in any::<(u16, u16, u32)>(),
        ) -> Mark {
            let at = Timestamp::from_second(BEGIN + second).unwrap();
            Mark { at, caller: CallerHash::from_bits(caller), operation, cause, origin, kms, label, tool, id }
        }
    }

    prop_compose! {
        fn any_answered()(
            (operation, origin) in any_call(),
            (caller, second, served) in (any::<u64>(), 0..SLOT_SECONDS, any::<bool>()),
        ) -> Answered {
            let at = Timestamp::from_second(BEGIN + second).unwrap();
            Answered { call: ServedCall { at, caller: CallerHash::from_bits(caller), operation, origin }, served }
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
            answered.iter().for_each(|answered| slot.add_answered(answered, false));
            talks.into_iter().for_each(|(who, quota, calls)| slot.add_talk(Talker { who, quota }, calls));
            for (hash, name) in names {
                slot.names.callers.insert(u64::from(hash) << 16, name.clone());
                slot.names.labels.insert(hash as u16, name.clone());
                slot.names.tools.insert(!hash as u16, name.clone());
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
            name in "[mvcbkn][a-z0-9]{0,4}",
            bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..9),
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
        let mut bytes = [0; 16];
        let good = byte_strings([bytes]);
        assert_eq!(slot_of_item(BEGIN, &[("ms".into(), good)].into()).failures().count(), 1);
        for (at, value) in [(10, 120), (11, 5), (11, 3 << 3), (11, 1 << 6)] {
            bytes = [0; 16];
            bytes[at] = value;
            let both = byte_strings([bytes.to_vec(), vec![0; 16], vec![0; 15], vec![]]);
            assert_eq!(slot_of_item(BEGIN, &[("ms".into(), both)].into()).failures().count(), 1, "{value} at {at}");
        }
        let another_cause = byte_strings([[0; 16]]);
        assert_eq!(slot_of_item(BEGIN, &[("mz".into(), another_cause)].into()), Slot::default());
    }

    #[test]
    fn an_empty_slot_has_no_attributes() {
        let Attributes { to_add, to_set } = attributes(&Slot::default());
        assert!(to_add.is_empty() && to_set.is_empty());
    }

    #[test]
    fn a_mark_takes_16_bytes_and_more_than_a_slot_has_room_for_are_counted() {
        let mut members = Vec::new();
        for n in 0..(MARKS_MAX as u32 + 50) {
            let mut bytes = [0; 16];
            bytes[2..6].copy_from_slice(&n.to_be_bytes());
            members.push(bytes);
        }
        let slot = slot_of_item(BEGIN, &[("mu".into(), byte_strings(members)), ("buc".into(), number(3))].into());
        assert_eq!(slot.failures().count(), MARKS_MAX);
        assert_eq!(slot.beyond[&(Cause::Unreachable, Origin::CloudTrail)], 53);
    }
}
