//! Why a request is refused, or what it comes to: its signature, its rules, and what the policies say to each name in it.
//!
//! Nothing is read or stored. The lines are for people; whether the request is refused is asked of the same functions, in
//! the same order, as when it is answered.

use std::fmt;
use std::net::IpAddr;

use auth::explain::Pasted;
use auth::policy::{Action, Decision};
use http::{Method, header};
use percent_encoding::{CONTROLS, percent_encode};
use rules::{NamedImage, Rule};

use crate::authority::call::{Call, Front, header_text, response_overrides};
use crate::authority::decide::{Ask, Decided, Who};
use crate::authority::form;
use crate::authority::operation::Operation;
use crate::authority::signature::refuse_uncovered;
use crate::authority::{Authority, cors};
use crate::config::Config;
use crate::config::hosts::{self, Asked, Place};
use crate::error::Error;
use crate::operations::{object, request};
use crate::wire::names::PIC_OPERATIONS;
use crate::wire::pic_operations::PicOperations;

/// What there is to say about a request. Its text holds no secret of a key, and nothing of a token or a signature but what
/// the images of a rule hold.
#[derive(Debug)]
pub struct Explanation {
    text: String,
    /// What the service refuses it with; `None` where the request itself gives no cause.
    pub refusal: Option<Error>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Explanation {
    fn line(&mut self, label: &str, text: impl fmt::Display) {
        use fmt::Write;
        let _ = writeln!(self.text, "{label:<12} {text}");
    }

    /// The value, or the reason for the answer if it is the first.
    fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result
            .map_err(|error| self.refusal.get_or_insert(error))
            .ok()
    }

    fn rule(&mut self, rule: &Rule) {
        let text = rule.to_string();
        for (n, stage) in text.split('|').enumerate() {
            self.line(&format!("stage {}", n + 1), stage);
        }
        for (n, NamedImage { image, .. }) in rule.images().enumerate() {
            // Without the query, which may hold a signature.
            let url = image.url();
            self.line(
                &format!("image {}", n + 1),
                format_args!("{}{}", url.host, url.path),
            );
        }
    }
}

/// Explains what a service of this configuration makes of a request that comes from `address` at `now`, in Unix seconds.
///
/// `client` is what the client signed, as in [`auth::explain()`].
pub fn explain(
    config: Config,
    pasted: &Pasted,
    address: Option<IpAddr>,
    now: u64,
    client: Option<&str>,
) -> Explanation {
    let authority = Authority::new(config);
    let request = pasted.request();
    let mut headers = request.headers.clone();
    let mut front = Front {
        client: address,
        ..Front::default()
    };
    authority.believe_front(&mut headers, &mut front);
    let request = auth::Request {
        headers: &headers,
        ..request
    };
    let signature = auth::explain(&request, &authority.keys, now, client);
    let mut told = Explanation {
        text: signature.to_string(),
        refusal: None,
    };
    explain_request(&authority, &mut told, &request, front, now);
    match &told.refusal {
        Some(error) => {
            let answer = error.answer();
            let status = answer.status.as_u16();
            let text = format!("refused with {status} {}: {error}", answer.code);
            told.line("answer", text);
        }
        None => told.line(
            "answer",
            "nothing in the request is refused; the rest depends on what is stored",
        ),
    }
    told
}

fn explain_request(
    authority: &Authority,
    told: &mut Explanation,
    request: &auth::Request,
    front: Front,
    now: u64,
) {
    // As a front hands them on: bytes that cannot stand in a target are escaped.
    let text = |bytes: &[u8]| percent_encode(bytes, CONTROLS).to_string();
    let (raw_path, raw_query) = (text(request.raw_path), text(request.raw_query));
    let headers = request.headers;
    let Ok(method) = Method::from_bytes(request.method.as_bytes()) else {
        told.take::<()>(Err(Error::MethodNotAllowed(request.method.to_owned())));
        return;
    };
    if method == Method::OPTIONS {
        let answer = cors::preflight(&authority.config.cors, headers);
        told.take(answer.ok_or(Error::CorsForbidden));
        return;
    }
    let host = header_text(headers, &header::HOST).to_owned();
    let place = hosts::find(&authority.config, &host, &raw_path, Asked::ByRequest);
    let place = told.take(place.map_err(Error::NoBucket));
    if let Some(Place { bucket, key }) = &place {
        let bucket = authority.bucket_name(*bucket);
        told.line("bucket", format_args!("`{bucket}`"));
        told.line("key", format_args!("`{key}`"));
    }
    let caller = place.as_ref().and_then(|place| {
        told.take(authority.authenticate(&method, &raw_path, &raw_query, headers, place, now))
    });
    let query = told.take(rules::split_query(&raw_query).map_err(Error::from));
    let is_form = |place: &Place| {
        query
            .as_ref()
            .is_some_and(|query| form::boundary(&method, place, query, headers).is_some())
    };
    if let Some(caller) = &caller
        && !place.as_ref().is_some_and(is_form)
    {
        told.take(authority.refuse_other_pages(caller, &method, headers));
    }
    if let Some(item) = query.as_ref().and_then(|query| query.rule.as_ref()) {
        match Rule::parse(&item.text) {
            Ok(rule) => told.rule(&rule),
            Err(error) => told.line("rule", format_args!("not understood: {error}")),
        }
    }
    if let Some(value) = headers.get(PIC_OPERATIONS) {
        match PicOperations::parse(value.as_bytes()) {
            Ok(document) => {
                for (n, operation) in document.operations.iter().enumerate() {
                    told.line(&format!("fileid {}", n + 1), &operation.fileid);
                    match &operation.rule {
                        Ok(rule) => told.rule(rule),
                        Err(error) => {
                            told.line("rule", format_args!("not understood: {error}"));
                        }
                    }
                }
            }
            Err(error) => told.line("rules", format_args!("not understood: {error}")),
        }
    }
    let (Some(place), Some(caller), Some(query)) = (place, caller, query) else {
        return told.line(
            "policy",
            "not asked, as it is not certain who asks for what",
        );
    };
    let call = Call {
        method,
        raw_query,
        query,
        headers: headers.clone(),
        front,
        host,
        place,
        caller,
        now,
    };
    told.take(refuse_uncovered(&call));
    if let Some(operation) = told.take(Operation::of(&call)) {
        explain_operation(authority, told, &call, &operation);
    }
}

