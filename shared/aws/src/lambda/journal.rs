//! What a function writes for its operator beside the log lines of the service: metrics in the embedded format of `CloudWatch`,
//! a JSON line each, and the reason for not starting.

use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::configuration::env;

/// The namespace of all metrics.
const NAMESPACE: &str = "Mogr";

/// One request, from its arrival on.
pub(super) struct Entry {
    request: String,
    begun: Instant,
    status: u16,
}

impl Entry {
    pub(super) fn new(request: &str) -> Self {
        Self {
            request: request.to_owned(),
            begun: Instant::now(),
            status: 0,
        }
    }

    pub(super) fn status(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// Writes the line; `bytes` is what the answer takes, where that is known.
    pub(super) fn write(&self, bytes: Option<u64>) {
        let class = |first: u16| u8::from(self.status / 100 == first);
        emit(
            &[
                ("Requests", "Count", json!(1)),
                ("ClientErrors", "Count", json!(class(4))),
                ("ServerErrors", "Count", json!(class(5))),
                (
                    "Duration",
                    "Milliseconds",
                    milliseconds(self.begun.elapsed()),
                ),
                ("Bytes", "Bytes", json!(bytes.unwrap_or(0))),
            ],
            &[
                ("status", json!(self.status)),
                ("lambda_request_id", json!(self.request)),
            ],
        );
    }
}

/// An answer that broke off after its status had been sent.
pub(super) fn broken_answer() {
    emit(&[("BrokenAnswers", "Count", json!(1))], &[]);
}

/// One object of a trigger.
pub(super) fn upload(outcome: &'static str, took: Duration) {
    let is = |name| json!(u8::from(outcome == name));
    emit(
        &[
            ("Uploads", "Count", json!(1)),
            (
                "UploadsRefused",
                "Count",
                json!(u8::from(outcome != "done" && outcome != "failed")),
            ),
            ("UploadsFailed", "Count", is("failed")),
            ("UploadDuration", "Milliseconds", milliseconds(took)),
        ],
        &[("outcome", json!(outcome))],
    );
}

fn milliseconds(took: Duration) -> Value {
    json!((took.as_secs_f64() * 1e4).round() / 10.0)
}

fn emit(metrics: &[(&str, &str, Value)], properties: &[(&str, Value)]) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let definitions: Vec<_> = metrics
        .iter()
        .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }))
        .collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millis() as u64,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Function"]],
                "Metrics": definitions,
            }],
        },
        "Function": env("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
    });
    for (name, value) in properties {
        line[*name] = value.clone();
    }
    for (name, _, value) in metrics {
        line[*name] = value.clone();
    }
    // A log that cannot be written is no reason to fail a request.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Posts the reason to the Runtime API, which has no other name for it than this one request.
pub(super) async fn init_error(message: &str) {
    let Some(api) = env("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    let body = json!({ "errorType": "Mogr.Configuration", "errorMessage": message }).to_string();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {api}\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: Mogr.Configuration\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let post = async {
        let mut connection = tokio::net::TcpStream::connect(&api).await?;
        connection.write_all(request.as_bytes()).await?;
        connection.read_to_end(&mut Vec::new()).await
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), post).await;
}
