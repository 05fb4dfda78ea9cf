//! The patterns of a statement: actions, resources and principals, in which `*` stands for any text.

use std::fmt;

use super::question::{Action, Principal, Question};

/// Whether `text` is what `pattern` says; `*` is any run of characters, slashes among them, and nothing else is special.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            t = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// `name/cos:GetObject`, `cos:Get*`, `*`.
#[derive(Debug, Clone)]
pub(super) struct ActionPattern(String);

impl ActionPattern {
    pub(super) fn any() -> Self {
        Self("*".into())
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let pattern = text.strip_prefix("name/").unwrap_or(text);
        let expected = || "an action such as `name/cos:GetObject`, `cos:Get*` or `*`".to_string();
        if pattern == "*" {
            return Ok(Self::any());
        }
        let (service, name) = pattern.split_once(':').ok_or_else(expected)?;
        let letters = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'*')
        };
        if !letters(service) || !letters(name) {
            return Err(expected());
        }
        // A deny that is misspelled would deny nothing.
        match Action::ALL
            .into_iter()
            .find(|action| action.name().eq_ignore_ascii_case(pattern))
        {
            Some(action) if action.name() != pattern => {
                Err(format!("`{action}`, as letter case counts"))
            }
            _ => Ok(Self(pattern.into())),
        }
    }

    pub(super) fn matches(&self, action: Action) -> bool {
        matches(&self.0, action.name())
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `qcs::cos:<region>:uid/<appid>:<bucket>/<key>`, or `*`.
#[derive(Debug, Clone)]
pub(super) struct ResourcePattern {
    service: String,
    region: String,
    account: String,
    object: String,
}

impl ResourcePattern {
    pub(super) fn any() -> Self {
        let any = || String::from("*");
        Self {
            service: any(),
            region: any(),
            account: any(),
            object: any(),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "`*` or `qcs::cos:<region>:uid/<appid>:<bucket>/<key>`";
        if text == "*" {
            return Ok(Self::any());
        }
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let ["qcs", "", service, region, account, object] = parts[..] else {
            return Err(EXPECTED.into());
        };
        let account = match account {
            "" | "*" => "*",
            account => account
                .strip_prefix("uid/")
                .filter(|id| !id.is_empty())
                .ok_or(EXPECTED)?,
        };
        if service.is_empty() || object.is_empty() {
            return Err(EXPECTED.into());
        }
        if object.starts_with("prefix//") {
            return Err(format!(
                "{EXPECTED}; the older form `prefix//<appid>/<bucket>/<key>` is not supported"
            ));
        }
        let region = if region.is_empty() { "*" } else { region };
        Ok(Self {
            service: service.into(),
            region: region.into(),
            account: account.into(),
            object: object.into(),
        })
    }

    pub(super) fn matches(&self, question: &Question<'_>) -> bool {
        self.is_in_reach(question)
            && (matches(
                &self.object,
                &format!("{}/{}", question.bucket, question.key),
            ) || question.key.is_empty() && matches(&self.object, question.bucket))
    }

    /// Whether it matches the question with some key in the place of its own.
    pub(super) fn matches_some_key(&self, question: &Question<'_>) -> bool {
        let before = format!("{}/", question.bucket);
        // What is left of the pattern is a key, with nothing in the place of each `*`.
        let begins = |end: usize| {
            let begin = self.object.get(..end);
            begin.is_some_and(|begin| matches(begin, &before))
        };
        self.is_in_reach(question) && (0..=self.object.len()).any(begins)
    }

    /// Whether it matches the question with every key in the place of its own.
    pub(super) fn matches_every_key(&self, question: &Question<'_>) -> bool {
        self.is_in_reach(question)
            && self.object.ends_with('*')
            && matches(&self.object, &format!("{}/", question.bucket))
    }

    /// Whether its service, region and account are those of the question.
    fn is_in_reach(&self, question: &Question<'_>) -> bool {
        // A bucket is named `<name>-<appid>`; where it is not, its owner is not known, and any account fits.
        let account = question
            .bucket
            .rsplit_once('-')
            .map(|(_, id)| id)
            .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        matches(&self.service, "cos")
            && question
                .region
                .is_none_or(|region| matches(&self.region, region))
            && account.is_none_or(|account| matches(&self.account, account))
    }
}

/// A principal of a bucket policy.
#[derive(Debug, Clone)]
pub(super) enum PrincipalPattern {
    /// `*` or `qcs::cam::anonymous:anonymous`: who needs no signature may as well have one.
    Everyone,
    /// `qcs::cam::uin/<owner>:uin/<sub>`, with `*`.
    Named(String),
}

impl PrincipalPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "*" | "qcs::cam::anonymous:anonymous" => Ok(Self::Everyone),
            text if text
                .strip_prefix("qcs::cam::uin/")
                .is_some_and(|rest| rest.contains(':')) =>
            {
                Ok(Self::Named(text.into()))
            }
            _ => Err("`qcs::cam::uin/<owner>:uin/<sub>` or `qcs::cam::anonymous:anonymous`".into()),
        }
    }

    pub(super) fn matches(&self, principal: Principal<'_>) -> bool {
        match (self, principal) {
            (Self::Everyone, _) => true,
            (Self::Named(pattern), Principal::Key(name)) => matches(pattern, name),
            (Self::Named(_), Principal::Anonymous) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("a*", "ab/c", true),
            ("*.jpg", "a/b.jpg", true),
            ("*.jpg", "a/b.jpg.png", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**", "a", true),
            ("a", "A", false),
            ("图*", "图片", true),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
