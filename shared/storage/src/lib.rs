//! Where objects live: S3 when deployed, a folder on a developer's machine.
//!
//! The trait holds every verb that the object API needs. What an implementation must do beyond its types is one suite,
//! `conformance`, which the feature of that name brings.

mod checksum;
#[cfg(feature = "conformance")]
pub mod conformance;
mod date;
pub mod deadline;
mod error;
#[cfg(feature = "faults")]
pub mod faults;
mod folder;
mod key;
mod object;
mod storage;

pub use checksum::{crc64, crc64_of_more};
pub use date::{tellable, whole_seconds};
pub use error::Error;
pub use folder::Folder;
pub use key::{BadKey, ObjectKey};
pub use object::{
    Attributes, ByteRange, ByteStream, ETag, Object, ObjectInfo, SizedStream, UploadId, Version,
};
pub use storage::{
    AppendOptions, GetOptions, ListOptions, Listed, Listing, OpenUpload, Part, Precondition,
    PutOptions, Storage, Versioning,
};
