//! GET and HEAD: objects as they are, or processed.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), aws::lambda::RuntimeError> {
    aws::lambda::download().await
}
