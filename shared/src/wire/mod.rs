//! What stands on the wire: names, documents, headers and bodies of the protocol. It knows no configuration, and decides
//! nothing.

pub mod names;
