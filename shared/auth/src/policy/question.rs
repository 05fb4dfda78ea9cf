//! What is asked of policies: who wants to do what to which object, from where.

use std::{fmt, net::IpAddr};

/// What a request wants to do, named as in policies (`cos:GetObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are COS's own.
pub enum Action {
    AbortMultipartUpload,
    AppendObject,
    CompleteMultipartUpload,
    DeleteMultipleObjects,
    DeleteObject,
    GetBucket,
    GetBucketAcl,
    GetBucketCors,
    GetBucketLocation,
    GetBucketTagging,
    GetBucketVersioning,
    GetObject,
    GetObjectAcl,
    GetObjectTagging,
    GetService,
    HeadBucket,
    HeadObject,
    InitiateMultipartUpload,
    ListMultipartUploads,
    ListParts,
    OptionsObject,
    PostObject,
    PutObject,
    UploadPart,
}

impl Action {
    /// Every action, in the order of their names.
    pub const ALL: [Self; 24] = [
        Self::AbortMultipartUpload,
        Self::AppendObject,
        Self::CompleteMultipartUpload,
        Self::DeleteMultipleObjects,
        Self::DeleteObject,
        Self::GetBucket,
        Self::GetBucketAcl,
        Self::GetBucketCors,
        Self::GetBucketLocation,
        Self::GetBucketTagging,
        Self::GetBucketVersioning,
        Self::GetObject,
        Self::GetObjectAcl,
        Self::GetObjectTagging,
        Self::GetService,
        Self::HeadBucket,
        Self::HeadObject,
        Self::InitiateMultipartUpload,
        Self::ListMultipartUploads,
        Self::ListParts,
        Self::OptionsObject,
        Self::PostObject,
        Self::PutObject,
        Self::UploadPart,
    ];

    /// `cos:` and COS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AbortMultipartUpload => "cos:AbortMultipartUpload",
            Self::AppendObject => "cos:AppendObject",
            Self::CompleteMultipartUpload => "cos:CompleteMultipartUpload",
            Self::DeleteMultipleObjects => "cos:DeleteMultipleObjects",
            Self::DeleteObject => "cos:DeleteObject",
            Self::GetBucket => "cos:GetBucket",
            Self::GetBucketAcl => "cos:GetBucketACL",
            Self::GetBucketCors => "cos:GetBucketCORS",
            Self::GetBucketLocation => "cos:GetBucketLocation",
            Self::GetBucketTagging => "cos:GetBucketTagging",
            Self::GetBucketVersioning => "cos:GetBucketVersioning",
            Self::GetObject => "cos:GetObject",
            Self::GetObjectAcl => "cos:GetObjectACL",
            Self::GetObjectTagging => "cos:GetObjectTagging",
            Self::GetService => "cos:GetService",
            Self::HeadBucket => "cos:HeadBucket",
            Self::HeadObject => "cos:HeadObject",
            Self::InitiateMultipartUpload => "cos:InitiateMultipartUpload",
            Self::ListMultipartUploads => "cos:ListMultipartUploads",
            Self::ListParts => "cos:ListParts",
            Self::OptionsObject => "cos:OptionsObject",
            Self::PostObject => "cos:PostObject",
            Self::PutObject => "cos:PutObject",
            Self::UploadPart => "cos:UploadPart",
        }
    }

    /// The action of this name, with or without `name/` and `cos:` before it.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("name/").unwrap_or(name);
        let name = name.strip_prefix("cos:").unwrap_or(name);
        Self::ALL
            .into_iter()
            .find(|action| action.name()[4..] == *name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who asks, as bucket policies name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// A request without a signature.
    Anonymous,
    /// A key; its `qcs::cam::uin/<owner>:uin/<sub>`, or empty where it has none: such a key may be any principal, so that
    /// no allow that names principals is for it, and every deny that names some is.
    Key(&'a str),
}

/// One action on one object, to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// What is asked for.
    pub action: Action,
    /// The bucket as COS clients call it, `examples-1250000000`.
    pub bucket: &'a str,
    /// The bucket's region by configuration, never by the request's host; `None` fits every region.
    pub region: Option<&'a str>,
    /// The object key, decoded, without a leading slash of the path; empty for the bucket itself.
    pub key: &'a str,
    /// The client's address, where the front knows it for certain.
    pub address: Option<IpAddr>,
}
