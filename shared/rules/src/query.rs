//! A URL's query: the one processing rule in it, and the ordinary parameters beside it.

use percent_encoding::percent_decode_str;

use crate::Error;

/// The verbs that begin a processing rule.
const VERBS: [&str; 9] = [
    "imageMogr2",
    "imageView2",
    "watermark",
    "imageInfo",
    "imageAve",
    "exif",
    "imageSlim",
    "QRcode",
    "style",
];

/// A query, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The processing rule, where there is one.
    pub rule: Option<RuleItem>,
    /// Everything else, in its order: names and values, escapes read, `+` read as a space.
    pub parameters: Vec<(String, String)>,
}

/// The item of a query that is a processing rule. The whole item is the parameter's name; its value is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleItem {
    /// As it stands in the query, escapes and trailing `=` included: what a signature is checked against.
    pub raw: String,
    /// The text for [`Rule::parse`](crate::Rule::parse): escapes read once, `+` kept, unescaped `=` at the end cut off.
    pub text: String,
}

impl Query {
    /// The value of the first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|p| p.0 == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Takes apart the raw query of a URL: what stands after `?`, its percent escapes unread.
///
/// A rule may come in any of these forms, all read alike: `imageMogr2/format/jpg`, `imageMogr2%2Fformat%2Fjpg`, either
/// with `=` after it, `|` as `%7C`, base64 padding as `=` or `%3D`. Since padding means nothing to the rules, every
/// unescaped `=` at the item's end is left out of the text, whether it was padding or the mark between name and value.
///
/// # Errors
///
/// [`Error::TwoRules`] if there is more than one rule, [`Error::NotUtf8`] if an item is no text.
pub fn split_query(raw_query: &str) -> Result<Query, Error> {
    let mut query = Query::default();
    for (index, raw) in raw_query.split('&').enumerate() {
        if raw.is_empty() {
            continue;
        }
        let not_utf8 = |_| Error::NotUtf8 { number: index + 1 };
        let name = raw.trim_end_matches('=');
        let text = percent_decode_str(name).decode_utf8();
        if let Some(second) = text.as_ref().ok().and_then(|text| verb(text)) {
            if let Some(first) = query.rule {
                return Err(Error::TwoRules {
                    first: verb(&first.text).unwrap_or_default().to_owned(),
                    second: second.to_owned(),
                });
            }
            query.rule = Some(RuleItem {
                raw: raw.to_owned(),
                text: text.map_err(not_utf8)?.into_owned(),
            });
            continue;
        }
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8();
            decoded.map(std::borrow::Cow::into_owned).map_err(not_utf8)
        };
        query.parameters.push((decode(name)?, decode(value)?));
    }
    Ok(query)
}

/// The verb that a decoded item begins with, if it is a processing rule.
fn verb(text: &str) -> Option<&str> {
    let end = text.find(['/', '|', '=']).unwrap_or(text.len());
    let verb = &text[..end];
    // `?style` alone is the bucket's list of styles, not a rule.
    let rule = VERBS.contains(&verb) && (verb != "style" || text[end..].starts_with('/'));
    rule.then_some(verb)
}
