//! Forms that upload a file (POST Object): who sent one, what of it is covered, and the request to store the file that it
//! comes to. Its head is the fields before the file.

use auth::policy::Action;
use auth::{AllowedForm, Carrier};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use rules::Query;

use super::Authority;
use super::call::{Call, Caller};
use super::decide::{Ask, Who};
use crate::config::hosts::{Place, is_path_style};
use crate::error::Error;
use crate::storage::ObjectKey;
use crate::wire::form::{self, Fields};
use crate::wire::names::{
    ACL, DELETE, ENCRYPTION, ENCRYPTION_BY_CUSTOMER, FORBID_OVERWRITE, META, PIC_OPERATIONS,
    STORAGE_CLASS, TAGGING,
};

/// The name of the object, in which [`FILENAME`] stands for that of the file.
const KEY: &str = "key";
/// What the last segment of the file's name takes the place of.
const FILENAME: &str = "${filename}";
/// A whole authorization, as clients send it that sign the request and no policy.
const SIGNATURE: &str = "signature";
/// What the answer's status shall be.
const STATUS: &str = "success_action_status";
/// Fields that say where the browser goes afterwards; whoever writes a form could so send people anywhere.
const REDIRECTS: [&str; 2] = ["success_action_redirect", "redirect"];
/// Headers of a PUT that a form may have as fields.
const HEADERS: [HeaderName; 12] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::EXPIRES,
    STORAGE_CLASS,
    HeaderName::from_static(ACL),
    HeaderName::from_static(ENCRYPTION),
    HeaderName::from_static(ENCRYPTION_BY_CUSTOMER),
    HeaderName::from_static(TAGGING),
    FORBID_OVERWRITE,
];

/// What a form comes to.
pub(crate) struct Upload {
    /// A request to store the file under its key, on behalf of whoever sent the form.
    pub(crate) call: Call,
    /// Bytes of the file at least and at most.
    pub(crate) bytes: (u64, u64),
    /// The status that the client wants for its success, where it says one.
    pub(crate) status: Option<StatusCode>,
}

/// The boundary of a form that uploads a file; `None` where the request is another.
pub(crate) fn boundary<'h>(
    method: &Method,
    place: &Place,
    query: &Query,
    headers: &'h HeaderMap,
) -> Option<&'h str> {
    let posts = *method == Method::POST && place.key.is_empty();
    let is_other = query.parameter(DELETE).is_some();
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    (posts && !is_other)
        .then(|| form::boundary(content_type))
        .flatten()
}

/// Whether a field means something to a form.
pub(crate) fn is_known(name: &str) -> bool {
    [
        KEY,
        "policy",
        SIGNATURE,
        STATUS,
        "acl",
        "file",
        PIC_OPERATIONS.as_str(),
    ]
    .contains(&name)
        || REDIRECTS.contains(&name)
        || is_header(name)
        || name != "sign" && auth::belongs_to_a_signature(name)
}

/// Whether a field is one of the headers of a PUT.
fn is_header(name: &str) -> bool {
    HEADERS.iter().any(|header| header == name) || name.starts_with(META)
}

