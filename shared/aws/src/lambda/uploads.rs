//! Objects that the trigger tells of, each given to the service; what another try may help is asked for again.

use std::time::{Duration, Instant};

use lambda_runtime::Error as RuntimeError;
use serde_json::{Value, json};
use shared::{Service, UploadError};
use storage::ObjectKey;

use super::journal;
use super::trigger::{Message, Notification};

/// Works through an event. What another try may help is asked of Lambda: the message again, or the whole event.
pub(super) async fn run(
    service: &Service,
    messages: Vec<Message>,
    deadline: Instant,
) -> Result<Value, RuntimeError> {
    let mut again = Vec::new();
    let mut reason = None;
    let queued = messages.iter().any(|message| message.id.is_some());
    for message in messages {
        for told in message.told {
            if let Err(error) = one_upload(service, told, deadline).await {
                if let Some(id) = &message.id
                    && again.last() != Some(id)
                {
                    again.push(id.clone());
                }
                reason = Some(error);
            }
        }
    }
    match reason {
        Some(error) if !queued => Err(error.into()),
        _ if queued => Ok(json!({
            "batchItemFailures": again.iter().map(|id| json!({ "itemIdentifier": id })).collect::<Vec<_>>(),
        })),
        _ => Ok(Value::Null),
    }
}

/// Runs what belongs to one object. An error is one that another try may not meet.
async fn one_upload(
    service: &Service,
    told: Notification,
    deadline: Instant,
) -> Result<(), String> {
    let created = match told {
        Notification::Created(created) => created,
        Notification::Nothing(what) => {
            tracing::info!(what, "nothing to do");
            return Ok(());
        }
        Notification::Unreadable(what) => {
            tracing::error!(
                what,
                "an event that cannot be read; it will not be tried again"
            );
            journal::upload("unreadable", Duration::ZERO);
            return Ok(());
        }
    };
    let begun = Instant::now();
    let (bucket, key) = (&created.bucket, created.key.as_str());
    let work = service.upload(&created, Some(deadline)).await;
    let ms = begun.elapsed().as_millis() as u64;
    let (outcome, result) = match work {
        Ok(uploaded) => {
            let names =
                |keys: &[ObjectKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
            tracing::info!(
                bucket,
                key,
                ms,
                stored = ?names(&uploaded.stored),
                unchanged = ?names(&uploaded.unchanged),
                skipped = uploaded.skipped,
                "upload"
            );
            ("done", Ok(()))
        }
        // A panic: the same bytes would do the same again.
        Err(UploadError::Permanent { code, message }) if code == "InternalError" => {
            tracing::error!(
                bucket,
                key,
                ms,
                code,
                message,
                "upload failed by a fault of ours; it will not be tried again"
            );
            ("faulty", Ok(()))
        }
        Err(UploadError::Permanent { code, message }) => {
            tracing::warn!(
                bucket,
                key,
                ms,
                code,
                message,
                "upload refused; it will not be tried again"
            );
            ("refused", Ok(()))
        }
        Err(UploadError::Transient { code, message }) => {
            tracing::error!(
                bucket,
                key,
                ms,
                code,
                message,
                "upload failed; it will be tried again"
            );
            ("failed", Err(format!("{code}: {message} (`{key}`)")))
        }
    };
    journal::upload(outcome, begun.elapsed());
    result
}