fn explain_operation(
    authority: &Authority,
    told: &mut Explanation,
    call: &Call,
    operation: &Operation,
) {
    let who = Who::of_request(call);
    let Some(asks) = told.take(authority.asks(call, operation)) else {
        return;
    };
    for ask in &asks {
        explain_ask(authority, told, "policy", &who, ask);
    }
    told.take(authority.allow(&who, &asks));
    match operation {
        Operation::Render(item) => {
            told.take(authority.may_use_rule(call, item));
            told.take(response_overrides(call));
            let Some(key) = told.take(call.key()) else {
                return;
            };
            let mut hides = Rule::asks_to_ignore_errors(&item.text);
            let sources = match Rule::parse(&item.text) {
                Ok(rule) => {
                    let who = authority.reader_of_rule(call, item);
                    explain_images(authority, told, call, &rule, &who);
                    authority.sources_of(call, &key, &rule, item).map(drop)
                }
                Err(error) => {
                    hides = call.hides(item, &error);
                    Err(error.into())
                }
            };
            match sources {
                Err(error) if hides && error.answer().suppressible => told.line(
                    "ignore-error",
                    format_args!("gives the original in place of: {error}"),
                ),
                sources => {
                    told.take(sources);
                }
            }
        }
        Operation::GetObject | Operation::HeadObject => {
            told.take(response_overrides(call));
        }
        Operation::PutObject => {
            told.take(request::put_options(&call.headers));
        }
        Operation::PutProcessed => {
            explain_results(authority, told, call, operation);
            told.take(request::put_options(&call.headers));
        }
        Operation::ProcessStored => explain_results(authority, told, call, operation),
        Operation::CompleteMultipart(_) if call.headers.contains_key(PIC_OPERATIONS) => {
            explain_results(authority, told, call, operation);
        }
        Operation::DeleteObjects => {
            told.take(object::announces_digest(call));
            told.line("policy", "each key of the body is judged by itself");
        }
        _ => {}
    }
}

fn explain_results(
    authority: &Authority,
    told: &mut Explanation,
    call: &Call,
    operation: &Operation,
) {
    let Some(key) = told.take(call.key()) else {
        return;
    };
    let Some(document) = told.take(authority.pic_operations(call)) else {
        return;
    };
    for (n, wanted) in document.operations.iter().enumerate() {
        let label = format!("result {}", n + 1);
        match authority.target_of(call, wanted, &key) {
            Ok((bucket, key)) => {
                let action = Action::PutObject;
                let ask = Ask::Object {
                    action,
                    bucket,
                    key,
                };
                explain_ask(authority, told, &label, &Who::of_request(call), &ask);
            }
            Err(error) => told.line(&label, error),
        }
        let who = Who::of_pic_operations(call);
        match &wanted.rule {
            Ok(rule) => explain_images(authority, told, call, rule, &who),
            Err(error) => told.line(
                "ignore-error",
                format_args!("stores a copy in place of: {error}"),
            ),
        }
    }
    let jobs = match operation {
        Operation::ProcessStored => authority.jobs_of_stored(call, &document, &key),
        _ => authority.jobs(call, &document, &key),
    };
    told.take(jobs);
}

fn explain_images(
    authority: &Authority,
    told: &mut Explanation,
    call: &Call,
    rule: &Rule,
    who: &Who,
) {
    for (n, NamedImage { image, .. }) in rule.images().enumerate() {
        let label = format!("image {}", n + 1);
        match authority.locate_image(n + 1, image, who, call.now) {
            Ok((name, reader)) => {
                let ask = Ask::Object {
                    action: Action::GetObject,
                    bucket: name.bucket,
                    key: name.key,
                };
                explain_ask(authority, told, &label, &reader, &ask);
            }
            Err(error) => told.line(&label, error),
        }
    }
}

fn explain_ask(authority: &Authority, told: &mut Explanation, label: &str, who: &Who, ask: &Ask) {
    let Decided {
        action,
        bucket,
        key,
        decision,
    } = authority.settle(who, ask);
    let (asker, own) = match who {
        Who::Anonymous(_) | Who::Uncovered { .. } => ("anyone".to_owned(), "[anonymous]"),
        Who::Key(index, _) => {
            let id = &authority.config.keys[*index].key.id;
            (format!("the key `{id}`"), "the key")
        }
        Who::Upload => ("the trigger".to_owned(), "[upload]"),
    };
    let whose = match &decision {
        Decision::Allowed(basis) | Decision::Denied(basis) => {
            let is_own = basis.policy == 0 && authority.policy_of(who).is_some();
            let whose = if is_own { own } else { "the bucket" };
            format!(" of the policy of {whose}")
        }
        Decision::NotAllowed => String::new(),
    };
    let bucket = authority.bucket_name(bucket);
    told.line(
        label,
        format_args!("{action} on `{bucket}/{key}` for {asker}: {decision}{whose}"),
    );
}
