//! What clients sign by mistake: each guess is signed, and the one that gives the client's signature is what it signed.

use crate::{
    Key, Request,
    canonical::{Canonical, http_string, is_signature, sign_key, string_to_sign, without_port},
    encoding::{escape, unescape},
    fields::Fields,
    key::verify_hmac_sha1,
    query::{self, Pair},
};

/// What a client signed instead.
pub(super) struct Guess {
    /// Completes "the client signed ...".
    pub(super) what: String,
    pub(super) http_string: Vec<u8>,
}

/// The guess that gives the signature of `fields` with one of `keys`, if any does.
pub(super) fn find(
    request: &Request<'_>,
    fields: &Fields,
    canonical: &Canonical,
    keys: &[Key],
) -> Option<Guess> {
    let keys: Vec<_> = keys.iter().filter(|key| key.id == fields.key_id).collect();
    let signs = |http_string: &[u8], sign_time: &str, key_time: &str| {
        let text = string_to_sign(sign_time, http_string);
        keys.iter()
            .any(|key| is_signature(key.secret.as_bytes(), key_time, &text, &fields.signature))
    };
    let (sign_time, key_time) = (
        fields.sign_time.text.as_str(),
        fields.key_time.text.as_str(),
    );
    let guess = guesses(request, fields, canonical)
        .into_iter()
        .find(|guess| signs(&guess.http_string, sign_time, key_time));
    if guess.is_some() {
        return guess;
    }
    let same = |what: &str| {
        Some(Guess {
            what: what.into(),
            http_string: canonical.http_string.clone(),
        })
    };
    if signs(&canonical.http_string, sign_time, sign_time) {
        return same("with q-sign-time in place of q-key-time for the sign key");
    }
    if signs(&canonical.http_string, key_time, key_time) {
        return same("with q-key-time in place of q-sign-time in StringToSign");
    }
    let text = string_to_sign(sign_time, &canonical.http_string);
    for key in keys {
        let hex = sign_key(key.secret.as_bytes(), key_time);
        let is = |key: &[u8], text: &str| verify_hmac_sha1(key, text.as_bytes(), &fields.signature);
        if is(hex.as_bytes(), text.trim_end()) {
            return same("StringToSign without its last line feed");
        }
        if crate::encoding::from_hex(&hex).is_some_and(|raw| is(&raw, &text)) {
            return same("with the 20 bytes of the sign key rather than their 40 hex digits");
        }
        if is(key.secret.as_bytes(), &text) {
            return same("with the secret itself rather than the sign key");
        }
    }
    None
}