impl Authority {
    /// What a form comes to, if whoever sent it may store the file.
    ///
    /// # Errors
    ///
    /// - [`Error::NotSupported`] for a field that means nothing here, and a redirect.
    /// - [`Error::Signature`] and [`Error::Denied`] where the policy of the form, or those of the configuration, do not
    ///   allow it.
    pub(crate) fn upload_of_form(&self, call: &Call, form: Fields) -> Result<Upload, Error> {
        let Fields {
            mut fields,
            filename,
        } = form;
        let mut parameters = call.query.parameters.iter().map(|(name, _)| name);
        if let Some(name) = parameters.find(|name| !auth::belongs_to_a_signature(name)) {
            return Err(Error::NotSupported(format!("?{name} beside a form")));
        }
        // Rules come from the field. A signature that covers the header would be taken to cover that.
        if call.headers.contains_key(PIC_OPERATIONS) {
            let text = "the header Pic-Operations beside a form; write it as a field of the form";
            return Err(Error::NotSupported(text.to_owned()));
        }
        for (name, _) in &fields {
            if REDIRECTS.contains(&name.as_str()) {
                let text = format!("the form field {name}; ask for the answer by {STATUS}");
                return Err(Error::NotSupported(text));
            }
            if !is_known(name) {
                return Err(Error::NotSupported(format!("the form field `{name}`")));
            }
        }
        if let Some((_, key)) = fields.iter_mut().find(|(name, _)| name == KEY)
            && key.contains(FILENAME)
        {
            *key = key.replace(FILENAME, last_segment(&filename)?);
        }
        let field = |name: &str| {
            let found = fields.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| value.as_str())
        };
        let status = match field(STATUS) {
            None | Some("") => None,
            Some("200") => Some(StatusCode::OK),
            Some("201") => Some(StatusCode::CREATED),
            Some("204") => Some(StatusCode::NO_CONTENT),
            Some(other) => {
                let text = format!("{STATUS}: expected 200, 201 or 204, found `{other}`");
                return Err(Error::InvalidArgument(text));
            }
        };
        let key = field(KEY).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| {
            Error::InvalidArgument("the form has no field `key`, or an empty one".to_owned())
        })?;
        let key = ObjectKey::new(key.strip_prefix('/').unwrap_or(key))?;
        let (caller, bytes) = self.sender(call, &fields)?;
        let call = Call {
            headers: headers_of(&fields)?,
            place: Place {
                bucket: call.place.bucket,
                key: key.to_string(),
            },
            caller,
            method: call.method.clone(),
            raw_query: call.raw_query.clone(),
            query: call.query.clone(),
            front: call.front.clone(),
            host: call.host.clone(),
            now: call.now,
        };
        let ask = Ask::Object {
            action: Action::PostObject,
            bucket: call.place.bucket,
            key,
        };
        self.allow(&Who::of_request(&call), &[ask])?;
        Ok(Upload {
            call,
            bytes,
            status,
        })
    }

    /// Who sent a form, and how long its file may be: whoever signed the policy in it, else whoever signed the request
    /// that brings it, in a header, since a signature in a URL would be good for any key. Else it is anyone.
    fn sender(
        &self,
        call: &Call,
        fields: &[(String, String)],
    ) -> Result<(Caller, (u64, u64)), Error> {
        let form = auth::Form {
            bucket: self.bucket_name(call.place.bucket),
            fields,
        };
        let signed = auth::verify_form(&form, &self.keys, call.now).map_err(Error::Signature)?;
        let any_length = (0, u64::MAX);
        match (signed, &call.caller) {
            (Some(AllowedForm { verified, bytes }), Caller::Anonymous) => {
                let index = verified.key_index;
                Ok((Caller::Key { index, verified }, bytes))
            }
            (Some(_), Caller::Key { .. }) => Err(Error::Denied(
                "the form has a signed policy, and the request that brings it a signature of its own; send one"
                    .to_owned(),
            )),
            (None, Caller::Anonymous) => {
                let caller = self.signed_as_a_whole(call, fields)?;
                if matches!(caller, Caller::Anonymous) {
                    self.refuse_other_pages(&caller, &call.method, &call.headers)?;
                }
                Ok((caller, any_length))
            }
            (None, Caller::Key { index, verified }) if verified.carrier == Carrier::Header => {
                let (index, verified) = (*index, verified.clone());
                Ok((Caller::Key { index, verified }, any_length))
            }
            (None, Caller::Key { .. }) => Err(Error::Denied(
                "a signature in the URL covers no field of a form; sign a policy in the form, or send the Authorization \
                 header"
                    .to_owned(),
            )),
        }
    }

    /// Whoever made the authorization in the field `Signature`, which counts as the header of that name would.
    fn signed_as_a_whole(&self, call: &Call, fields: &[(String, String)]) -> Result<Caller, Error> {
        let mut headers = call.headers.clone();
        let field = fields.iter().find(|(name, _)| name == SIGNATURE);
        let Some((_, signature)) = field.filter(|(_, value)| !value.is_empty()) else {
            if let Some((name, _)) = fields.iter().find(|(name, _)| name.starts_with("q-")) {
                let text = format!("the form has a field {name}, and no policy that it could sign");
                return Err(Error::Denied(text));
            }
            return Ok(Caller::Anonymous);
        };
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| {
                Error::InvalidArgument(
                    "a field of the signature cannot stand in a header".to_owned(),
                )
            })
        };
        headers.insert(header::AUTHORIZATION, value(signature)?);
        for (name, token) in fields
            .iter()
            .filter(|(name, _)| auth::TOKENS.contains(&name.as_str()))
        {
            let name = HeaderName::try_from(name.as_str());
            if let Ok(name) = name {
                headers.insert(name, value(token)?);
            }
        }
        let path = if is_path_style(&call.host) {
            format!("/{}/", self.bucket_name(call.place.bucket))
        } else {
            "/".to_owned()
        };
        let place = &call.place;
        self.authenticate(
            &call.method,
            &path,
            &call.raw_query,
            &headers,
            place,
            call.now,
        )
    }
}

/// The fields as the headers of a PUT, in which what is empty is not given.
fn headers_of(fields: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let name = match name.as_str() {
            "acl" => ACL,
            name if is_header(name) || name == PIC_OPERATIONS.as_str() => name,
            _ => continue,
        };
        let cannot = |what| {
            Error::InvalidArgument(format!(
                "the form field `{name}`: its {what} cannot stand in a header"
            ))
        };
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| cannot("value"))?;
        let header = HeaderName::try_from(name).map_err(|_| cannot("name"))?;
        if headers.insert(header, value).is_some() {
            let text = format!("the form says `{name}` twice");
            return Err(Error::InvalidArgument(text));
        }
    }
    Ok(headers)
}

/// The last segment of a path of any system, which a key may hold.
fn last_segment(filename: &str) -> Result<&str, Error> {
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    if last.is_empty() || last.chars().any(char::is_control) {
        let text =
            format!("{FILENAME}: the form's file has no name, or one with control characters");
        return Err(Error::InvalidArgument(text));
    }
    Ok(last)
}
