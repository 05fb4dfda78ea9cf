//! The `Pic-Operations` document: JSON to typed operations, and where each result is stored.

use rules::{Rule, Stage};
use serde::Deserialize;

use crate::escape;
use crate::storage::{BadKey, ObjectKey};

/// A checked `Pic-Operations` document.
#[derive(Clone, Debug, PartialEq)]
pub struct PicOperations {
    /// The answer describes the original as well.
    pub is_pic_info: bool,
    /// What to make, in order.
    pub operations: Vec<PicOperation>,
}

/// One rule and where its result goes.
#[derive(Clone, Debug, PartialEq)]
pub struct PicOperation {
    /// The target bucket; `None` is the source's.
    pub bucket: Option<String>,
    /// As it was given, decoded.
    pub fileid: String,
    /// What to make; or, where the rule asks for `ignore-error/1`, which value of it cannot be: the source stands in then.
    pub rule: Result<Rule, rules::Error>,
}

/// Why a document is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// Header bytes that are no text.
    #[error("Pic-Operations is not UTF-8")]
    NotUtf8,
    /// No JSON, or not the expected members.
    #[error("Pic-Operations is not the expected JSON: {0}")]
    Json(String),
    /// `is_pic_info` is neither 0 nor 1.
    #[error("is_pic_info: expected 0 or 1, found {0}")]
    IsPicInfo(i64),
    /// Too many rules.
    #[error("Pic-Operations has {0} rules; at most {max} are allowed", max = PicOperations::MAX_RULES)]
    TooManyRules(usize),
    /// A rule without a target.
    #[error("rule {0} has no fileid")]
    NoFileId(usize),
    /// A target that cannot be.
    #[error("rule {number}: fileid `{fileid}` {reason}")]
    FileId {
        /// Which rule, from 1.
        number: usize,
        /// As it was given.
        fileid: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule whose result is no picture, which is answered to GET and HEAD only.
    #[error(
        "rule {number} (fileid `{fileid}`): {command} makes no picture to store; ask for it with GET"
    )]
    NoPicture {
        /// Which rule, from 1.
        number: usize,
        /// Its target.
        fileid: String,
        /// `imageInfo`, `imageAve` or `exif`.
        command: &'static str,
    },
    /// A rule that cannot be read.
    #[error("rule {number} (fileid `{fileid}`): {source}")]
    Rule {
        /// Which rule, from 1.
        number: usize,
        /// Its target.
        fileid: String,
        /// What is wrong with it.
        #[source]
        source: rules::Error,
    },
}

#[derive(Deserialize)]
struct Document {
    is_pic_info: Option<i64>,
    rules: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    bucket: Option<String>,
    fileid: Option<String>,
    rule: Option<String>,
}

impl PicOperations {
    /// Rules in one document at most.
    pub const MAX_RULES: usize = 5;

    /// Reads the header's bytes: JSON as it is, neither escaped nor base64.
    ///
    /// A missing or `null` list of rules asks for nothing. White space inside a rule counts for nothing.
    ///
    /// # Errors
    ///
    /// [`Error`] names the rule at fault.
    pub fn parse(header: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(header).map_err(|_| Error::NotUtf8)?;
        let document: Document =
            serde_json::from_str(text).map_err(|error| Error::Json(error.to_string()))?;
        let is_pic_info = match document.is_pic_info {
            None | Some(0) => false,
            Some(1) => true,
            Some(other) => return Err(Error::IsPicInfo(other)),
        };
        let items = document.rules.unwrap_or_default();
        if items.len() > Self::MAX_RULES {
            return Err(Error::TooManyRules(items.len()));
        }
        let operations = items
            .into_iter()
            .enumerate()
            .map(|(n, item)| item.check(n + 1))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            is_pic_info,
            operations,
        })
    }
}

impl Item {
    fn check(self, number: usize) -> Result<PicOperation, Error> {
        let fileid = match self.fileid {
            Some(fileid) if !fileid.is_empty() => fileid,
            _ => return Err(Error::NoFileId(number)),
        };
        let wrong = |reason: String| Error::FileId {
            number,
            fileid: fileid.clone(),
            reason,
        };
        let decoded = escape::decode(&fileid)
            .ok_or_else(|| wrong("is not percent-encoded UTF-8".to_owned()))?;
        if decoded.ends_with('/') {
            return Err(wrong("ends in `/`, which leaves the name empty".to_owned()));
        }
        let text: String = self
            .rule
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .collect();
        let rule = match Rule::parse(&text) {
            Err(error) if !error.is_suppressible() || !Rule::asks_to_ignore_errors(&text) => {
                return Err(Error::Rule {
                    number,
                    fileid: fileid.clone(),
                    source: error,
                });
            }
            rule => rule,
        };
        if let Ok(rule) = &rule
            && let Some(Stage::Info(info)) = rule.stages().last()
        {
            let command = info.command();
            return Err(Error::NoPicture {
                number,
                fileid: fileid.clone(),
                command,
            });
        }
        Ok(PicOperation {
            bucket: self.bucket.filter(|bucket| !bucket.is_empty()),
            fileid: decoded,
            rule,
        })
    }
}

