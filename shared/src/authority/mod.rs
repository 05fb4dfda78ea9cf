//! What decides: who asks, for what, and whether the configuration lets them. It has no storage, so that nothing is read, and
//! no existence told, before it has decided.

pub(crate) mod call;
pub(crate) mod cors;
pub(crate) mod decide;
pub(crate) mod form;
pub(crate) mod images;
pub(crate) mod jobs;
pub(crate) mod operation;
pub(crate) mod signature;

use auth::policy::Policy;

use crate::config::Config;

/// What the configuration lets whom do. It decides, and has no storage.
pub(crate) struct Authority {
    pub(crate) config: Config,
    /// The keys of the configuration, in its order.
    pub(crate) keys: Vec<auth::Key>,
}

impl Authority {
    pub(crate) fn new(config: Config) -> Self {
        let keys = config.keys.iter().map(|key| key.key.clone()).collect();
        Self { config, keys }
    }

    pub(crate) fn bucket_name(&self, bucket: usize) -> &str {
        &self.config.buckets[bucket].name
    }
}

/// What policies of the configuration may say otherwise than was meant, with where it stands: actions that are none, and
/// denies of principals, which hold for keys without a principal too.
pub(crate) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = idle_actions(config);
    let opens = config
        .keys
        .iter()
        .filter(|key| key.images_of_unsigned_rules);
    warnings.extend(opens.map(|key| {
        format!(
            "key `{}` has images_of_unsigned_rules: whoever changes a request on its way reads any image that this key may",
            key.key.id
        )
    }));
    let mut nameless: Vec<_> = config
        .keys
        .iter()
        .filter(|key| key.principal.as_deref().unwrap_or_default().is_empty())
        .map(|key| format!("key `{}`", key.key.id))
        .collect();
    if config.upload.grant.policy().is_some() {
        nameless.push("[upload]".to_owned());
    }
    for bucket in config.buckets.iter().filter(|_| !nameless.is_empty()) {
        let denies = bucket.policy.as_ref().map(Policy::denies_of_named);
        warnings.extend(denies.unwrap_or_default().into_iter().map(|statement| {
            format!(
                "policy of bucket `{}`: statement[{statement}] denies principals by name, and so denies whoever has no \
                 `principal`: {}",
                bucket.name,
                nameless.join(", ")
            )
        }));
    }
    warnings
}

fn idle_actions(config: &Config) -> Vec<String> {
    let anonymous = [("anonymous.policy".to_owned(), config.anonymous.policy())];
    let upload = [("upload.policy".to_owned(), config.upload.grant.policy())];
    let keys = config.keys.iter().map(|key| {
        let at = format!("policy of key `{}`", key.key.id);
        (at, key.grant.policy())
    });
    let buckets = config.buckets.iter().map(|bucket| {
        let at = format!("policy of bucket `{}`", bucket.name);
        (at, bucket.policy.as_ref())
    });
    let policies = anonymous
        .into_iter()
        .chain(upload)
        .chain(keys)
        .chain(buckets);
    policies
        .flat_map(|(at, policy)| {
            let warnings = policy.map(Policy::warnings).unwrap_or_default();
            warnings
                .into_iter()
                .map(move |warning| format!("{at}: {warning}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Outside;

    #[test]
    fn a_deny_of_names_warns_of_who_has_none() {
        let text = r#"
            [[bucket]]
            name = "b-1"
            folder = "b"
            policy = '''{"version":"2.0","statement":[
                {"principal":"*","effect":"deny","action":"cos:DeleteObject","resource":"*"},
                {"principal":{"qcs":"qcs::cam::uin/*:uin/*"},"effect":"deny","action":"cos:PutObject","resource":"*"}]}'''
            [[key]]
            id = "named"
            secret = "x"
            principal = "qcs::cam::uin/1:uin/2"
            [[key]]
            id = "nameless"
            secret = "x"
        "#;
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let read = |text: &str| warnings(&Config::parse(text, &outside).expect("a configuration"));
        let found = read(text);
        let expected = "policy of bucket `b-1`: statement[1] denies principals by name, and so denies whoever has no \
                        `principal`: key `nameless`";
        assert_eq!(found, [expected]);
        let with_upload = format!("{text}\n[upload]\npolicy = \"open\"");
        assert_eq!(read(&with_upload), [format!("{expected}, [upload]")]);
        let all_named = text.replace(
            "id = \"nameless\"",
            "id = \"n\"\nprincipal = \"qcs::cam::uin/1:uin/3\"",
        );
        assert!(read(&all_named).is_empty());
    }
}
