//! Which objects an event tells of: straight from S3, through EventBridge, SQS or SNS, or out of the failure queue.
//!
//! The structs are our own and lenient: S3 adds fields, and the test event that a new notification begins with has none.

use serde_json::Value;
use shared::Created;
use shared::storage::{ObjectKey, Version};

/// One thing that an event tells.
#[derive(Debug)]
pub enum Notification {
    /// An object was stored.
    Created(Created),
    /// Something that calls for no work.
    Nothing(String),
    /// Something that cannot be understood, and never will be.
    Unreadable(String),
}

/// A message of a queue, or the whole event if it came without one: what is tried again together.
#[derive(Debug)]
pub struct Message {
    /// Its id, if it came by SQS.
    pub id: Option<String>,
    /// What it tells, in its order.
    pub told: Vec<Notification>,
}

/// All that `event` tells.
pub fn read(event: &Value) -> Vec<Message> {
    let queued = |record: &Value| record["eventSource"] == "aws:sqs";
    match event["Records"].as_array() {
        Some(records) if records.iter().any(queued) => records
            .iter()
            .map(|record| Message {
                id: record["messageId"].as_str().map(str::to_owned),
                told: if queued(record) {
                    nested(&record["body"])
                } else {
                    one(record)
                },
            })
            .collect(),
        _ => vec![Message {
            id: None,
            told: all(event),
        }],
    }
}

/// Any of the shapes that may come directly or wrapped.
fn all(event: &Value) -> Vec<Notification> {
    if let Some(records) = event["Records"].as_array() {
        return records.iter().flat_map(one).collect();
    }
    if event["Event"] == "s3:TestEvent" {
        return vec![Notification::Nothing("s3:TestEvent".to_owned())];
    }
    if event["source"] == "aws.s3" {
        return vec![event_bridge(event)];
    }
    // What an on-failure destination keeps: the event that failed, so that it can be sent again.
    if event["requestPayload"].is_object() {
        return all(&event["requestPayload"]);
    }
    if event["Type"] == "Notification" {
        return nested(&event["Message"]);
    }
    vec![unreadable(event)]
}

/// JSON in a string.
fn nested(text: &Value) -> Vec<Notification> {
    let text = text.as_str().unwrap_or_default();
    match serde_json::from_str::<Value>(text) {
        Ok(event) if event.is_object() => all(&event),
        _ => vec![Notification::Unreadable(
            "a message that is not JSON".to_owned(),
        )],
    }
}

/// One element of `Records`.
fn one(record: &Value) -> Vec<Notification> {
    if record["Sns"].is_object() {
        return nested(&record["Sns"]["Message"]);
    }
    let name = record["eventName"].as_str().unwrap_or_default();
    if !record["s3"].is_object() {
        return vec![unreadable(record)];
    }
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return vec![Notification::Nothing(name.to_owned())];
    }
    let object = &record["s3"]["object"];
    // A form field: `+` is a space, and a plus is `%2B`.
    let key = object["key"].as_str().and_then(|key| {
        let key = key.replace('+', "%20");
        let key = percent_encoding::percent_decode_str(&key)
            .decode_utf8()
            .ok()?;
        Some(key.into_owned())
    });
    vec![created(&record["s3"]["bucket"], key, object, "versionId")]
}

/// EventBridge does not escape the key, and spells the fields in its own way.
fn event_bridge(event: &Value) -> Notification {
    let kind = event["detail-type"].as_str().unwrap_or_default();
    if kind != "Object Created" {
        return Notification::Nothing(kind.to_owned());
    }
    let detail = &event["detail"];
    let object = &detail["object"];
    let key = object["key"].as_str().map(str::to_owned);
    created(&detail["bucket"], key, object, "version-id")
}

fn created(bucket: &Value, key: Option<String>, object: &Value, version: &str) -> Notification {
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let Some(bucket) = text(&bucket["name"]) else {
        return Notification::Unreadable("an object without a bucket".to_owned());
    };
    let Some(key) = key else {
        return Notification::Unreadable("an object without a readable key".to_owned());
    };
    match ObjectKey::new(key) {
        Ok(key) => Notification::Created(Created {
            bucket,
            key,
            version: text(&object[version])
                .filter(|id| id != "null")
                .map(Version),
        }),
        Err(error) => Notification::Unreadable(error.to_string()),
    }
}

fn unreadable(value: &Value) -> Notification {
    let names: Vec<_> = value
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys().map(String::as_str).take(12))
        .collect();
    Notification::Unreadable(format!(
        "an event of no known shape, with the fields {names:?}"
    ))
}
