//! The body of an answer: nothing, bytes at hand, or bytes as they are made.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};

use crate::storage::{self, ByteStream};

/// What is sent after the headers.
pub enum Body {
    /// Nothing.
    Empty,
    /// Bytes at hand.
    Full(Bytes),
    /// Bytes as they come, of known number or not.
    Stream {
        /// The bytes.
        stream: ByteStream,
        /// How many there will be, where that is known.
        len: Option<u64>,
    },
}

impl Body {
    /// How many bytes there will be, where that is known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Stream { len, .. } => *len,
        }
    }

    /// True where it is known that nothing will be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// All bytes.
    ///
    /// # Errors
    ///
    /// [`storage::Error::TooManyBytes`] as soon as more than `limit` bytes have come, or what the stream fails with.
    pub async fn collect(self, limit: u64) -> Result<Bytes, storage::Error> {
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Full(bytes) if bytes.len() as u64 > limit => {
                Err(storage::Error::TooManyBytes { limit })
            }
            Self::Full(bytes) => Ok(bytes),
            Self::Stream { len: Some(len), .. } if len > limit => {
                Err(storage::Error::TooManyBytes { limit })
            }
            Self::Stream { stream, .. } => stream.collect(limit).await,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream { len, .. } => write!(f, "Stream({len:?})"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Full(text.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = storage::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, storage::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Stream { stream, .. } => Pin::new(stream)
                .poll_next(context)
                .map(|item| item.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.len()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
