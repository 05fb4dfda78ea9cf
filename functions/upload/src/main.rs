//! Objects that appear in the bucket.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), aws::lambda::RuntimeError> {
    aws::lambda::upload().await
}
