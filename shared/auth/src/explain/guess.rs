//! What clients sign by mistake: each guess is signed, and the one that gives the client's signature is what it signed.
//!
//! A guess costs one canonical string and one signature a key of the id; there are as many as the tables have rows.

use http::header::HOST;

use crate::{
    canonical::{
        Canonical, Covered, http_string, is_signature, sign_key, string_to_sign, without_port,
    },
    encoding::{escape, from_hex, unescape},
    fields::Fields,
    key::{Key, verify_hmac_sha1},
    query::{self, Pair},
    request::Request,
};

/// What a client signed instead.
pub(super) struct Guess {
    /// Completes "the client signed ...".
    pub(super) what: String,
    pub(super) http_string: Vec<u8>,
}

/// What guesses are made of: the request, and how the server reads it.
struct Sent<'a> {
    request: &'a Request<'a>,
    fields: &'a Fields,
    canonical: &'a Canonical,
    /// The path, decoded once.
    path: Vec<u8>,
}

/// What a client signed instead, in words, and how it comes from the request.
type Row<T> = (&'static str, fn(&Sent<'_>) -> T);

/// Names in place of the request's method.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "HEAD", "DELETE"];

/// Bytes in place of the decoded path.
const PATHS: [Row<Vec<u8>>; 8] = [
    ("the path still escaped", |sent| {
        sent.request.raw_path.to_vec()
    }),
    ("the path escaped", |sent| {
        escape(&sent.path).replace("%2F", "/").into_bytes()
    }),
    ("the path escaped, its slashes too", |sent| {
        let rest = sent.path.strip_prefix(b"/").unwrap_or(&sent.path);
        format!("/{}", escape(rest)).into_bytes()
    }),
    ("the path without its first slash", |sent| {
        sent.path.get(1..).unwrap_or_default().to_vec()
    }),
    (
        "the path without its first part (the bucket of a path-style request)",
        |sent| without_first_part(&sent.path),
    ),
    ("the path without doubled slashes and dots", |sent| {
        normalized(&sent.path)
    }),
    ("the path decoded twice", |sent| unescape(&sent.path)),
    ("the path with its query", |sent| {
        [&sent.path, &b"?"[..], sent.request.raw_query].concat()
    }),
];

/// Names and values in place of the parameters that the signature covers.
const PARAMETERS: [Row<Vec<Pair>>; 11] = [
    ("no parameters", |_| Vec::new()),
    (
        "the names of parameters in the letter case of the request",
        |sent| {
            sent.covered_items(|raw| {
                let (name, value) = query::split(raw);
                Pair {
                    name: escape(&name),
                    value: escape(&value),
                }
            })
        },
    ),
    ("parameters as they stand in the URL", |sent| {
        sent.covered_items(|raw| {
            let (name, value) = split_raw(raw);
            Pair {
                name: String::from_utf8_lossy(name).into_owned(),
                value: String::from_utf8_lossy(value).into_owned(),
            }
        })
    }),
    ("`+` in parameters as a plus sign", |sent| {
        sent.covered_items(|raw| {
            let (name, value) = split_raw(raw);
            Pair::new(&unescape(name), &unescape(value))
        })
    }),
    ("parameters in the order of the request", |sent| {
        sent.covered_items(|raw| {
            let (name, value) = query::split(raw);
            Pair::new(&name, &value)
        })
    }),
    (
        "empty values for listed parameters that the request lacks",
        |sent| sent.with_missing(&sent.canonical.covered.params, &sent.fields.params),
    ),
    ("parameters without escapes", |sent| {
        changed(&sent.canonical.covered.params, unescaped)
    }),
    ("names of parameters with upper-case escapes", |sent| {
        changed(&sent.canonical.covered.params, |pair| Pair {
            name: upper_escapes(&pair.name),
            value: pair.value.clone(),
        })
    }),
    ("values of parameters with lower-case escapes", |sent| {
        changed(&sent.canonical.covered.params, with_lower_escapes)
    }),
    ("parameters escaped twice", |sent| {
        changed(&sent.canonical.covered.params, |pair| Pair {
            name: escape(pair.name.as_bytes()).to_ascii_lowercase(),
            value: escape(pair.value.as_bytes()),
        })
    }),
    ("spaces in values of parameters as `+`", |sent| {
        changed(&sent.canonical.covered.params, with_plus)
    }),
];

