//! PUT, POST, DELETE and OPTIONS: uploads, stored processing and the object API.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), aws::lambda::RuntimeError> {
    aws::lambda::process().await
}
