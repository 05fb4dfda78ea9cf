//! Access policies: CAM 2.0 documents, and what they say about one action on one object.
//!
//! An explicit deny always wins; what no statement allows is denied (COS documentation, "Access policy language").

mod json;
mod network;
mod parse;
mod pattern;

use std::{fmt, net::IpAddr};

use network::Network;
use pattern::{ActionPattern, PrincipalPattern, ResourcePattern};

/// Where a policy is attached, which decides whether its statements name principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// To a key: a `principal` is refused, since the key is the principal.
    Key,
    /// To requests without a signature: a `principal` may stand, and must then be everyone.
    Anonymous,
    /// To a bucket: every statement has a `principal`.
    Bucket,
}

/// Why a policy document is refused. `at` is the place in the document: `statement[0].condition`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON, or an object of it gives a name twice.
    #[error("policy is not valid JSON")]
    Json(#[source] serde_json::Error),
    /// A name that has no meaning there, or none yet.
    #[error("{at}: `{name}` is not supported; allowed are {allowed}")]
    UnknownName {
        /// The place.
        at: String,
        /// What was found.
        name: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A name that must be there and is not.
    #[error("{at}: `{name}` is missing")]
    Missing {
        /// The place.
        at: String,
        /// What is missing.
        name: &'static str,
    },
    /// A value that cannot stand there.
    #[error("{at}: found {found}, expected {expected}")]
    Value {
        /// The place.
        at: String,
        /// What was found.
        found: String,
        /// What may stand there.
        expected: String,
    },
}

/// What a request wants to do, named as in policies (`cos:GetObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are COS's own.
pub enum Action {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    DeleteMultipleObjects,
    DeleteObject,
    GetBucket,
    GetObject,
    HeadBucket,
    HeadObject,
    InitiateMultipartUpload,
    ListMultipartUploads,
    ListParts,
    OptionsObject,
    PostObject,
    PutObject,
    UploadPart,
}

impl Action {
    /// Every action, in the order of their names.
    pub const ALL: [Self; 15] = [
        Self::AbortMultipartUpload,
        Self::CompleteMultipartUpload,
        Self::DeleteMultipleObjects,
        Self::DeleteObject,
        Self::GetBucket,
        Self::GetObject,
        Self::HeadBucket,
        Self::HeadObject,
        Self::InitiateMultipartUpload,
        Self::ListMultipartUploads,
        Self::ListParts,
        Self::OptionsObject,
        Self::PostObject,
        Self::PutObject,
        Self::UploadPart,
    ];

    /// `cos:` and COS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AbortMultipartUpload => "cos:AbortMultipartUpload",
            Self::CompleteMultipartUpload => "cos:CompleteMultipartUpload",
            Self::DeleteMultipleObjects => "cos:DeleteMultipleObjects",
            Self::DeleteObject => "cos:DeleteObject",
            Self::GetBucket => "cos:GetBucket",
            Self::GetObject => "cos:GetObject",
            Self::HeadBucket => "cos:HeadBucket",
            Self::HeadObject => "cos:HeadObject",
            Self::InitiateMultipartUpload => "cos:InitiateMultipartUpload",
            Self::ListMultipartUploads => "cos:ListMultipartUploads",
            Self::ListParts => "cos:ListParts",
            Self::OptionsObject => "cos:OptionsObject",
            Self::PostObject => "cos:PostObject",
            Self::PutObject => "cos:PutObject",
            Self::UploadPart => "cos:UploadPart",
        }
    }

    /// The action of this name, with or without `name/` and `cos:` before it.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("name/").unwrap_or(name);
        let name = name.strip_prefix("cos:").unwrap_or(name);
        Self::ALL
            .into_iter()
            .find(|action| action.name()[4..] == *name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who asks, as bucket policies name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// A request without a signature.
    Anonymous,
    /// A key; its `qcs::cam::uin/<owner>:uin/<sub>`, or empty where it has none.
    Key(&'a str),
}

/// One action on one object, to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// What is asked for.
    pub action: Action,
    /// The bucket as COS clients call it, `examples-1250000000`.
    pub bucket: &'a str,
    /// The bucket's region by configuration, never by the request's host; `None` fits every region.
    pub region: Option<&'a str>,
    /// The object key, decoded, without a leading slash of the path; empty for the bucket itself.
    pub key: &'a str,
    /// The client's address, where the front knows it for certain.
    pub address: Option<IpAddr>,
}

/// A parsed policy document.
#[derive(Debug, Clone)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    effect: Effect,
    sid: Option<String>,
    /// `None` where the document is not a bucket's: everyone it is attached to.
    principals: Option<Vec<PrincipalPattern>>,
    actions: Vec<ActionPattern>,
    resources: Vec<ResourcePattern>,
    conditions: Vec<Condition>,
}

