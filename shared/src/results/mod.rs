//! Results of rules, known by their tags.

pub(crate) mod tag;
