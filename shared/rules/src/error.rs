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
    /// More operations that change pixels than a rule may have.
    #[error("the rule has {found} operations that change pixels; at most {max} are allowed")]
    TooManyOperations {
        /// How many there are.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// A stage after one that answers no picture.
    #[error("{name} answers text and must be the last stage; another one follows")]
    NotLast {
        /// The command that must be last.
        name: &'static str,
    },
    /// `style` without a name.
    #[error("style has no name; expected style/<name>")]
    NoStyle,
    /// Known elsewhere, and not ours to do.
    #[error("{name} is not supported")]
    Refused {
        /// The command, operation or kind of mark.
        name: &'static str,
    },
    /// A verb of the API that is not built yet.
    #[error("{name} is not supported yet; supported are {supported}")]
    UnsupportedStage {
        /// The verb.
        name: &'static str,
        /// What is built.
        supported: String,
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
    /// Not an operation of the command.
    #[error("unknown operation `{name}`; {}", meant(*near, supported))]
    UnknownOperation {
        /// What stood there.
        name: String,
        /// A name like it.
        near: Option<&'static str>,
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
    /// Base64 that does not hold what the operation takes, or is none.
    #[error("{operation}: expected {expected}, found `{found}`")]
    Encoded {
        /// The operation.
        operation: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What stood there.
        found: String,
    },
    /// A format that is not written.
    #[error("format: `{found}` is {state}; written are {written}")]
    Format {
        /// What stood there.
        found: String,
        /// Why not, in words.
        state: &'static str,
        /// Which are.
        written: String,
    },
    /// A parameter of `animate` without `animate` before it.
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
    /// The image of a watermark cannot be read as a URL.
    #[error("image: {error}")]
    MarkImage {
        /// What is wrong with it.
        error: ImageError,
    },
    /// The rule in the URL of a watermark's image.
    #[error("the rule in the URL of a watermark's image: {error}")]
    Nested {
        /// What is wrong with it.
        error: Box<Error>,
    },
    /// A rule in the URL of a watermark's image that holds what it may not.
    #[error(
        "the rule in the URL of a watermark's image has {found}; imageMogr2 without animate, imageView2 and watermark \
         with plain images are allowed"
    )]
    NestedStage {
        /// What it holds.
        found: String,
    },
    /// More watermark images than a rule may name.
    #[error("the rule names {found} watermark images; at most {max} are allowed")]
    TooManyMarks {
        /// How many there are, those in the URLs of images as well.
        found: usize,
        /// How many may be.
        max: usize,
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
            | Self::Encoded { .. }
            | Self::Format { .. }
            | Self::MissingParameter { .. }
            | Self::Image { .. }
            | Self::MarkImage { .. } => true,
            Self::Nested { error } => error.is_suppressible(),
            Self::Empty
            | Self::TooManyStages { .. }
            | Self::TooManyOperations { .. }
            | Self::TooManyMarks { .. }
            | Self::NotLast { .. }
            | Self::NoStyle
            | Self::Refused { .. }
            | Self::UnsupportedStage { .. }
            | Self::UnknownStage { .. }
            | Self::UnsupportedOperation { .. }
            | Self::UnknownOperation { .. }
            | Self::OutsideAnimate { .. }
            | Self::BesideAnimate { .. }
            | Self::NestedStage { .. }
            | Self::NotUtf8 { .. } => false,
        }
    }

    /// True where the fault lies in base64.
    ///
    /// A signature does not cover letter case, which base64 lives by: on a signed request such a fault must not be hidden,
    /// or whoever changes a letter of it gets the original where a rule was signed.
    pub fn is_in_base64(&self) -> bool {
        matches!(
            self,
            Self::Encoded { .. }
                | Self::Image { .. }
                | Self::MarkImage { .. }
                | Self::Nested { .. }
        )
    }

    /// True where an image that the rule names is at fault.
    pub fn is_of_image(&self) -> bool {
        matches!(self, Self::Image { .. } | Self::MarkImage { .. })
    }
}

/// The name that was probably meant, or all that there are.
fn meant(near: Option<&'static str>, supported: &str) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("supported are {supported}"),
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
    /// A rule inside the URL of a frame.
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
