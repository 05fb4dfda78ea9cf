//! Why a signature comes out or does not: the strings that are signed, what they cover, and where the client's differ.

mod guess;
mod pasted;

use std::fmt;

pub use pasted::{Pasted, PastedError};

use crate::{
    canonical::{candidates, string_to_sign},
    error::Error,
    fields::{Carrier, Fields, Window},
    key::Key,
    query,
    request::{Request, TOKENS, masked},
    verify::{Access, signer, verify},
};

/// What there is to say about a request's signature. Its text holds no secret, no token and no signature.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The signature as far as it can be read; `None` for a request without one, or with one that cannot be read.
    pub signature: Option<Signature>,
    /// What [`verify`] says; the error for a refused one.
    pub outcome: Result<Outcome, Error>,
}

/// Who the request is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It carries no signature.
    Anonymous,
    /// The signature is right; which of the keys made it.
    Signed(usize),
}

/// A signature and the strings that belong to it. The values of security tokens are masked in all texts.
#[derive(Debug, Clone)]
pub struct Signature {
    /// Where it was found.
    pub carrier: Carrier,
    /// `q-ak`.
    pub key_id: String,
    /// `q-sign-time`.
    pub sign_time: Window,
    /// `q-key-time`.
    pub key_time: Window,
    /// When this was asked, Unix seconds.
    pub now: u64,
    /// The four lines that are digested, as the server has them.
    pub http_string: String,
    /// The three lines that are signed, as the server has them.
    pub string_to_sign: String,
    /// Query items that the signature covers, as they stand in the URL.
    pub covered_params: Vec<String>,
    /// Query items that anyone may add, change or take away.
    pub uncovered_params: Vec<String>,
    /// Names of headers that the signature covers.
    pub covered_headers: Vec<String>,
    /// Names of the other headers.
    pub uncovered_headers: Vec<String>,
    /// Listed names that the request lacks, escaped as in lists.
    pub missing: Vec<String>,
    /// Where the client's strings differ, if that is known.
    pub difference: Option<Difference>,
}

/// The first place where what the client signed differs from what the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What the client signed, in words.
    pub what: String,
    /// Which string the place is in; `None` where the strings are equal and only their use differs.
    pub place: Option<Place>,
}

/// A place in a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `HttpString` or `StringToSign`.
    pub string: &'static str,
    /// The byte, counted from 0.
    pub byte: usize,
    /// What the server has there, from the beginning of the escape or character that holds the byte, cut short.
    pub server: String,
    /// What the client has there, likewise.
    pub client: String,
}

/// Explains the signature of `request`.
///
/// `client` is the client's own `HttpString` or `StringToSign`, where its log or an answer's `FormatString` shows one
/// (`\n` may be written out); its first difference is then told. Without one, common mistakes are tried with the key:
/// the one that gives the client's signature is what the client signed.
pub fn explain(request: &Request<'_>, keys: &[Key], now: u64, client: Option<&str>) -> Explanation {
    let outcome = verify(request, keys, now).map(|access| match access {
        Access::Anonymous => Outcome::Anonymous,
        Access::Signed(verified) => Outcome::Signed(verified.key_index),
    });
    let Ok(Some(fields)) = Fields::find(request) else {
        return Explanation {
            signature: None,
            outcome,
        };
    };
    let mut candidates = candidates(request, &fields);
    let right = candidates
        .iter()
        .position(|canonical| signer(canonical, &fields, keys).is_some());
    let canonical = candidates.swap_remove(right.unwrap_or(0));
    let string_to_sign = string_to_sign(&fields.sign_time.text, &canonical.http_string);
    let difference = match client {
        Some(client) => compare(client, &canonical.http_string, &string_to_sign),
        None if right.is_none() => {
            guess::find(request, &fields, &canonical, keys).map(|guess| Difference {
                what: guess.what,
                place: place("HttpString", &canonical.http_string, &guess.http_string),
            })
        }
        None => None,
    };
    let (covered, uncovered): (Vec<_>, Vec<_>) = query::items(request.raw_query)
        .filter(|item| !fields.is_carrier(item))
        .partition(|item| canonical.covered.has_item(item));
    let texts = |items: Vec<&[u8]>| {
        items
            .into_iter()
            .map(|item| masked(&String::from_utf8_lossy(item)))
            .collect()
    };
    let names = |covered: bool| {
        request
            .headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| canonical.covered.has_header(name) == covered)
            .map(Into::into)
            .collect()
    };
    let signature = Signature {
        carrier: fields.carrier,
        key_id: fields.key_id,
        sign_time: fields.sign_time.window,
        key_time: fields.key_time.window,
        now,
        http_string: masked(&String::from_utf8_lossy(&canonical.http_string)),
        string_to_sign,
        covered_params: texts(covered),
        uncovered_params: texts(uncovered),
        covered_headers: names(true),
        uncovered_headers: names(false),
        missing: canonical.missing,
        difference,
    };
    Explanation {
        signature: Some(signature),
        outcome,
    }
}

