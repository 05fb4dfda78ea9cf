//! What of a request's own text may stand in the log.

/// Bytes of one text in a line of the log: a key of 1,024 bytes, each of them escaped, and what is said of it.
const MAX_BYTES: usize = 4 * 1024;

/// `text` without the values of signatures and security tokens, which are good until they end, and cut, as whoever asks
/// could otherwise write 256 KiB into the log by each request.
pub(crate) fn logged(text: &str) -> String {
    let mut shown = auth::masked(text);
    if shown.len() > MAX_BYTES {
        let end = (0..=MAX_BYTES)
            .rev()
            .find(|end| shown.is_char_boundary(*end));
        shown.truncate(end.unwrap_or_default());
        return format!("{shown}… ({} bytes)", text.len());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(logged(&"x".repeat(MAX_BYTES)), "x".repeat(MAX_BYTES));
        let cut = logged(&"图".repeat(70_000));
        assert!(cut.len() < MAX_BYTES + 30, "{}", cut.len());
        assert!(cut.ends_with("图… (210000 bytes)"));
        assert_eq!(logged("/a;q-signature=0123"), "/a;q-signature=(hidden)");
    }
}
