//! The whole service: a real server on a free port over a real folder, spoken to over sockets.

mod animate;
mod asked;
mod authority;
mod bounds;
mod copies;
mod coverage;
mod deadline;
mod explain;
mod forms;
mod heads;
mod info;
mod interlace;
mod memory;
mod modes;
mod objects;
mod policies;
mod refusals;
mod reports;
mod server;
mod signer;
mod trigger;
mod wire;
