//! A URL's query: the one processing rule in it, and the ordinary parameters beside it.

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// The verbs that begin a processing rule.
pub const VERBS: [&str; 9] = [
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

/// The verb that a decoded item of a query begins with, if the item is a processing rule.
pub fn verb(text: &str) -> Option<&str> {
    let end = text.find(['/', '|', '=']).unwrap_or(text.len());
    let verb = &text[..end];
    // `?style` alone is the bucket's list of styles, not a rule.
    let rule = VERBS.contains(&verb) && (verb != "style" || text[end..].starts_with('/'));
    rule.then_some(verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(raw_query: &str, raw: &str, text: &str) {
        let item = split_query(raw_query).unwrap().rule.unwrap();
        assert_eq!((item.raw.as_str(), item.text.as_str()), (raw, text));
    }

    #[test]
    fn finds_the_rule_in_every_wire_form() {
        let text = "imageMogr2/format/jpg/interlace/1";
        let escaped = "imageMogr2%2Fformat%2Fjpg%2Finterlace%2F1";
        finds(text, text, text);
        finds(&format!("{text}="), &format!("{text}="), text);
        finds(escaped, escaped, text);
        finds(&format!("{escaped}="), &format!("{escaped}="), text);
        finds(&format!("versionId=3&{text}&x=y"), text, text);
        finds(
            "imageMogr2/strip%7CimageMogr2/strip",
            "imageMogr2/strip%7CimageMogr2/strip",
            "imageMogr2/strip|imageMogr2/strip",
        );
        finds("imageInfo=", "imageInfo=", "imageInfo");
        finds("exif", "exif", "exif");
        finds(
            "imageMogr2/thumbnail/640x640%3E|imageView2/1",
            "imageMogr2/thumbnail/640x640%3E|imageView2/1",
            "imageMogr2/thumbnail/640x640>|imageView2/1",
        );
    }

    #[test]
    fn keeps_base64_whole() {
        // Padding raw at the end, raw in the middle, escaped with the separator after it.
        finds(
            "watermark/2/fill/I0ZGRkZGRg==/fontsize/30",
            "watermark/2/fill/I0ZGRkZGRg==/fontsize/30",
            "watermark/2/fill/I0ZGRkZGRg==/fontsize/30",
        );
        finds(
            "imageMogr2/animate/images/aa+b==&a=b",
            "imageMogr2/animate/images/aa+b==",
            "imageMogr2/animate/images/aa+b",
        );
        finds(
            "imageMogr2%2Fanimate%2Fimages%2Faa%2Bb%3D%3D=",
            "imageMogr2%2Fanimate%2Fimages%2Faa%2Bb%3D%3D=",
            "imageMogr2/animate/images/aa+b==",
        );
    }

    #[test]
    fn reads_ordinary_parameters() {
        let query = split_query(
            "image_process&response-content-type=image%2Fjpeg&a=b+c%2B%20d=e&&empty=&style&%C3%BC=1",
        )
        .unwrap();
        assert_eq!(query.rule, None);
        let pairs: Vec<(&str, &str)> = query
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("image_process", ""),
                ("response-content-type", "image/jpeg"),
                ("a", "b c+ d=e"),
                ("empty", ""),
                ("style", ""),
                ("ü", "1"),
            ]
        );
        assert_eq!(query.parameter("response-content-type"), Some("image/jpeg"));
        assert_eq!(query.parameter("b"), None);
        assert_eq!(split_query("").unwrap(), Query::default());
    }

    #[test]
    fn refuses_two_rules_and_bytes_that_are_no_text() {
        #[track_caller]
        fn refuses(raw_query: &str, message: &str) {
            assert_eq!(split_query(raw_query).unwrap_err().to_string(), message);
        }
        refuses(
            "imageMogr2/strip&imageInfo",
            "the query has two processing rules, `imageMogr2` and `imageInfo`; one is allowed, \
             with stages joined by `|`",
        );
        refuses(
            "a=1&b=%FF",
            "query item 2 is not UTF-8 once its percent escapes are read",
        );
        // Refused, and not taken for an ordinary parameter that could be overlooked.
        refuses(
            "imageMogr2/%FF",
            "query item 1 is not UTF-8 once its percent escapes are read",
        );
    }
}
