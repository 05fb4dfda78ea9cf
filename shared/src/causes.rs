//! An error and its causes in one line, for logs and for refusals of a configuration.

use std::error::Error;

/// The message of `error`, then those of its causes, each after `: `. A cause whose text already stands in the line is
/// left out, as many errors repeat that of their source.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn a_cause_is_told_once() {
        let links = ["no bytes came", "`a.jpg`: no bytes came", "the copy failed"];
        let whole = links.into_iter().fold(None, |source, text| {
            let source = source.map(Box::new);
            Some(Link { text, source })
        });
        let whole = whole.expect("there are three links");
        assert_eq!(chain(&whole), "the copy failed: `a.jpg`: no bytes came");
    }
}
