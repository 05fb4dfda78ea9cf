//! What is told of a picture instead of showing it.

pub(crate) mod average;
