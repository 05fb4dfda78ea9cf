//! A URL's query: the one processing rule in it, and the ordinary parameters beside it.

use percent_encoding::percent_decode_str;

use crate::command::verb;
use crate::error::Error;

/// A query, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The processing rule, where there is one.
    pub rule: Option<QueryRule>,
    /// Everything else, in its order: names and values, escapes read, `+` read as a space.
    pub parameters: Vec<(String, String)>,
}

/// The processing rule of a query: one item of it, or several that are read as if they were joined by `|`. Each item as a
/// whole is a parameter's name; its value is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryRule {
    /// The items as they stand in the query, escapes and trailing `=` included, one or more: what a signature is checked
    /// against. Where the signature covers one of them, it must cover all, or what it covers could be added to.
    pub raw: Vec<String>,
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

/// The items of a raw query, escapes unread; empty ones are passed over.
///
/// They are joined by `&`. A `?` joins as well where a rule stands before it or begins after it, since some write
/// `a.jpg?imageMogr2/thumbnail/160x?v=1` or `a.jpg?v=1?imageMogr2/thumbnail/160x`. Whoever asks what a signature covers has to take
/// the items from here, so that the same ones are judged and obeyed.
pub fn query_items(raw_query: &str) -> impl Iterator<Item = &str> {
    let parts = raw_query.split('&').flat_map(|part| {
        let mut rest = Some(part);
        std::iter::from_fn(move || {
            let text = rest?;
            // What stands before the first `?` tells whether the text begins with a rule: no name holds a `?`.
            let first = text.find('?').filter(|&at| is_rule(&text[..at]));
            let end = first.or_else(|| {
                let mut marks = text.match_indices('?').map(|(at, _)| at);
                marks.find(|&at| {
                    let after = &text[at + 1..];
                    is_rule(after.find('?').map_or(after, |end| &after[..end]))
                })
            });
            rest = end.map(|at| &text[at + 1..]);
            Some(end.map_or(text, |at| &text[..at]))
        })
    });
    parts.filter(|item| !item.is_empty())
}

fn is_rule(raw: &str) -> bool {
    let text = percent_decode_str(raw.trim_end_matches('=')).decode_utf8();
    text.is_ok_and(|text| verb(&text).is_some())
}

/// Takes apart the raw query of a URL: what stands after `?`, its percent escapes unread.
///
/// A rule may come in any of these forms, all read alike: `imageMogr2/format/jpg`, `imageMogr2%2Fformat%2Fjpg`, either
/// with `=` after it, `|` as `%7C`, base64 padding as `=` or `%3D`, its name in any letter case. Since padding means
/// nothing to the rules, every unescaped `=` at an item's end is left out of the text, whether it was padding or the
/// mark between name and value. Several rules are one, their stages in their order.
///
/// # Errors
///
/// [`Error::NotUtf8`] if an item is no text.
pub fn split_query(raw_query: &str) -> Result<Query, Error> {
    let mut query = Query::default();
    for (index, raw) in query_items(raw_query).enumerate() {
        let not_utf8 = |_| Error::NotUtf8 { number: index + 1 };
        let name = raw.trim_end_matches('=');
        let text = percent_decode_str(name).decode_utf8();
        if let Ok(text) = &text
            && verb(text).is_some()
        {
            match &mut query.rule {
                Some(rule) => {
                    rule.raw.push(raw.to_owned());
                    rule.text.push('|');
                    rule.text.push_str(text);
                }
                None => {
                    query.rule = Some(QueryRule {
                        raw: vec![raw.to_owned()],
                        text: text.clone().into_owned(),
                    });
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(raw_query: &str, raw: &str, text: &str) {
        let item = split_query(raw_query).unwrap().rule.unwrap();
        assert_eq!((item.raw, item.text.as_str()), (vec![raw.to_owned()], text));
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
    fn joins_several_rules_and_reads_a_second_question_mark() {
        #[track_caller]
        fn reads(raw_query: &str, raw: &[&str], text: &str, parameters: &[(&str, &str)]) {
            let query = split_query(raw_query).unwrap();
            let rule = query.rule.unwrap();
            assert_eq!(rule.raw, raw);
            assert_eq!(rule.text, text);
            let found = query.parameters.iter();
            let found: Vec<_> = found.map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(found, parameters);
        }
        let rule = "imageMogr2/thumbnail/160x";
        reads(
            "imageMogr2/strip&a=b&imageInfo",
            &["imageMogr2/strip", "imageInfo"],
            "imageMogr2/strip|imageInfo",
            &[("a", "b")],
        );
        reads(&format!("{rule}?v=1"), &[rule], rule, &[("v", "1")]);
        reads(&format!("v=1?{rule}"), &[rule], rule, &[("v", "1")]);
        reads(
            &format!("v=1?{rule}?versionId=2&x?y"),
            &[rule],
            rule,
            &[("v", "1"), ("versionId", "2"), ("x?y", "")],
        );
        reads(
            &format!("{rule}?{rule}="),
            &[rule, &format!("{rule}=")],
            &format!("{rule}|{rule}"),
            &[],
        );
        reads(
            "|IMAGEMOGR2/strip",
            &["|IMAGEMOGR2/strip"],
            "|IMAGEMOGR2/strip",
            &[],
        );
        reads(
            "imageView%2F1;imageslim",
            &["imageView%2F1;imageslim"],
            "imageView/1;imageslim",
            &[],
        );
        for none in [
            "watermark=1",
            "styles/a",
            "style",
            "a?b",
            "imageMogr3/x",
            "a=imageMogr2/strip",
        ] {
            assert_eq!(split_query(none).unwrap().rule, None, "{none}");
        }
    }

    #[test]
    fn refuses_bytes_that_are_no_text() {
        #[track_caller]
        fn refuses(raw_query: &str, message: &str) {
            assert_eq!(split_query(raw_query).unwrap_err().to_string(), message);
        }
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
