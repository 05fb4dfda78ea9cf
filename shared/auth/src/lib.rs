//! COS request signatures and access policies; pure, the clock is an argument.