impl PicOperation {
    /// The key under which the result of `source` is stored: absolute with a leading slash, else in the source's
    /// folder.
    ///
    /// # Errors
    ///
    /// [`BadKey`] where the two together make no key.
    pub fn target(&self, source: &ObjectKey) -> Result<ObjectKey, BadKey> {
        if let Some(absolute) = self.fileid.strip_prefix('/') {
            return ObjectKey::new(absolute);
        }
        let folder = source
            .as_str()
            .rfind('/')
            .map_or("", |slash| &source.as_str()[..=slash]);
        ObjectKey::new(format!("{folder}{}", self.fileid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn target(source: &str, fileid: &str, expected: &str) {
        let json =
            format!(r#"{{"rules":[{{"fileid":"{fileid}","rule":"imageMogr2/interlace/1"}}]}}"#);
        let operations = PicOperations::parse(json.as_bytes())
            .expect("well formed")
            .operations;
        let source = ObjectKey::new(source).expect("a key");
        assert_eq!(
            operations[0].target(&source).expect("a key").as_str(),
            expected
        );
    }

    #[test]
    fn results_go_where_the_documentation_says() {
        target("p1/test1.jpg", "/p2/test2.jpg", "p2/test2.jpg");
        target("p1/test1.jpg", "p2/test2.jpg", "p1/p2/test2.jpg");
        target("filename.jpg", "test.jpg", "test.jpg");
        target("a/b.jpg", "%E7%9B%AE+%20.jpg", "a/目+ .jpg");
    }

    #[track_caller]
    fn refuses(json: &str, message: &str) {
        let error = PicOperations::parse(json.as_bytes()).expect_err(json);
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn says_what_was_wrong() {
        let rule = r#"{"fileid":"a.jpg","rule":"imageMogr2/interlace/1"}"#;
        let rules = |n: usize| format!(r#"{{"rules":[{}]}}"#, vec![rule; n].join(","));
        refuses("{", "not the expected JSON");
        refuses("[]", "not the expected JSON");
        refuses(r#"{"is_pic_info":2}"#, "expected 0 or 1, found 2");
        refuses(&rules(6), "6 rules; at most 5");
        refuses(
            r#"{"rules":[{"rule":"imageMogr2/interlace/1"}]}"#,
            "rule 1 has no fileid",
        );
        refuses(
            r#"{"rules":[{"fileid":"a/","rule":"imageMogr2/interlace/1"}]}"#,
            "ends in `/`",
        );
        refuses(
            r#"{"rules":[{"fileid":"a%zz","rule":"imageMogr2/interlace/1"}]}"#,
            "percent-encoded",
        );
        refuses(
            r#"{"rules":[{"fileid":"a.jpg","rule":"imageMogr2/interlace/2"}]}"#,
            "interlace",
        );
        refuses(r#"{"rules":[{"fileid":"a.jpg"}]}"#, "rule 1");
        assert_eq!(PicOperations::parse(b"\xff"), Err(Error::NotUtf8));
        assert!(PicOperations::parse(rules(5).as_bytes()).is_ok());
        for nothing in ["{}", r#"{"rules":null}"#, r#"{"is_pic_info":1,"rules":[]}"#] {
            assert!(
                PicOperations::parse(nothing.as_bytes())
                    .expect(nothing)
                    .operations
                    .is_empty()
            );
        }
    }

    #[test]
    fn white_space_inside_a_rule_counts_for_nothing() {
        let json = "{\"rules\":[{\"fileid\":\"a.jpg\",\"rule\":\"imageMogr2/\\n\\t format/jpg/ interlace/1\"}]}";
        let parsed = PicOperations::parse(json.as_bytes()).expect("well formed");
        let plain = Rule::parse("imageMogr2/format/jpg/interlace/1");
        assert_eq!(parsed.operations[0].rule, plain);
    }

    #[test]
    fn ignore_error_takes_values_that_cannot_be_and_nothing_else() {
        let rule = |text: &str| {
            let json = format!(r#"{{"rules":[{{"fileid":"a","rule":"imageMogr2/{text}"}}]}}"#);
            PicOperations::parse(json.as_bytes()).map(|mut parsed| parsed.operations.remove(0).rule)
        };
        assert!(matches!(rule("interlace/7/ignore-error/1"), Ok(Err(_))));
        assert!(matches!(rule("interlace/1/ignore-error/1"), Ok(Ok(_))));
        assert!(rule("interlace/7").is_err());
        assert!(rule("nonsense/7/ignore-error/1").is_err());
        assert!(rule("thumbnail/7x/ignore-error/1").is_err());
    }
}
