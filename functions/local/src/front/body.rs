//! The bodies of requests: read when the service asks for them, at a least rate, and what becomes of one that it did not
//! read to its end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header;
use http::request::Parts;
use http_body::Body as _;
use http_body_util::BodyExt;
use shared::{Broken, Incoming};

use super::pace::{Pace, Rate};

/// A body that is refused is read on for this many bytes and this long, so that the connection can be used again. One with
/// more ends it.
const DRAINED_BYTES: u64 = 64 * 1024;
const DRAINED_TIME: Duration = Duration::from_millis(500);

/// The body of a request as the service takes it, and what is left of it afterwards.
pub(super) fn incoming(parts: &Parts, body: hyper::body::Incoming, rate: Rate) -> (Incoming, Rest) {
    let expect = parts.headers.get(header::EXPECT);
    let waits =
        expect.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let left = Arc::new(Mutex::new(Left::Nothing));
    let len = body.size_hint().exact();
    let arriving = Arriving {
        waits,
        body: (!body.is_end_stream()).then_some(body),
        pace: Pace::new(rate),
        left: Arc::clone(&left),
    };
    (Incoming::new(arriving, len), Rest(left))
}

/// A body on its way.
struct Arriving {
    /// Its client sends nothing of it until it is asked for.
    waits: bool,
    /// `None` at its end.
    body: Option<hyper::body::Incoming>,
    pace: Pace,
    /// Where it goes when nobody reads on.
    left: Arc<Mutex<Left>>,
}

/// What the service left of a body.
enum Left {
    /// It was read to its end, or there was none.
    Nothing,
    /// The rest is on its way.
    Some(hyper::body::Incoming),
    /// The rest will not come, or cannot be told from another request.
    Lost,
}

impl Arriving {
    fn end(&mut self, left: Left) {
        self.body = None;
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

impl futures_util::Stream for Arriving {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.waits = false;
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match Pin::new(body).poll_frame(context) {
                Poll::Ready(None) => {
                    self.end(Left::Nothing);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(_))) => {
                    self.end(Left::Lost);
                    return Poll::Ready(Some(Err(Broken::Off)));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.pace.moved(bytes.len());
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Poll::Pending => {
                    ready!(self.pace.poll_slow(context));
                    self.end(Left::Lost);
                    return Poll::Ready(Some(Err(Broken::Slow)));
                }
            }
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else {
            return;
        };
        let left = match body.is_end_stream() {
            true => Left::Nothing,
            // To read on would be to ask for it.
            false if self.waits => Left::Lost,
            false => Left::Some(body),
        };
        self.end(left);
    }
}

/// What is left of a body when the service has answered.
pub(super) struct Rest(Arc<Mutex<Left>>);

impl Rest {
    /// Reads on where little is left; false where the connection has to end, since what follows is not the next request.
    pub(super) async fn drain(self) -> bool {
        let left = {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *left, Left::Lost)
        };
        let mut body = match left {
            Left::Nothing => return true,
            Left::Some(body) if body.size_hint().lower() <= DRAINED_BYTES => body,
            Left::Some(_) | Left::Lost => return false,
        };
        let drain = async {
            let mut read = 0;
            loop {
                match body.frame().await {
                    None => return true,
                    Some(Err(_)) => return false,
                    Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len) as u64,
                }
                if read > DRAINED_BYTES {
                    return false;
                }
            }
        };
        tokio::time::timeout(DRAINED_TIME, drain)
            .await
            .unwrap_or(false)
    }
}
