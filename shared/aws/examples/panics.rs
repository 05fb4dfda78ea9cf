//! A function that panics when asked to, built as the functions are, for `tests/acceptance/lambda_events.py`.

use aws::lambda::{Mode, RuntimeError, serve};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use shared::Body;
use shared::storage::ByteStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), RuntimeError> {
    serve(Mode::from_env()?, answer).await
}

async fn answer(request: Request<Bytes>) -> Response<Body> {
    Response::new(match request.uri().path() {
        "/panic" => panic!("asked to"),
        "/panic-in-body" => {
            let half = stream::once(async { Ok(Bytes::from_static(b"half")) });
            let rest = stream::once(async {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                panic!("asked to")
            });
            Body::Stream {
                stream: ByteStream::new(half.chain(rest)),
                len: None,
            }
        }
        _ => Body::from("well".to_owned()),
    })
}