/// Names and values in place of the headers that the signature covers; `None` where the request gives no such guess.
const HEADERS: [Row<Option<Vec<Pair>>>; 11] = [
    ("no headers", |_| Some(Vec::new())),
    (
        "empty values for listed headers that the request lacks",
        |sent| Some(sent.with_missing(&sent.canonical.covered.headers, &sent.fields.headers)),
    ),
    ("headers without escapes", |sent| {
        Some(changed(&sent.canonical.covered.headers, unescaped))
    }),
    ("values of headers with lower-case escapes", |sent| {
        Some(changed(&sent.canonical.covered.headers, with_lower_escapes))
    }),
    ("spaces in values of headers as `+`", |sent| {
        Some(changed(&sent.canonical.covered.headers, with_plus))
    }),
    ("the host without its port", |sent| {
        sent.with_host(HOST.as_str(), |host| without_port(host).to_vec())
    }),
    ("the host with :80", |sent| {
        sent.with_host(HOST.as_str(), |host| [host, b":80"].concat())
    }),
    ("the host with :443", |sent| {
        sent.with_host(HOST.as_str(), |host| [host, b":443"].concat())
    }),
    ("the host of the header x-forwarded-host", |sent| {
        sent.with_host("x-forwarded-host", <[u8]>::to_vec)
    }),
    ("the host of the header x-mogr-host", |sent| {
        sent.with_host("x-mogr-host", <[u8]>::to_vec)
    }),
    ("the host of the header x-original-host", |sent| {
        sent.with_host("x-original-host", <[u8]>::to_vec)
    }),
];

/// Bytes in place of the whole canonical string, whose first or last ones differ.
const ENDS: [Row<Vec<u8>>; 2] = [
    ("the method in capitals", |sent| {
        let method = sent.request.method.to_ascii_uppercase();
        let rest = &sent.canonical.http_string[method.len()..];
        [method.as_bytes(), rest].concat()
    }),
    ("HttpString without its last line feed", |sent| {
        let whole = &sent.canonical.http_string;
        whole[..whole.len() - 1].to_vec()
    }),
];

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
    let sent = Sent {
        request,
        fields,
        canonical,
        path: unescape(request.raw_path),
    };
    let guess = sent
        .guesses()
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
        if from_hex(&hex).is_some_and(|raw| is(&raw, &text)) {
            return same("with the 20 bytes of the sign key rather than their 40 hex digits");
        }
        if is(key.secret.as_bytes(), &text) {
            return same("with the secret itself rather than the sign key");
        }
    }
    None
}