/// Where the string that the client shows differs from the server's.
fn compare(client: &str, http_string: &[u8], string_to_sign: &str) -> Option<Difference> {
    let mut client = client.replace("\r\n", "\n");
    if !client.contains('\n') {
        client = client.replace("\\n", "\n");
    }
    // Copying loses the last line feed, or adds one; what a client digests ends with exactly one.
    let client = format!("{}\n", client.strip_suffix('\n').unwrap_or(&client));
    let place = if client.starts_with("sha1\n") {
        place("StringToSign", string_to_sign.as_bytes(), client.as_bytes())
    } else {
        // An empty last line (no headers) may have gone the same way.
        let lines = client.matches('\n').count();
        let client = format!("{client}{}", "\n".repeat(4_usize.saturating_sub(lines)));
        place("HttpString", http_string, client.as_bytes())
    };
    place.map(|place| Difference {
        what: "another text".into(),
        place: Some(place),
    })
}

fn place(string: &'static str, server: &[u8], client: &[u8]) -> Option<Place> {
    let equal = server
        .iter()
        .zip(client)
        .take_while(|(server, client)| server == client)
        .count();
    // Shown from the beginning of the escape or character that holds the byte, to the end of the line.
    let from = |text: &[u8]| {
        let escape = (equal.saturating_sub(2)..equal)
            .find(|&at| text[at] == b'%')
            .unwrap_or(equal);
        let is_inside = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let start = (0..=escape)
            .rev()
            .find(|at| !is_inside(at))
            .unwrap_or(escape);
        let end = text[equal..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(text.len(), |at| equal + at + 1);
        let text = String::from_utf8_lossy(&text[start..end]);
        masked(&text).chars().take(60).collect::<String>()
    };
    (server != client).then(|| {
        let hidden = TOKENS.iter().any(|token| {
            let line = server[..equal]
                .rsplit(|&byte| matches!(byte, b'\n' | b'&'))
                .next()
                .unwrap_or_default();
            line.starts_with(token.as_bytes())
        });
        let from = |text: &[u8]| {
            if hidden {
                "(hidden)".into()
            } else {
                from(text)
            }
        };
        Place {
            string,
            byte: equal,
            server: from(server),
            client: from(client),
        }
    })
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(signature) = &self.signature {
            write!(f, "{signature}")?;
        }
        match &self.outcome {
            Ok(Outcome::Anonymous) => {
                writeln!(f, "outcome      no signature: the request is anonymous")
            }
            Ok(Outcome::Signed(_)) => writeln!(f, "outcome      the signature is right"),
            Err(error) => writeln!(f, "outcome      refused: {error}"),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "signature    in {}, by `{}`", self.carrier, self.key_id)?;
        for (name, window) in [
            ("q-sign-time", self.sign_time),
            ("q-key-time", self.key_time),
        ] {
            let state = match self.now {
                now if now > window.end => format!("ended {} s ago", now - window.end),
                now if now < window.start => format!("begins in {} s", window.start - now),
                now => format!("good for another {} s", window.end - now),
            };
            writeln!(f, "{name:<12} {window}, {state}")?;
        }
        for (name, text) in [
            ("HttpString", &self.http_string),
            ("StringToSign", &self.string_to_sign),
        ] {
            writeln!(f, "{name}")?;
            for line in text.lines() {
                writeln!(f, "    {line}")?;
            }
        }
        for (name, items) in [
            ("covered", &self.covered_params),
            ("not covered", &self.uncovered_params),
            ("covered", &self.covered_headers),
            ("not covered", &self.uncovered_headers),
            ("missing", &self.missing),
        ]
        .into_iter()
        .zip(["parameter", "parameter", "header", "header", "listed"])
        .map(|((name, items), kind)| ((name, kind), items))
        {
            for item in items {
                writeln!(f, "{:<12} {} {item}", name.0, name.1)?;
            }
        }
        match &self.difference {
            Some(difference) => writeln!(f, "difference   {difference}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the client signed {}", self.what)?;
        match &self.place {
            Some(Place {
                string,
                byte,
                server,
                client,
            }) => {
                write!(
                    f,
                    ": {string} differs from byte {byte} on: the client has {client:?}, the request gives {server:?}"
                )
            }
            None => Ok(()),
        }
    }
}
