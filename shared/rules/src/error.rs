//! What can be wrong with a rule, a query or an image URL.

/// Why a rule or a query was refused. Everything here is the caller's mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no text.
    #[error("the rule is empty; a rule begins with `imageMogr2/`")]
    Empty,
    /// More stages than a pipeline may have.
    #[error("the rule has {found} stages joined by `|`; at most {max} are allowed")]
    TooManyStages {
        /// How many there are.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// Nothing between two `|`, or at an end.
    #[error("stage {stage} is empty; each stage joined by `|` begins with `imageMogr2/`")]
    EmptyStage {
        /// Which, from 1.
        stage: usize,
    },
    /// A verb of the API that is not built yet.
    #[error("{name} is not supported yet; imageMogr2 is")]
    UnsupportedStage {
        /// The verb.
        name: &'static str,
    },
    /// Not a verb of the API.
    #[error("unknown processing `{name}`; a stage begins with `imageMogr2/`")]
    UnknownStage {
        /// What stood there.
        name: String,
    },
    /// An operation of imageMogr2 that is not built yet.
    #[error("{name} is not supported yet; supported are {supported}")]
    UnsupportedOperation {
        /// The operation.
        name: &'static str,
        /// What is built.
        supported: String,
    },
    /// Not an operation of imageMogr2.
    #[error("unknown operation `{name}`; supported are {supported}")]
    UnknownOperation {
        /// What stood there.
        name: String,
        /// What is built.
        supported: String,
    },
    /// An operation that takes a value stands at the end.
    #[error("`{operation}` has no value; expected {expected}")]
    MissingValue {
        /// The operation.
        operation: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A value that the operation does not take.
    #[error("{operation}: expected {expected}, found `{found}`")]
    Value {
        /// The operation.
        operation: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What stood there.
        found: String,
    },
    /// A value of the API that is not built yet.
    #[error("{operation}: `{found}` is not supported yet; expected {supported}")]
    UnsupportedValue {
        /// The operation.
        operation: &'static str,
        /// What it takes for now.
        supported: &'static str,
        /// What stood there.
        found: String,
    },
    /// The same operation twice in one stage.
    #[error("`{operation}` is given twice in one stage; once is allowed")]
    Twice {
        /// The operation.
        operation: &'static str,
    },
    /// `duration` or `images` without `animate` before it.
    #[error("`{parameter}` stands without `animate` before it")]
    OutsideAnimate {
        /// The parameter.
        parameter: &'static str,
    },
    /// `animate` without something it needs.
    #[error("animate has no `{parameter}`; expected {expected}")]
    MissingParameter {
        /// The parameter.
        parameter: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// Operations that cannot stand in one stage with `animate`.
    #[error(
        "{operations} cannot stand beside animate in one stage; only ignore-error can, \
         and other stages can be joined by `|`"
    )]
    BesideAnimate {
        /// Which, in the order of the canonical rule, each in backquotes.
        operations: String,
    },
    /// An image named in `images` cannot be read as a URL.
    #[error("images: image {number}: {error}")]
    Image {
        /// Which of the stage's images, from 1.
        number: usize,
        /// What is wrong with it.
        error: ImageError,
    },
    /// A query with two rules.
    #[error(
        "the query has two processing rules, `{first}` and `{second}`; one is allowed, \
         with stages joined by `|`"
    )]
    TwoRules {
        /// The verb of the first.
        first: String,
        /// The verb of the second.
        second: String,
    },
    /// A query item that is not text once its escapes are read.
    #[error("query item {number} is not UTF-8 once its percent escapes are read")]
    NotUtf8 {
        /// Which item of the query, from 1.
        number: usize,
    },
}

impl Error {
    /// True where `ignore-error/1` answers with the original instead: values that are out of range or not understood.
    ///
    /// Rules that cannot be understood as a whole (unknown names, unsupported names, contradictions) are always errors.
    pub fn is_suppressible(&self) -> bool {
        match self {
            Self::MissingValue { .. }
            | Self::Value { .. }
            | Self::UnsupportedValue { .. }
            | Self::MissingParameter { .. }
            | Self::Image { .. } => true,
            Self::Empty
            | Self::TooManyStages { .. }
            | Self::EmptyStage { .. }
            | Self::UnsupportedStage { .. }
            | Self::UnknownStage { .. }
            | Self::UnsupportedOperation { .. }
            | Self::UnknownOperation { .. }
            | Self::Twice { .. }
            | Self::OutsideAnimate { .. }
            | Self::BesideAnimate { .. }
            | Self::TwoRules { .. }
            | Self::NotUtf8 { .. } => false,
        }
    }
}

/// Why the text of an image is not a URL of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not base64.
    #[error("`{found}` is not URL-safe base64 of an image URL")]
    Base64 {
        /// What stood there, cut short.
        found: String,
    },
    /// Base64 of something that is not text.
    #[error("the base64 holds no UTF-8 text; expected an image URL")]
    NotUtf8,
    /// Longer than any URL should be.
    #[error("the URL has {found} bytes; at most {max} are allowed")]
    TooLong {
        /// How many it has.
        found: usize,
        /// How many it may have.
        max: usize,
    },
    /// A character that has no place in a URL.
    #[error("the URL holds {found}; escape it with `%`")]
    Character {
        /// The character, named.
        found: String,
    },
    /// Not `http://` or `https://`.
    #[error("`{found}` does not begin with http:// or https://")]
    Scheme {
        /// The text, cut short.
        found: String,
    },
    /// A user name or password before the host.
    #[error("the URL has a user name or an `@` before its host; neither is allowed")]
    UserInfo,
    /// A `#`.
    #[error("the URL has a fragment (`#`); escape it as %23 or leave it out")]
    Fragment,
    /// Not a host name.
    #[error("`{found}` is not a host name of ASCII letters, digits, `-`, `_` and dots")]
    Host {
        /// What stood there, cut short.
        found: String,
    },
    /// An address in any of its spellings.
    #[error("`{found}` is an address; images are named by the host name of a bucket")]
    Address {
        /// What stood there, cut short.
        found: String,
    },
    /// Not a port.
    #[error("`{found}` is not a port; expected 1 to 65535")]
    Port {
        /// What stood there, cut short.
        found: String,
    },
    /// A path without an object's name.
    #[error("the URL names no object; a path is expected after the host")]
    NoKey,
    /// A `%` without two hexadecimal digits after it.
    #[error("`%` in the path is not followed by two hexadecimal digits; a `%` itself is %25")]
    Escape,
    /// A path that is not text once its escapes are read.
    #[error("the path is not UTF-8 once its percent escapes are read")]
    PathNotUtf8,
    /// A rule inside an image URL.
    #[error("the URL has a processing rule of its own; images are taken as they are stored")]
    Rule,
}

/// `text`, cut short so that an error message stays readable.
pub(crate) fn short(text: &str) -> String {
    const MAX: usize = 60;
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(MAX).collect();
    cut.push('…');
    cut
}
