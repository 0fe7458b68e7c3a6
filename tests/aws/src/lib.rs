//! What the tests of the deployed application share.
//!
//! ```text
//! World ──► Emulator ◄── sam deploy (what `make build-aws` made)
//!   │          ▲  functions as processes ──► Upstream (the simulator)
//!   │          └── Aws: the services' own wire, to look into the stack
//!   ├── a crew that ticks the packer and the poller, unless a test asks for quiet; the schedules rest
//!   ├── Deployments: what each granted, and when
//!   └── Fact: run once, whichever test asks first; the last tests ask for all of them
//!                         │
//!   logs of every call ──►├── Calls and Grants: least privilege
//!                         └── Prices: the bill
//! ```

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test harness: what cannot be set up ends the test that asked for it"
)]

mod actions;
mod agent;
mod aws;
mod calls;
mod crew;
mod deployment;
mod fact;
mod grants;
mod item;
mod meter;
mod noise;
mod prices;
mod remains;
mod runtime_api;
mod sam;
mod stack;
mod statement;
mod stopper;
mod tables;
mod ticks;
mod twin;
mod units;
mod world;
mod xml;

pub use actions::{action, arn};
pub use agent::Agent;
pub use aws::{Aws, Invocation};
pub use calls::{Call, Calls};
pub use deployment::Deployment;
pub use fact::{Fact, runtime};
pub use grants::{Grant, grants};
pub use item::item_bytes;
pub use meter::{Meter, Usage};
pub use noise::noise;
pub use prices::{PRICES, Price, price};
pub use remains::left;
pub use runtime_api::{LocalFunction, Reply, RuntimeApi};
pub use sam::Sam;
pub use stack::{Function, Stack};
pub use statement::{Line, Statement};
pub use stopper::{Process, Side, Stop};
pub use tables::Tables;
pub use ticks::LONG;
pub use twin::Twin;
pub use units::Money;
pub use world::{Busy, Quiet, World, now_ms};
