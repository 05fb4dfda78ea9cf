//! Signing a request, for presigned URLs and for tests.

use crate::{
    canonical::{http_string, sign, string_to_sign},
    encoding::escape,
    fields::Window,
    key::Key,
    query::Pair,
};

/// A request to be signed. Everything that is given is signed, and nothing else is.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    /// Whose secret signs.
    pub key: &'a Key,
    /// In any letter case.
    pub method: &'a str,
    /// Decoded, from the first slash on.
    pub path: &'a [u8],
    /// Decoded names and values; a processing rule is a name whose value is empty.
    pub params: &'a [(&'a str, &'a str)],
    /// Names in any letter case, values as sent.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// When the signature is good; `q-sign-time` and `q-key-time` alike.
    pub window: Window,
}

impl Signing<'_> {
    /// The value of the `Authorization` header.
    pub fn authorization(&self) -> String {
        let [headers, params] = self.lists();
        let (id, time, signature) = (&self.key.id, self.window, self.signature());
        format!(
            "q-sign-algorithm=sha1&q-ak={id}&q-sign-time={time}&q-key-time={time}\
             &q-header-list={headers}&q-url-param-list={params}&q-signature={signature}"
        )
    }

    /// The query of a presigned URL: the signature's fields, then the parameters.
    ///
    /// A name without a value is written without `=`, and slashes of names raw, as the documentation has processing
    /// rules; all else is escaped.
    pub fn query(&self) -> String {
        let [headers, params] = self.lists().map(|list| escape(list.as_bytes()));
        let (id, signature) = (escape(self.key.id.as_bytes()), self.signature());
        let time = escape(self.window.to_string().as_bytes());
        let mut query = format!(
            "q-sign-algorithm=sha1&q-ak={id}&q-sign-time={time}&q-key-time={time}\
             &q-header-list={headers}&q-url-param-list={params}&q-signature={signature}"
        );
        for (name, value) in self.params {
            query.push('&');
            query.push_str(&escape(name.as_bytes()).replace("%2F", "/"));
            if !value.is_empty() {
                query.push('=');
                query.push_str(&escape(value.as_bytes()));
            }
        }
        query
    }

    /// The four lines whose digest is signed.
    pub fn format_string(&self) -> Vec<u8> {
        let [headers, params] = self.pairs();
        http_string(self.method, self.path, &params, &headers)
    }

    /// The three lines that are signed.
    pub fn string_to_sign(&self) -> String {
        string_to_sign(&self.window.to_string(), &self.format_string())
    }

    /// `q-signature`.
    pub fn signature(&self) -> String {
        sign(
            self.key.secret.as_bytes(),
            &self.window.to_string(),
            &self.string_to_sign(),
        )
    }

    fn pairs(&self) -> [Vec<Pair>; 2] {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| Pair::new(name.as_bytes(), value))
            .collect();
        let mut params: Vec<_> = self
            .params
            .iter()
            .map(|(name, value)| Pair::new(name.as_bytes(), value.as_bytes()))
            .collect();
        headers.sort_unstable();
        params.sort_unstable();
        [headers, params]
    }

    fn lists(&self) -> [String; 2] {
        self.pairs().map(|pairs| {
            pairs
                .into_iter()
                .map(|pair| pair.name)
                .collect::<Vec<_>>()
                .join(";")
        })
    }
}
