//! What is told of a bucket or an object beside its content: clients ask for it before they do what they came for. All of it is
//! said by the configuration or the storage, and none of it is changed by a request.

use std::time::SystemTime;

use auth::policy::Action;
use http::Response;

use crate::authority::call::Call;
use crate::authority::decide::{Ask, Who};
use crate::authority::operation::Described;
use crate::error::Error;
use crate::operations::list::iso8601;
use crate::service::Service;
use crate::storage::Versioning;
use crate::wire::body::Body;
use crate::wire::headers::xml;
use crate::wire::xml::Writer;

/// `GET /?acl` and its like, and `GET /<key>?acl` and `?tagging`.
pub(crate) async fn describe(
    service: &Service,
    call: &Call,
    described: Described,
) -> Result<Response<Body>, Error> {
    let (bucket, authority) = (call.place.bucket, &service.authority);
    let storage = service.storage(bucket);
    let keyed = !call.place.key.is_empty();
    match described {
        Described::Acl => {
            let public = if keyed {
                let key = call.key()?;
                storage.head(&key, call.version().as_ref()).await?;
                authority.anyone_may(Action::GetObject, bucket, &key)
            } else {
                authority.anyone_may_read_all(bucket)
            };
            Ok(xml(acl(authority.bucket_name(bucket), public)))
        }
        Described::Cors => {
            let rules = &authority.config.cors;
            if rules.is_empty() {
                return Err(Error::NoCors);
            }
            let mut answer = Writer::new("CORSConfiguration");
            for rule in rules {
                answer.begin("CORSRule");
                let lists = [
                    ("AllowedOrigin", &rule.origins),
                    ("AllowedMethod", &rule.methods),
                    ("AllowedHeader", &rule.headers),
                    ("ExposeHeader", &rule.expose),
                ];
                for (name, values) in lists {
                    for value in values {
                        answer.leaf(name, value);
                    }
                }
                answer.leaf("MaxAgeSeconds", rule.max_age).end();
            }
            Ok(xml(answer))
        }
        Described::Location => {
            let own = authority.config.buckets[bucket].region.as_deref();
            let region = region_of_host(&call.host).or(own).unwrap_or_default();
            // Its root is the element itself.
            let mut answer = Writer::new("LocationConstraint");
            answer.text(region);
            Ok(xml(answer))
        }
        Described::Tagging => {
            let tags = if keyed {
                storage.tags(&call.key()?, call.version().as_ref()).await?
            } else {
                Vec::new()
            };
            let mut answer = Writer::new("Tagging");
            answer.begin("TagSet");
            for (key, value) in tags {
                answer
                    .begin("Tag")
                    .leaf("Key", key)
                    .leaf("Value", value)
                    .end();
            }
            Ok(xml(answer))
        }
        Described::Versioning => {
            let mut answer = Writer::new("VersioningConfiguration");
            match storage.versioning().await? {
                Versioning::Never => {}
                Versioning::Enabled => {
                    answer.leaf("Status", "Enabled");
                }
                Versioning::Suspended => {
                    answer.leaf("Status", "Suspended");
                }
            }
            Ok(xml(answer))
        }
    }
}

/// `GET /` on the host of the service: the buckets whose keys the caller may list, of one region where it is named.
pub(crate) fn buckets(service: &Service, who: &Who, region: Option<&str>) -> Response<Body> {
    let authority = &service.authority;
    let mut answer = Writer::new("ListAllMyBucketsResult");
    owner(&mut answer, "");
    answer.begin("Buckets");
    for (index, bucket) in authority.config.buckets.iter().enumerate() {
        let listing = Ask::Bucket {
            action: Action::GetBucket,
            bucket: index,
            prefix: String::new(),
        };
        let is_there = region.is_none_or(|region| bucket.region.as_deref() == Some(region));
        if is_there && authority.allow(who, &[listing]).is_ok() {
            answer
                .begin("Bucket")
                .leaf("Name", &bucket.name)
                .leaf("Location", bucket.region.as_deref().unwrap_or_default())
                // When a bucket was made is not known here.
                .leaf("CreationDate", iso8601(SystemTime::UNIX_EPOCH))
                .leaf("BucketType", "cos")
                .end();
        }
    }
    xml(answer)
}

/// The owner may do everything; everyone else may read or not.
fn acl(bucket: &str, public: bool) -> Writer {
    let mut answer = Writer::new("AccessControlPolicy");
    owner(&mut answer, bucket);
    answer.begin("AccessControlList");
    answer.begin("Grant").begin("Grantee");
    answer
        .leaf("ID", account(bucket))
        .leaf("DisplayName", account(bucket));
    answer.end().leaf("Permission", "FULL_CONTROL").end();
    if public {
        answer.begin("Grant").begin("Grantee");
        answer.leaf("URI", "http://cam.qcloud.com/groups/global/AllUsers");
        answer.end().leaf("Permission", "READ").end();
    }
    answer
}

fn owner(answer: &mut Writer, bucket: &str) {
    answer
        .begin("Owner")
        .leaf("ID", account(bucket))
        .leaf("DisplayName", account(bucket))
        .end();
}

/// The account as COS writes it. The number at the end of a bucket's name is all that is known of it.
fn account(bucket: &str) -> String {
    let number = bucket.rsplit('-').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { number } else { "0" };
    format!("qcs::cam::uin/{number}:uin/{number}")
}

/// `ap-shanghai` of `examples-1250000000.cos.ap-shanghai.myqcloud.com`.
fn region_of_host(host: &str) -> Option<&str> {
    let mut labels = host.split('.').skip_while(|label| *label != "cos").skip(1);
    labels
        .next()
        .filter(|region| *region != "accelerate" && region.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_and_the_region_are_read_from_names() {
        assert_eq!(
            account("examples-1250000000"),
            "qcs::cam::uin/1250000000:uin/1250000000"
        );
        assert_eq!(account("plain"), "qcs::cam::uin/0:uin/0");
        let region = |host| region_of_host(host);
        assert_eq!(
            region("b-1.cos.ap-shanghai.myqcloud.com"),
            Some("ap-shanghai")
        );
        assert_eq!(
            region("cos.eu-frankfurt.myqcloud.com"),
            Some("eu-frankfurt")
        );
        assert_eq!(region("b-1.cos.accelerate.myqcloud.com"), None);
        assert_eq!(region("localhost:8080"), None);
    }
}
