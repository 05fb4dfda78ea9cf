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

    /// An element with text in it. Characters that XML cannot hold become U+FFFD.
    pub(crate) fn leaf(&mut self, name: &'static str, text: impl std::fmt::Display) -> &mut Self {
        let text: String = text
            .to_string()
            .chars()
            .map(|c| if is_xml_char(c) { c } else { '\u{FFFD}' })
            .collect();
        self.begin(name);
        // A carriage return would be read back as a line feed.
        self.text
            .push_str(&escape(text.as_str()).replace('\r', "&#13;"));
        self.end()
    }

    /// Closes everything.
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

/// An element as it was read: its children, or its text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Its name, without a name space prefix.
    pub(crate) name: String,
    /// Its text, entities resolved.
    pub(crate) text: String,
    /// Elements in it.
    pub(crate) children: Vec<Element>,
}

/// A document that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request's body is not the expected XML: {0}")]
pub(crate) struct Malformed(pub(crate) String);

impl Element {
    /// Reads a document: at most four levels, no document types, hence no entities of its own.
    ///
    /// # Errors
    ///
    /// [`Malformed`] says what was found.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const MAX_DEPTH: usize = 4;
        let text =
            std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8".to_owned()))?;
        let malformed = |error: &dyn std::fmt::Display| Malformed(error.to_string());
        let mut reader = quick_xml::Reader::from_str(text);
        let mut stack: Vec<Self> = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|error| malformed(&error))? {
                Event::Start(start) => {
                    if stack.len() > MAX_DEPTH {
                        return Err(Malformed("it is nested too deeply".to_owned()));
                    }
                    stack.push(Self {
                        name: start.local_name().as_ref().to_owned(),
                        ..Self::default()
                    });
                }
                Event::Empty(empty) => {
                    let name = empty.local_name().as_ref().to_owned();
                    let element = Self {
                        name,
                        ..Self::default()
                    };
                    stack
                        .last_mut()
                        .expect("the root is never popped")
                        .children
                        .push(element);
                }
                Event::End(_) => {
                    let element = stack.pop().expect("the reader matches end tags");
                    stack
                        .last_mut()
                        .expect("the root is never popped")
                        .children
                        .push(element);
                }
                Event::Text(text) => {
                    let text = text.xml10_content();
                    stack
                        .last_mut()
                        .expect("the root is never popped")
                        .text
                        .push_str(&text);
                }
                Event::CData(data) => {
                    let text = data.xml10_content();
                    stack
                        .last_mut()
                        .expect("the root is never popped")
                        .text
                        .push_str(&text);
                }
                Event::GeneralRef(entity) => {
                    let name = entity.xml10_content();
                    let resolved = entity
                        .resolve_char_ref()
                        .map_err(|error| malformed(&error))?
                        .or_else(|| match name.as_ref() {
                            "amp" => Some('&'),
                            "lt" => Some('<'),
                            "gt" => Some('>'),
                            "quot" => Some('"'),
                            "apos" => Some('\''),
                            _ => None,
                        })
                        .ok_or_else(|| Malformed(format!("it has an entity `{name}`")))?;
                    stack
                        .last_mut()
                        .expect("the root is never popped")
                        .text
                        .push(resolved);
                }
                Event::DocType(_) => return Err(Malformed("it has a document type".to_owned())),
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
        let mut top = stack.pop().expect("the root is never popped");
        if !stack.is_empty() || top.children.len() != 1 {
            return Err(Malformed("it has not one root that is closed".to_owned()));
        }
        Ok(top.children.remove(0))
    }

    /// The text of the child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&str> {
        self.children
            .iter()
            .find(|child| child.name == name)
            .map(|child| child.text.trim())
    }

    /// All children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
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
        let root = Element::parse(text.as_bytes()).expect("well formed");
        assert_eq!(root.name, "Root");
        assert_eq!(root.child("A"), Some("\"x\" < & ' 目\u{FFFD}"));
        assert_eq!(root.children[1].child("C"), Some("5"));
    }

    #[test]
    fn hostile_documents_are_refused() {
        for text in [
            "",
            "plain",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a>&x;</a>",
            "<a><b><c><d><e></e></d></c></b></a>",
        ] {
            assert!(Element::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Element::parse(b"<a>\xff</a>").is_err());
    }
}
