//! Source bytes and a rule to encoded bytes; pure and synchronous.
