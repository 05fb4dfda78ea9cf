//! The XML documents of the protocol: written as SDKs read them (no attributes, no name space), and the few that
//! clients send.

use quick_xml::escape::escape;
use quick_xml::events::Event;

/// Writes one document: elements in the order in which they are told.
#[derive(Debug)]
pub(crate) struct Writer {
    text: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// A document with this root.
    pub(crate) fn new(root: &'static str) -> Self {
        let mut writer = Self {
            text: "<?xml version='1.0' encoding='utf-8' ?>\n".to_owned(),
            open: Vec::new(),
        };
        writer.begin(root);
        writer
    }

    /// Opens an element.
    pub(crate) fn begin(&mut self, name: &'static str) -> &mut Self {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        self.open.push(name);
        self
    }

    /// Closes the element opened last.
    pub(crate) fn end(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push('>');
        }
        self
    }

    /// An element with text in it.
    pub(crate) fn leaf(&mut self, name: &'static str, text: impl std::fmt::Display) -> &mut Self {
        self.begin(name).text(text).end()
    }

    /// Text in the element opened last. Characters that XML cannot hold become U+FFFD.
    pub(crate) fn text(&mut self, text: impl std::fmt::Display) -> &mut Self {
        let text: String = text
            .to_string()
            .chars()
            .map(|c| if is_xml_char(c) { c } else { '\u{FFFD}' })
            .collect();
        // A carriage return would be read back as a line feed.
        self.text
            .push_str(&escape(text.as_str()).replace('\r', "&#13;"));
        self
    }

    /// Closes all open elements: the whole document.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text
    }
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// A document that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request's body is not the expected XML: {0}")]
pub(crate) struct Malformed(pub(crate) String);

/// Reads a document with this root, element by element, and keeps nothing of one that has ended: at most four levels, no
/// document types, hence no entities of its own.
///
/// `ended` is told of each element in the root when it ends: the names of those that it is in, its own last (without name
/// space prefixes), and its text, entities resolved.
///
/// # Errors
///
/// [`Malformed`] says what was found; or what `ended` fails with, which ends the reading.
pub(crate) fn read(
    bytes: &[u8],
    root: &str,
    mut ended: impl FnMut(&[&str], &str) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    const MAX_DEPTH: usize = 4;
    const MAX_QUOTED: usize = 40;
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8".to_owned()))?;
    let malformed = |error: &dyn std::fmt::Display| Malformed(error.to_string());
    let mut reader = quick_xml::Reader::from_str(text);
    // The elements that are open, with their text so far.
    let mut open: Vec<(String, String)> = Vec::new();
    let mut is_over = false;
    loop {
        let event = reader.read_event().map_err(|error| malformed(&error))?;
        let (begins, ends) = match &event {
            Event::Start(start) => (Some(start.local_name().as_ref().to_owned()), false),
            Event::Empty(empty) => (Some(empty.local_name().as_ref().to_owned()), true),
            Event::End(_) => (None, true),
            _ => (None, false),
        };
        if let Some(name) = begins {
            if open.is_empty() && (is_over || name != root) {
                // A name may be as long as the document.
                let shown: String = name.chars().take(MAX_QUOTED).collect();
                let text = format!("expected one `{root}`, found `{shown}`");
                return Err(Malformed(text));
            }
            if open.len() == MAX_DEPTH {
                return Err(Malformed("it is nested too deeply".to_owned()));
            }
            open.push((name, String::new()));
        }
        if ends {
            let path: Vec<&str> = open.iter().skip(1).map(|(name, _)| name.as_str()).collect();
            let (_, text) = open.last().expect("the reader matches end tags");
            if !path.is_empty() {
                ended(&path, text)?;
            }
            open.pop();
            is_over = open.is_empty();
            continue;
        }
        let found = match event {
            Event::Text(text) => text.xml10_content().into_owned(),
            Event::CData(data) => data.xml10_content().into_owned(),
            Event::GeneralRef(entity) => {
                let name = entity.xml10_content();
                let known = match name.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => None,
                };
                let resolved = entity
                    .resolve_char_ref()
                    .map_err(|error| malformed(&error))?
                    .or(known)
                    .ok_or_else(|| Malformed(format!("it has an entity `{name}`")))?;
                resolved.to_string()
            }
            Event::DocType(_) => return Err(Malformed("it has a document type".to_owned())),
            Event::Eof => break,
            _ => continue,
        };
        if let Some((_, text)) = open.last_mut() {
            text.push_str(&found);
        }
    }
    if is_over {
        Ok(())
    } else {
        Err(Malformed(format!("it has not one `{root}` that is closed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::new("Root");
        writer
            .leaf("A", "\"x\" < & ' 目\u{1} \r\n")
            .begin("B")
            .leaf("C", 5);
        let text = writer.finish();
        assert!(text.contains(
            "<A>&quot;x&quot; &lt; &amp; &apos; 目\u{FFFD} &#13;\n</A><B><C>5</C></B></Root>"
        ));
        let mut found = Vec::new();
        let ended = |path: &[&str], text: &str| {
            found.push((path.join("/"), text.to_owned()));
            Ok(())
        };
        read(text.as_bytes(), "Root", ended).expect("well formed");
        let expected = [
            ("A", "\"x\" < & ' 目\u{FFFD} \r\n"),
            ("B/C", "5"),
            ("B", ""),
        ];
        let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn hostile_documents_are_refused() {
        for text in [
            "",
            "plain",
            "<a>",
            "<a></b>",
            "<a/><a/>",
            "<a/><b/>",
            "<b/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a>&x;</a>",
            "<a><b><c><d><e></e></d></c></b></a>",
        ] {
            assert!(read(text.as_bytes(), "a", |_, _| Ok(())).is_err(), "{text}");
        }
        assert!(read(b"<a>\xff</a>", "a", |_, _| Ok(())).is_err());
    }

    #[test]
    fn reading_ends_with_what_is_refused() {
        let document = format!("<a>{}", "<b/>".repeat(1000));
        let mut count = 0;
        let result = read(document.as_bytes(), "a", |_, _| {
            count += 1;
            if count < 10 {
                Ok(())
            } else {
                Err(Malformed("enough".to_owned()))
            }
        });
        assert_eq!(result, Err(Malformed("enough".to_owned())));
        assert_eq!(count, 10);
    }
}
