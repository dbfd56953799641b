//! From the evidence of a region to a verdict, and the life of an incident.
//!
//! Data first: [`policy`], [`evidence`], [`probe`], [`concern`], [`verdict`], [`silence`], [`ledger`], [`view`],
//! [`turn`] import no logic. Then [`asked`] changes a ledger as an operator asks, [`calm`] says whether there is anything to decide, [`diagnose`] makes a verdict of a view, [`recovery`]
//! says whether an incident is over, [`incident`] makes a turn of both, and [`replicas`] makes one of the turns of several
//! regions. Pure: `now` is an argument, and there is no
//! clock, no environment and no network.

pub mod calls;
pub mod cell;
pub mod concern;
pub mod distinct;
pub mod evidence;
pub mod ledger;
pub mod lens;
pub mod policy;
pub mod probe;
pub mod probe_record;
pub mod proof_so_far;
pub mod replica;
pub mod scope;
pub mod silence;
pub mod turn;
pub mod verdict;
pub mod view;

pub mod asked;
pub mod calm;
pub mod diagnose;
pub mod incident;
pub mod objective;
pub mod recovery;
pub mod replicas;
pub mod sequential;
mod spread;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
