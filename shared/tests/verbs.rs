//! Two crates that do not know each other have a list of what a processing parameter begins with.

use std::collections::BTreeSet;

/// Parameters that COS clients sign as they sign rules, and that are no rules.
const SIGNED_ALIKE: [&str; 2] = ["ci-process", "photo_rgb"];

/// A rule whose verb a signature would not know would be split at its first `=`, and its signature refused.
#[test]
fn signatures_know_every_verb_of_a_rule() {
    let verbs = BTreeSet::from(shared::rules::VERBS);
    let signed = BTreeSet::from(shared::auth::PROCESSING);
    assert_eq!(signed, verbs.iter().chain(&SIGNED_ALIKE).copied().collect());
    assert!(verbs.is_disjoint(&SIGNED_ALIKE.into()));
}
