//! What stands on the wire: names, documents, headers and bodies of the protocol. It knows no configuration, and decides
//! nothing.

pub mod body;
pub(crate) mod conditions;
pub mod form;
pub(crate) mod headers;
pub mod incoming;
pub(crate) mod logged;
pub mod names;
pub mod pic_operations;
pub(crate) mod request_id;
pub(crate) mod xml;