/// What a statement does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Permits, unless something denies.
    Allow,
    /// Forbids, whatever permits.
    Deny,
}

#[derive(Debug, Clone)]
struct Condition {
    /// `ip_not_equal` rather than `ip_equal`.
    negated: bool,
    networks: Vec<Network>,
}

/// What a policy, or several, say to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This statement allows, and none denies.
    Allowed(Basis),
    /// This statement denies.
    Denied(Basis),
    /// No statement allows.
    NotAllowed,
}

/// The statement that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Which of the policies, counted from 0.
    pub policy: usize,
    /// Which statement of it, counted from 0.
    pub statement: usize,
    /// Its `sid`, where it has one.
    pub sid: Option<String>,
}

impl Decision {
    /// Whether the action may go on.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed(_))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, basis) = match self {
            Decision::Allowed(basis) => ("allowed", basis),
            Decision::Denied(basis) => ("denied", basis),
            Decision::NotAllowed => return f.write_str("denied: no statement allows it"),
        };
        write!(f, "{word} by statement[{}]", basis.statement)?;
        match &basis.sid {
            Some(sid) => write!(f, " (`{sid}`)"),
            None => Ok(()),
        }
    }
}

impl Policy {
    /// Reads a CAM 2.0 document.
    ///
    /// - Names may begin with a capital, as in the documentation of bucket policies (`Statement`, `Effect`, `Action`).
    /// - `principal`: in each statement, or once beside them all.
    /// - `action`: with or without `name/`, `*`, and `*` within (`cos:Get*`).
    /// - `resource`: `*` or `qcs::cos:<region>:uid/<appid>:<bucket>/<key>`, each part with `*`; keys are not escaped.
    /// - `condition`: `ip_equal` and `ip_not_equal` on `qcs:ip`, addresses and CIDR blocks, IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// [`Error`], which names the place; what is not understood is refused, never skipped.
    pub fn parse(text: &str, attachment: Attachment) -> Result<Self, Error> {
        parse::policy(text, attachment)
    }

    /// What is understood and yet means nothing here: actions that this service does not know. A deny of a misspelled
    /// action denies nothing.
    pub fn warnings(&self) -> Vec<String> {
        let statements = self.statements.iter().enumerate();
        statements
            .flat_map(|(index, statement)| {
                let idle = statement.actions.iter().filter(|pattern| {
                    !Action::ALL
                        .into_iter()
                        .any(|action| pattern.matches(action))
                });
                idle.map(move |pattern| {
                    format!("statement[{index}].action: `{pattern}` is no action that this service knows")
                })
            })
            .collect()
    }

    /// The policy that allows everything.
    pub fn open() -> Self {
        let statement = Statement {
            effect: Effect::Allow,
            sid: Some("open".into()),
            principals: None,
            actions: vec![ActionPattern::any()],
            resources: vec![ResourcePattern::any()],
            conditions: Vec::new(),
        };
        Self {
            statements: vec![statement],
        }
    }

    /// What this policy alone says.
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        decide([self], question)
    }
}

/// What several policies say together: one deny in any of them wins, else one allow is enough, else it is denied.
pub fn decide<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    question: &Question<'_>,
) -> Decision {
    let mut decision = Decision::NotAllowed;
    for (policy, document) in policies.into_iter().enumerate() {
        for (index, statement) in document.statements.iter().enumerate() {
            if !statement.applies(question) {
                continue;
            }
            let basis = Basis {
                policy,
                statement: index,
                sid: statement.sid.clone(),
            };
            match statement.effect {
                Effect::Deny => return Decision::Denied(basis),
                Effect::Allow if decision == Decision::NotAllowed => {
                    decision = Decision::Allowed(basis);
                }
                Effect::Allow => {}
            }
        }
    }
    decision
}

impl Statement {
    fn applies(&self, question: &Question<'_>) -> bool {
        let principal = match &self.principals {
            Some(principals) => principals
                .iter()
                .any(|pattern| pattern.matches(question.principal)),
            None => true,
        };
        principal
            && self
                .actions
                .iter()
                .any(|pattern| pattern.matches(question.action))
            && self
                .resources
                .iter()
                .any(|pattern| pattern.matches(question))
            && self
                .conditions
                .iter()
                .all(|condition| match question.address {
                    Some(address) => condition.holds(address),
                    // An address that is not known satisfies no allow, and escapes no deny.
                    None => self.effect == Effect::Deny,
                })
    }
}

impl Condition {
    fn holds(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
            != self.negated
    }
}
