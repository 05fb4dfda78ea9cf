//! Which operation a request is, and what its caller must be allowed before anything is read or stored.
//!
//! Both are decided here and nowhere else, so that what is explained of a request is what is done with it. What depends
//! on a body or on a rule is judged where these are read: images, results, the keys of `POST ?delete`.

use auth::policy::Action;
use http::{HeaderValue, Method};
use rules::QueryRule;

use super::Authority;
use super::call::Call;
use super::decide::Ask;
use super::form;
use crate::error::Error;
use crate::storage::UploadId;
use crate::wire::names::{
    self, APPEND, CHOOSING, COPY_SOURCE, DELETE, DESCRIBING, IMAGE_PROCESS, PART_NUMBER,
    PIC_OPERATIONS, POSITION, PREFIX, UNSUPPORTED, UPLOAD_ID, UPLOADS, VERSION_ID,
};

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Operation<'c> {
    Render(&'c QueryRule),
    GetObject,
    HeadObject,
    HeadBucket,
    ListObjects,
    ListMultipart,
    ListParts(UploadId),
    PutObject,
    PutProcessed,
    PutPart(UploadId),
    CopyPart(UploadId, &'c str),
    Append(u64),
    Copy(&'c str),
    ProcessStored,
    CreateMultipart,
    CompleteMultipart(UploadId),
    AbortMultipart(UploadId),
    DeleteObject,
    DeleteObjects,
    /// A part of the API that is told as it is and that no request changes.
    Describe(Described),
    /// A form with a file in it, and its boundary.
    PostForm(&'c str),
}

/// What is told of a bucket or an object beside its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Described {
    Acl,
    Cors,
    Location,
    Tagging,
    Versioning,
}

impl Described {
    const ALL: [(&'static str, Self); DESCRIBING.len()] = [
        (names::ACL_OF, Self::Acl),
        (names::CORS, Self::Cors),
        (names::LOCATION, Self::Location),
        (names::TAGGING_OF, Self::Tagging),
        (names::VERSIONING, Self::Versioning),
    ];

    /// Objects have an access control list and tags; the rest is a bucket's alone.
    fn is_of_objects(self) -> bool {
        matches!(self, Self::Acl | Self::Tagging)
    }

    /// The action that tells it.
    pub(crate) fn action(self, keyed: bool) -> Action {
        match (self, keyed) {
            (Self::Acl, true) => Action::GetObjectAcl,
            (Self::Acl, false) => Action::GetBucketAcl,
            (Self::Cors, _) => Action::GetBucketCors,
            (Self::Location, _) => Action::GetBucketLocation,
            (Self::Tagging, true) => Action::GetObjectTagging,
            (Self::Tagging, false) => Action::GetBucketTagging,
            (Self::Versioning, _) => Action::GetBucketVersioning,
        }
    }
}

impl<'c> Operation<'c> {
    /// Decided by method, key, and the names of query and headers.
    pub(crate) fn of(call: &'c Call) -> Result<Self, Error> {
        refuse_other_parameters(call)?;
        let operation = Self::chosen(call)?;
        operation.refuse_other_choices(call)?;
        Ok(operation)
    }

    fn chosen(call: &'c Call) -> Result<Self, Error> {
        let keyed = !call.place.key.is_empty();
        let is_get = call.method == Method::GET;
        if let Some((name, described)) = Described::ALL
            .into_iter()
            .find(|(name, _)| call.asks_for(name))
        {
            if !is_get {
                let text = format!(
                    "{} ?{name}, which is told by GET and changed in the configuration alone",
                    call.method
                );
                return Err(Error::NotSupported(text));
            }
            if keyed && !described.is_of_objects() {
                let text = format!("?{name} of an object; a bucket has it");
                return Err(Error::NotSupported(text));
            }
            return Ok(Self::Describe(described));
        }
        Ok(match (call.method.as_str(), keyed) {
            ("GET" | "HEAD", true) => match (&call.query.rule, call.upload_id()) {
                (Some(rule), _) => Self::Render(rule),
                (None, Some(upload)) if is_get => Self::ListParts(upload),
                (None, _) if is_get => Self::GetObject,
                (None, _) => Self::HeadObject,
            },
            ("GET", false) if call.asks_for(UPLOADS) => Self::ListMultipart,
            ("GET", false) => Self::ListObjects,
            ("HEAD", false) => Self::HeadBucket,
            ("PUT", true) => {
                let with_operations = call.headers.contains_key(PIC_OPERATIONS);
                match (call.upload_id(), call.headers.get(COPY_SOURCE)) {
                    // The body that comes with a copy is empty: taken for a part, it would be an empty one.
                    (Some(_), _) if with_operations => {
                        let text =
                            "Pic-Operations on a part; they stand on the completion of the upload";
                        return Err(Error::NotSupported(text.to_owned()));
                    }
                    (Some(upload), Some(source)) => Self::CopyPart(upload, source_text(source)?),
                    (Some(upload), None) => Self::PutPart(upload),
                    (None, Some(_)) if with_operations => {
                        let text = format!(
                            "found {COPY_SOURCE} and Pic-Operations; a copy is processed by POST ?image_process"
                        );
                        return Err(Error::InvalidArgument(text));
                    }
                    // The body that comes with a copy is empty: taken for a PUT, it would store an empty object.
                    (None, Some(source)) => Self::Copy(source_text(source)?),
                    (None, None) if with_operations => Self::PutProcessed,
                    (None, None) => Self::PutObject,
                }
            }
            ("POST", true) if call.asks_for(IMAGE_PROCESS) => Self::ProcessStored,
            ("POST", true) if call.asks_for(UPLOADS) => Self::CreateMultipart,
            ("POST", true) if call.asks_for(APPEND) => {
                let text = call.query.parameter(POSITION).unwrap_or_default();
                let wrong = || format!("{POSITION}: expected a number of bytes, found `{text}`");
                let position = text.parse();
                Self::Append(position.map_err(|_| Error::InvalidArgument(wrong()))?)
            }
            ("POST", true) => {
                let text =
                    "POST of this kind; POST takes ?image_process, ?uploads, ?uploadId= or ?append";
                let other = || Error::NotSupported(text.to_owned());
                let upload = call.upload_id().ok_or_else(other)?;
                if call.upload_has_rules() && !call.headers.contains_key(PIC_OPERATIONS) {
                    let text = "Pic-Operations with ?uploads alone, where this upload began; send them with ?uploadId, \
                                where they count";
                    return Err(Error::NotSupported(text.to_owned()));
                }
                Self::CompleteMultipart(upload)
            }
            ("POST", false) if call.asks_for(DELETE) => Self::DeleteObjects,
            ("DELETE", true) => match call.upload_id() {
                Some(upload) => Self::AbortMultipart(upload),
                None => Self::DeleteObject,
            },
            ("PUT" | "POST" | "DELETE", false) => {
                if let Some(boundary) =
                    form::boundary(&call.method, &call.place, &call.query, &call.headers)
                {
                    return Ok(Self::PostForm(boundary));
                }
                let method = call.method.to_string();
                return Err(Error::NoKey { method });
            }
            (method, _) => return Err(Error::MethodNotAllowed(method.to_owned())),
        })
    }

    /// Refuses what chooses another operation than this one, in a request that stores or deletes: `PUT ?partNumber=1` whose
    /// `uploadId` was lost would replace the object by a part of it.
    fn refuse_other_choices(&self, call: &Call) -> Result<(), Error> {
        let own: &[&str] = match self {
            Self::PutPart(_) | Self::CopyPart(..) => &[PART_NUMBER, UPLOAD_ID],
            Self::CompleteMultipart(_) | Self::AbortMultipart(_) => &[UPLOAD_ID],
            Self::CreateMultipart => &[UPLOADS],
            Self::Append(_) => &[APPEND, POSITION],
            Self::ProcessStored => &[IMAGE_PROCESS, VERSION_ID],
            Self::DeleteObject => &[VERSION_ID],
            Self::DeleteObjects => &[DELETE],
            _ if matches!(call.method, Method::GET | Method::HEAD) => return Ok(()),
            _ => &[],
        };
        let mut others = CHOOSING.iter().filter(|name| !own.contains(name));
        match others.find(|name| call.asks_for(name)) {
            Some(name) => {
                let text = format!("{} of this kind with ?{name}", call.method);
                Err(Error::NotSupported(text))
            }
            None => Ok(()),
        }
    }
}

/// What a copy source says.
fn source_text(source: &HeaderValue) -> Result<&str, Error> {
    let wrong = || format!("{COPY_SOURCE}: expected UTF-8, found other bytes");
    std::str::from_utf8(source.as_bytes()).map_err(|_| Error::InvalidArgument(wrong()))
}

/// Refuses what a query asks for beside the object. In a request that stores or deletes, every parameter that means nothing
/// might have meant something else than this object to its sender, so it is refused by name.
fn refuse_other_parameters(call: &Call) -> Result<(), Error> {
    let reads = matches!(call.method, Method::GET | Method::HEAD);
    for (name, value) in &call.query.parameters {
        let is_unsupported = UNSUPPORTED.contains(&name.as_str());
        if is_unsupported && name == "ci-process" {
            return Err(Error::NotSupported(format!("?ci-process={value}")));
        }
        if is_unsupported || !(reads || names::is_known(name)) {
            return Err(Error::NotSupported(format!("?{name}")));
        }
    }
    if let Some(rule) = call.query.rule.as_ref().filter(|_| !reads) {
        let text = format!(
            "the rule `{}` in the query of {}; rules of what is stored stand in the header Pic-Operations",
            rule.text, call.method
        );
        return Err(Error::NotSupported(text));
    }
    Ok(())
}

impl Authority {
    /// What the caller must be allowed; all of it.
    pub(crate) fn asks(&self, call: &Call, operation: &Operation) -> Result<Vec<Ask>, Error> {
        let bucket = call.place.bucket;
        let object = |action| -> Result<Vec<Ask>, Error> {
            let key = call.key()?;
            Ok(vec![Ask::Object {
                action,
                bucket,
                key,
            }])
        };
        let whole = |action| {
            let prefix = call.query.parameter(PREFIX).unwrap_or_default();
            Ok(vec![Ask::Bucket {
                action,
                bucket,
                prefix: prefix.to_owned(),
            }])
        };
        match operation {
            Operation::HeadObject => Ok(vec![Ask::Head {
                bucket,
                key: call.key()?,
            }]),
            Operation::HeadBucket => Ok(vec![Ask::Bucket {
                action: Action::HeadBucket,
                bucket,
                prefix: String::new(),
            }]),
            Operation::Describe(described) => {
                let keyed = !call.place.key.is_empty();
                let action = described.action(keyed);
                if keyed { object(action) } else { whole(action) }
            }
            Operation::ListObjects => whole(Action::GetBucket),
            Operation::ListMultipart => whole(Action::ListMultipartUploads),
            Operation::ListParts(_) => object(Action::ListParts),
            Operation::PutObject | Operation::PutProcessed => object(Action::PutObject),
            Operation::PutPart(_) => object(Action::UploadPart),
            Operation::Append(_) => object(Action::AppendObject),
            Operation::Copy(source) | Operation::CopyPart(_, source) => {
                let source = self.copy_source(source)?;
                let mut asks = vec![Ask::Object {
                    action: Action::GetObject,
                    bucket: source.bucket,
                    key: source.key,
                }];
                asks.extend(object(match operation {
                    Operation::CopyPart(..) => Action::UploadPart,
                    _ => Action::PutObject,
                })?);
                Ok(asks)
            }
            Operation::ProcessStored if self.config.cloud_mode_needs_put_only => Ok(Vec::new()),
            Operation::Render(_) | Operation::GetObject | Operation::ProcessStored => {
                object(Action::GetObject)
            }
            Operation::CreateMultipart => object(Action::InitiateMultipartUpload),
            Operation::CompleteMultipart(_) => object(Action::CompleteMultipartUpload),
            Operation::AbortMultipart(_) => object(Action::AbortMultipartUpload),
            Operation::DeleteObject => object(Action::DeleteObject),
            // Each key of the body is judged by itself when it is read.
            // A form is judged when its fields are read.
            Operation::PostForm(_) => Ok(Vec::new()),
            Operation::DeleteObjects => Ok(vec![Ask::DeleteSome { bucket }]),
        }
    }
}
