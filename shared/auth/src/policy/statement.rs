//! One statement of a policy, and whether it applies to a question.

use std::net::IpAddr;

use super::{
    network::Network,
    pattern::{ActionPattern, PrincipalPattern, ResourcePattern},
    question::Question,
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
    /// Whether the statement speaks of what `question` asks.
    pub(super) fn applies(&self, question: &Question<'_>) -> bool {
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
