//! `mogr policy check`: what a policy document says, before anyone relies on it.

use std::net::IpAddr;
use std::path::PathBuf;

use auth::Policy;
use auth::policy::{Action, Attachment, Principal, Question};

use crate::error::Error;

/// Where a policy is attached.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AttachmentOption {
    /// To a key.
    Key,
    /// To requests without a signature.
    Anonymous,
    /// To a bucket, with principals.
    Bucket,
}

/// What `mogr policy check` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Where it is attached.
    #[arg(long, value_enum, default_value = "key")]
    attached_to: AttachmentOption,
    /// The bucket that is asked about.
    #[arg(long, value_name = "NAME", default_value = crate::samples::SAMPLE_BUCKET)]
    bucket: String,
    /// Its region, where policies may name one.
    #[arg(long)]
    region: Option<String>,
    /// The object that is asked about; without one, the document is only read.
    #[arg(long, value_name = "OBJECT", requires = "action")]
    key: Option<String>,
    /// What is to be done with it: `GetObject`, `PutObject`, `DeleteObject`, ...
    #[arg(long, value_name = "NAME", value_parser = action)]
    action: Option<Action>,
    /// Who asks, in a bucket's policy: `qcs::cam::uin/<owner>:uin/<sub>`; anonymous without it.
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// The client's address.
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// The document, JSON.
    #[arg(value_name = "FILE")]
    document: PathBuf,
}

fn action(name: &str) -> Result<Action, String> {
    Action::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Action::ALL
            .iter()
            .map(|action| &action.name()[4..])
            .collect();
        format!("expected one of {}", names.join(", "))
    })
}

impl Check {
    pub(crate) fn run(self) -> Result<(), Error> {
        let attachment = match self.attached_to {
            AttachmentOption::Key => Attachment::Key,
            AttachmentOption::Anonymous => Attachment::Anonymous,
            AttachmentOption::Bucket => Attachment::Bucket,
        };
        let path = self.document;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(Error::Read { path, source }),
        };
        let policy = match Policy::parse(&text, attachment) {
            Ok(policy) => policy,
            Err(source) => return Err(Error::Policy { path, source }),
        };
        for warning in policy.warnings() {
            eprintln!("mogr: {warning}");
        }
        let Some(action) = self.action else {
            println!("the document is understood");
            return Ok(());
        };
        let principal = match (&self.principal, attachment) {
            (Some(name), _) => Principal::Key(name),
            (None, Attachment::Key) => Principal::Key(""),
            (None, Attachment::Anonymous | Attachment::Bucket) => Principal::Anonymous,
        };
        let decision = policy.decide(&Question {
            principal,
            action,
            bucket: &self.bucket,
            region: self.region.as_deref(),
            key: self.key.as_deref().unwrap_or_default(),
            address: self.address,
        });
        println!("{decision}");
        if decision.is_allowed() {
            Ok(())
        } else {
            Err(Error::No)
        }
    }
}
