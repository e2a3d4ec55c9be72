//! leadhook-runtime: joins the decisions of core, the store and the courier into a running engine.
//!
//! [`Engine`] takes events in and commands by hand; its dispatcher claims what is due and
//! takes each delivery its way (`deliver.rs`). Invariants: nothing is sent that is not claimed, nothing
//! claimed goes unsettled while the process lives, and an acknowledged event is in the store.

mod accounts;
mod activate;
mod again;
mod board;
mod cities;
pub mod clock;
mod deliver;
mod dispatch;
mod engine;
mod erasures;
mod failing;
mod keys;
pub mod limits;
mod metrics;
mod notify;
mod operations;
pub mod plugins;
mod prepare;
mod recordings;
mod replay;
mod resends;
mod retention;
mod rounds;
mod spans;

pub use activate::Activation;
pub use again::Unrepeatable;
pub use cities::Cities;
pub use engine::{Carrier, Engine, Parts};
pub use plugins::PluginParts;
pub use recordings::{Linked, Recording};
pub use replay::{Again, Replay, Replayed};
pub use spans::{Collector, called_from};
