//! What every [`Storage`] does alike, as one suite: the folder passes it in this crate, S3 in the crate `aws`.
//!
//! Each check works on keys of its own and removes them; [`run`] wants a storage that holds nothing else.

mod appends;
mod lists;
mod objects;
mod parts;
mod steps;
mod streams;

use crate::storage::Storage;

pub use appends::*;
pub use lists::*;
pub use objects::*;
pub use parts::*;
pub use streams::*;

/// Runs every check.
///
/// # Panics
///
/// If the storage does something else than it must; the message names the check's expectation.
pub async fn run(storage: &dyn Storage) {
    puts_and_gets(storage).await;
    keeps_attributes(storage).await;
    replaces_whole_objects(storage).await;
    tells_what_is_missing(storage).await;
    deletes(storage).await;
    gets_ranges(storage).await;
    streams_large_objects(storage).await;
    holds_preconditions(storage).await;
    limits_metadata(storage).await;
    keeps_odd_keys(storage).await;
    lists_in_byte_order(storage).await;
    lists_by_delimiter(storage).await;
    lists_in_pages(storage).await;
    copies(storage).await;
    holds_preconditions_of_copies_and_parts(storage).await;
    joins_parts(storage).await;
    refuses_wrong_parts(storage).await;
    aborts_uploads(storage).await;
    puts_streams(storage).await;
    holds_the_length_of_streams(storage).await;
    copies_into_parts(storage).await;
    streams_into_parts(storage).await;
    appends(storage).await;
    appends_to_large_objects(storage).await;
    appends_only_where_it_was_begun(storage).await;
    keeps_storage_classes(storage).await;
}
