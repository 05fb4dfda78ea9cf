//! Access policies: CAM 2.0 documents, and what they say about one action on one object.
//!
//! An explicit deny always wins; what no statement allows is denied (COS documentation, "Access policy language").

pub(crate) mod json;
mod network;
mod parse;
mod pattern;
mod question;
mod statement;

use std::fmt;

pub use parse::{Attachment, Error};
use pattern::{ActionPattern, ResourcePattern};
pub use question::{Action, Principal, Question};
pub use statement::Effect;
use statement::Statement;

/// A parsed policy document.
#[derive(Debug, Clone)]
pub struct Policy {
    statements: Vec<Statement>,
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
        let statements = parse::statements(text, attachment)?;
        Ok(Self { statements })
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

    /// The statements that deny named principals, counted from 0: they hold for every key that has no name as well.
    pub fn denies_of_named(&self) -> Vec<usize> {
        let statements = self.statements.iter().enumerate();
        statements
            .filter(|(_, statement)| {
                statement.effect == Effect::Deny && statement.names_principals()
            })
            .map(|(index, _)| index)
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
    decide_by(policies, |statement| statement.applies(question))
}

/// What several policies say together to a question whose key is not known yet, in the place of which any may come.
///
/// Where it is allowed, some key may be; where it is not, no key is.
pub fn decide_for_some_key<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    question: &Question<'_>,
) -> Decision {
    decide_by(policies, |statement| {
        statement.applies_to_some_key(question)
    })
}

fn decide_by<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    applies: impl Fn(&Statement) -> bool,
) -> Decision {
    let mut decision = Decision::NotAllowed;
    for (policy, document) in policies.into_iter().enumerate() {
        for (index, statement) in document.statements.iter().enumerate() {
            if !applies(statement) {
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
