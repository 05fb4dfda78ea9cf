//! What is told of a picture instead of showing it.

pub(crate) mod average;
pub(crate) mod exif;
pub(crate) mod info;
mod tags;
mod tiff;
