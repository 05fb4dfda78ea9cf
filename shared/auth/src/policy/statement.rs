//! One statement of a policy, and whether it applies to a question.

use std::net::IpAddr;

use super::{
    network::Network,
    pattern::{ActionPattern, PrincipalPattern, ResourcePattern},
    question::{Principal, Question},
};

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    pub(super) sid: Option<String>,
    /// `None` where the document is not a bucket's: everyone it is attached to.
    pub(super) principals: Option<Vec<PrincipalPattern>>,
    pub(super) actions: Vec<ActionPattern>,
    pub(super) resources: Vec<ResourcePattern>,
    pub(super) conditions: Vec<Condition>,
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
pub(super) struct Condition {
    /// `ip_not_equal` rather than `ip_equal`.
    pub(super) negated: bool,
    pub(super) networks: Vec<Network>,
}

impl Statement {
    /// Whether it is for principals that have a name, and for them alone.
    pub(super) fn names_principals(&self) -> bool {
        let named = |pattern: &PrincipalPattern| matches!(pattern, PrincipalPattern::Named(_));
        self.principals
            .as_ref()
            .is_some_and(|principals| principals.iter().all(named))
    }

    /// Whether the statement speaks of what `question` asks.
    pub(super) fn applies(&self, question: &Question<'_>) -> bool {
        self.applies_where(question, |resource| resource.matches(question))
    }

    /// Whether it may allow what `question` asks for some key, or denies it for every key.
    pub(super) fn applies_to_some_key(&self, question: &Question<'_>) -> bool {
        self.applies_where(question, |resource| match self.effect {
            Effect::Allow => resource.matches_some_key(question),
            Effect::Deny => resource.matches_every_key(question),
        })
    }

    fn applies_where(
        &self,
        question: &Question<'_>,
        is_meant: impl Fn(&ResourcePattern) -> bool,
    ) -> bool {
        let principal = match &self.principals {
            // A name that is not known satisfies no allow, and escapes no deny.
            Some(_) if self.names_principals() && question.principal == Principal::Key("") => {
                self.effect == Effect::Deny
            }
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
            && self.resources.iter().any(is_meant)
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