impl Sent<'_> {
    /// Every row of the tables, each made when it is asked for.
    fn guesses(&self) -> impl Iterator<Item = Guess> {
        let guess = |what: &str, http_string: Vec<u8>| Guess {
            what: what.into(),
            http_string,
        };
        let Covered { params, headers } = &self.canonical.covered;
        let (method, path) = (self.request.method, &self.path);
        let as_read = std::iter::once_with(move || {
            let what = "nothing for the listed names that the request lacks";
            guess(what, http_string(method, path, params, headers))
        });
        let methods = METHODS.into_iter().map(move |other| {
            let what = format!("the method {other}");
            guess(&what, http_string(other, path, params, headers))
        });
        let paths = PATHS.into_iter().map(move |(what, other)| {
            guess(what, http_string(method, &other(self), params, headers))
        });
        let parameters = PARAMETERS.into_iter().map(move |(what, other)| {
            guess(what, http_string(method, path, &other(self), headers))
        });
        let headers = HEADERS.into_iter().filter_map(move |(what, other)| {
            Some(guess(
                what,
                http_string(method, path, params, &other(self)?),
            ))
        });
        let ends = ENDS
            .into_iter()
            .map(move |(what, other)| guess(what, other(self)));
        as_read
            .chain(methods)
            .chain(paths)
            .chain(parameters)
            .chain(headers)
            .chain(ends)
    }

    /// The query items that the signature covers, in the order of the request, each as `read` has it.
    fn covered_items(&self, read: impl Fn(&[u8]) -> Pair) -> Vec<Pair> {
        query::items(self.request.raw_query)
            .filter(|item| !self.fields.is_carrier(item))
            .filter(|item| self.canonical.covered.has_item(item))
            .map(read)
            .collect()
    }

    /// `pairs`, and an empty value for each of `names` that the request lacks.
    fn with_missing(&self, pairs: &[Pair], names: &[String]) -> Vec<Pair> {
        let missing = names
            .iter()
            .filter(|name| self.canonical.missing.contains(name))
            .map(|name| Pair {
                name: name.clone(),
                value: String::new(),
            });
        let mut pairs: Vec<_> = pairs.iter().cloned().chain(missing).collect();
        pairs.sort_unstable();
        pairs
    }

    /// The covered headers with another host: what `change` makes of the value of the header `name`, where it was sent.
    fn with_host(&self, name: &str, change: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<Pair>> {
        let host = change(self.request.headers.get(name)?.as_bytes());
        let host = Pair::new(b"host", &host);
        Some(changed(&self.canonical.covered.headers, |pair| {
            if pair.name == "host" { &host } else { pair }.clone()
        }))
    }
}

fn changed(pairs: &[Pair], change: impl Fn(&Pair) -> Pair) -> Vec<Pair> {
    pairs.iter().map(change).collect()
}

fn unescaped(pair: &Pair) -> Pair {
    let plain = |text: &str| String::from_utf8_lossy(&unescape(text.as_bytes())).into_owned();
    Pair {
        name: plain(&pair.name),
        value: plain(&pair.value),
    }
}

fn with_lower_escapes(pair: &Pair) -> Pair {
    Pair {
        name: pair.name.clone(),
        value: lower_escapes(&pair.value),
    }
}

fn with_plus(pair: &Pair) -> Pair {
    Pair {
        name: pair.name.clone(),
        value: pair.value.replace("%20", "+"),
    }
}

/// An item split at its first `=`, still escaped.
fn split_raw(raw: &[u8]) -> (&[u8], &[u8]) {
    match raw.iter().position(|&byte| byte == b'=') {
        Some(at) => (&raw[..at], &raw[at + 1..]),
        None => (raw, b""),
    }
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

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::canonical::candidates;

    /// Whatever is sent, there are 38 guesses, and none is longer than the request with everything in it escaped twice.
    #[test]
    fn the_work_is_bounded_by_the_tables_and_the_request() {
        let query = format!(
            "{}imageMogr2/{}",
            "a=%20&".repeat(20_000),
            "%3D/=".repeat(20_000)
        );
        let sent = format!(
            "q-sign-algorithm=sha1&q-ak=x&q-sign-time=1;2&q-key-time=1;2&q-header-list=host&q-url-param-list=a;{}\
             &q-signature={}",
            "n;".repeat(90),
            "0".repeat(40)
        );
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&sent).unwrap());
        for name in ["host", "x-forwarded-host", "x-mogr-host", "x-original-host"] {
            headers.insert(name, HeaderValue::from_static("h.example:8080"));
        }
        let request = Request {
            method: "GET",
            raw_path: b"/a",
            raw_query: query.as_bytes(),
            headers: &headers,
        };
        let fields = Fields::find(&request).unwrap().unwrap();
        let candidates = candidates(&request, &fields);
        let guesses = Sent {
            request: &request,
            fields: &fields,
            canonical: &candidates[0],
            path: unescape(request.raw_path),
        };
        let lens: Vec<_> = guesses
            .guesses()
            .map(|guess| guess.http_string.len())
            .collect();
        assert_eq!(lens.len(), 38);
        let longest = lens.iter().max().unwrap();
        assert!(*longest <= 5 * query.len(), "{longest}");
    }
}