fn guesses(request: &Request<'_>, fields: &Fields, canonical: &Canonical) -> Vec<Guess> {
    let path = unescape(request.raw_path);
    let Canonical {
        params, headers, ..
    } = canonical;
    let mut guesses = Vec::new();
    let mut add = |what: String, method: &str, path: &[u8], params: &[Pair], headers: &[Pair]| {
        guesses.push(Guess {
            what,
            http_string: http_string(method, path, params, headers),
        });
    };
    let method = request.method;

    add(
        "nothing for the listed names that the request lacks".into(),
        method,
        &path,
        params,
        headers,
    );
    for other in ["GET", "PUT", "POST", "HEAD", "DELETE"] {
        add(format!("the method {other}"), other, &path, params, headers);
    }

    for (what, other) in [
        ("the path still escaped", request.raw_path.to_vec()),
        (
            "the path escaped",
            escape(&path).replace("%2F", "/").into_bytes(),
        ),
        (
            "the path escaped, its slashes too",
            format!("/{}", escape(path.strip_prefix(b"/").unwrap_or(&path))).into_bytes(),
        ),
        (
            "the path without its first slash",
            path.get(1..).unwrap_or_default().to_vec(),
        ),
        (
            "the path without its first part (the bucket of a path-style request)",
            without_first_part(&path),
        ),
        (
            "the path without doubled slashes and dots",
            normalized(&path),
        ),
        ("the path decoded twice", unescape(&path)),
        (
            "the path with its query",
            [&path, &b"?"[..], request.raw_query].concat(),
        ),
    ] {
        add(what.into(), method, &other, params, headers);
    }

    let with_missing = |pairs: &[Pair], names: &[String]| {
        let missing = names.iter().filter(|name| canonical.missing.contains(name));
        let mut pairs: Vec<_> = pairs
            .iter()
            .cloned()
            .chain(missing.map(|name| Pair {
                name: name.clone(),
                value: String::new(),
            }))
            .collect();
        pairs.sort_unstable();
        pairs
    };
    let listed: Vec<_> = query::items(request.raw_query)
        .filter(|item| !fields.is_carrier(item))
        .filter(|item| {
            query::readings(item)
                .iter()
                .any(|pair| params.contains(pair))
        })
        .collect();
    let as_sent =
        |read: &dyn Fn(&[u8]) -> Pair| listed.iter().map(|item| read(item)).collect::<Vec<_>>();
    let split = |raw: &[u8]| {
        raw.iter()
            .position(|&byte| byte == b'=')
            .map_or((raw.to_vec(), vec![]), |at| {
                (raw[..at].to_vec(), raw[at + 1..].to_vec())
            })
    };
    let changed = |pairs: &[Pair], change: &dyn Fn(&Pair) -> Pair| {
        pairs.iter().map(change).collect::<Vec<_>>()
    };
    let lower_values = |pair: &Pair| Pair {
        name: pair.name.clone(),
        value: lower_escapes(&pair.value),
    };
    let plain = |pair: &Pair| Pair {
        name: String::from_utf8_lossy(&unescape(pair.name.as_bytes())).into_owned(),
        value: String::from_utf8_lossy(&unescape(pair.value.as_bytes())).into_owned(),
    };
    let name_upper_hex = |pair: &Pair| Pair {
        name: upper_escapes(&pair.name),
        value: pair.value.clone(),
    };
    let twice = |pair: &Pair| Pair {
        name: escape(pair.name.as_bytes()).to_ascii_lowercase(),
        value: escape(pair.value.as_bytes()),
    };
    let plus = |pair: &Pair| Pair {
        name: pair.name.clone(),
        value: pair.value.replace("%20", "+"),
    };
    for (what, other) in [
        ("no parameters", Vec::new()),
        (
            "the names of parameters in the letter case of the request",
            as_sent(&|raw| {
                let (name, value) = query::split(raw);
                Pair {
                    name: escape(&name),
                    value: escape(&value),
                }
            }),
        ),
        (
            "parameters as they stand in the URL",
            as_sent(&|raw| {
                let (name, value) = split(raw);
                Pair {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    value: String::from_utf8_lossy(&value).into_owned(),
                }
            }),
        ),
        (
            "`+` in parameters as a plus sign",
            as_sent(&|raw| {
                let (name, value) = split(raw);
                Pair::new(&unescape(&name), &unescape(&value))
            }),
        ),
        (
            "parameters in the order of the request",
            as_sent(&|raw| {
                let (name, value) = query::split(raw);
                Pair::new(&name, &value)
            }),
        ),
        (
            "empty values for listed parameters that the request lacks",
            with_missing(params, &fields.params),
        ),
        ("parameters without escapes", changed(params, &plain)),
        (
            "names of parameters with upper-case escapes",
            changed(params, &name_upper_hex),
        ),
        (
            "values of parameters with lower-case escapes",
            changed(params, &lower_values),
        ),
        ("parameters escaped twice", changed(params, &twice)),
        (
            "spaces in values of parameters as `+`",
            changed(params, &plus),
        ),
    ] {
        add(what.into(), method, &path, &other, headers);
    }
    let host = |value: &[u8]| {
        changed(headers, &|pair| {
            if pair.name == "host" {
                Pair::new(b"host", value)
            } else {
                pair.clone()
            }
        })
    };
    let mut others = vec![
        ("no headers".to_string(), Vec::new()),
        (
            "empty values for listed headers that the request lacks".into(),
            with_missing(headers, &fields.headers),
        ),
        ("headers without escapes".into(), changed(headers, &plain)),
        (
            "values of headers with lower-case escapes".into(),
            changed(headers, &lower_values),
        ),
        (
            "spaces in values of headers as `+`".into(),
            changed(headers, &plus),
        ),
    ];
    if let Some(sent) = request.headers.get(http::header::HOST) {
        let sent = sent.as_bytes();
        others.push(("the host without its port".into(), host(without_port(sent))));
        for port in [":80", ":443"] {
            others.push((
                format!("the host with {port}"),
                host(&[sent, port.as_bytes()].concat()),
            ));
        }
    }
    for name in ["x-forwarded-host", "x-mogr-host", "x-original-host"] {
        if let Some(value) = request.headers.get(name) {
            others.push((
                format!("the host of the header {name}"),
                host(value.as_bytes()),
            ));
        }
    }
    for (what, other) in others {
        add(what, method, &path, params, &other);
    }

    let whole = &canonical.http_string;
    guesses.push(Guess {
        what: "the method in capitals".into(),
        http_string: [
            method.to_ascii_uppercase().as_bytes(),
            &whole[method.len()..],
        ]
        .concat(),
    });
    guesses.push(Guess {
        what: "HttpString without its last line feed".into(),
        http_string: whole[..whole.len() - 1].to_vec(),
    });
    guesses
}

fn without_first_part(path: &[u8]) -> Vec<u8> {
    let rest = path.get(1..).unwrap_or_default();
    rest.iter()
        .position(|&byte| byte == b'/')
        .map_or(b"/".to_vec(), |at| rest[at..].to_vec())
}

fn normalized(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    [b"/", parts.join(&b'/').as_slice()].concat()
}

/// `%2F` as `%2f`.
fn lower_escapes(text: &str) -> String {
    map_escapes(text, |digit| digit.to_ascii_lowercase())
}

/// `%2f` as `%2F`.
fn upper_escapes(text: &str) -> String {
    map_escapes(text, |digit| digit.to_ascii_uppercase())
}

fn map_escapes(text: &str, change: impl Fn(char) -> char) -> String {
    let mut left = 0_u8;
    text.chars()
        .map(|character| {
            if character == '%' {
                left = 2;
            } else if left > 0 {
                left -= 1;
                return change(character);
            }
            character
        })
        .collect()
}
