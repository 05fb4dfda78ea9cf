//! The body of a request: bytes that have come, or that come when they are asked for.
//!
//! Nothing is asked for before the head is judged: a client that waits for `100 Continue` is told by the first question,
//! and what is refused takes no memory.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

/// The body of a request, of which nothing is asked for until its head is judged.
pub struct Incoming {
    parts: Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>>,
    len: Option<u64>,
}

/// Why a body does not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It came more slowly than bodies may.
    #[error("the rest of the body did not come in time")]
    Slow,
    /// The connection ended before, or the body is not what its framing says.
    #[error("the body broke off, or is not chunked as its header says")]
    Off,
    /// It is a form that does not end as forms do.
    #[error("the body is not a form (multipart/form-data): {0}")]
    Form(&'static str),
    /// The file in a form is shorter than its policy wants.
    #[error(
        "the file has {found} bytes; the policy of the form wants {least} at least (content-length-range)"
    )]
    Short {
        /// Bytes that the policy wants.
        least: u64,
        /// Bytes that came.
        found: u64,
    },
}

impl Incoming {
    /// A body that comes in `parts`; `len` is the number of its bytes, where the head says it.
    pub fn new(
        parts: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static,
        len: Option<u64>,
    ) -> Self {
        let parts = Box::pin(parts);
        Self { parts, len }
    }

    /// The number of its bytes, where that is known before they come.
    pub(crate) fn len(&self) -> Option<u64> {
        self.len
    }

    /// The next bytes, as they come; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        self.parts.next().await
    }
}

impl From<Bytes> for Incoming {
    fn from(bytes: Bytes) -> Self {
        let len = Some(bytes.len() as u64);
        let parts = (!bytes.is_empty()).then_some(Ok(bytes));
        Self::new(stream::iter(parts), len)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({:?})", self.len)
    }
}
