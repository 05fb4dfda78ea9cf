//! A connection as the HTTP parser sees it: request targets escaped, cut off when the client reads more slowly than it may,
//! and closed so that the client reads the last answer whatever it is still sending.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::pace::{Pace, Rate};
use super::target::Rewriter;

/// Bytes taken from the connection at once.
const READ: usize = 16 * 1024;
/// How long what a client still sends is read after the last answer, and how many bytes of it.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 16 << 20;

/// A connection, as the HTTP parser reads and writes it.
pub(super) struct Stream<S> {
    inner: S,
    rewriter: Rewriter,
    /// Rewritten bytes, read up to `read`.
    ready: Vec<u8>,
    read: usize,
    is_finished: bool,
    /// Of the client that takes what is written.
    pace: Pace,
    lingering: Option<Lingering>,
}

/// The end of a connection: nothing is written any more.
struct Lingering {
    end: Pin<Box<Sleep>>,
    read: usize,
}

impl<S> Stream<S> {
    /// The connection fails when what is written is taken more slowly than at this rate.
    pub(super) fn new(inner: S, rate: Rate) -> Self {
        Self {
            inner,
            rewriter: Rewriter::new(),
            ready: Vec::new(),
            read: 0,
            is_finished: false,
            pace: Pace::new(rate),
            lingering: None,
        }
    }

    /// Watches over a write: `poll` is what came of it, and `count` the bytes that it took.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
        count: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match poll {
            Poll::Ready(Ok(done)) => {
                self.pace.moved(count(&done));
                Poll::Ready(Ok(done))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.pace.poll_slow(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Stream<S> {
    /// Reads what the client still sends, and drops it, until it ends: were the connection closed before, the client would
    /// be sent a reset, and might lose the answer that it has not read yet.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_finished || !self.rewriter.is_in_body() {
            return Poll::Ready(());
        }
        let lingering = self.lingering.get_or_insert_with(|| Lingering {
            end: Box::pin(tokio::time::sleep(LINGER)),
            read: 0,
        });
        let mut bytes = [0; READ];
        while lingering.end.as_mut().poll(context).is_pending() {
            let mut incoming = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.inner).poll_read(context, &mut incoming));
            let count = incoming.filled().len();
            lingering.read += count;
            if read.is_err() || count == 0 || lingering.read > LINGER_BYTES {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.read == this.ready.len() && !this.is_finished {
            this.ready.clear();
            this.read = 0;
            let mut bytes = [0; READ];
            let mut incoming = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut incoming))?;
            if incoming.filled().is_empty() {
                this.is_finished = true;
                this.rewriter.finish(&mut this.ready);
            } else {
                this.rewriter.push(incoming.filled(), &mut this.ready);
            }
        }
        let rest = &this.ready[this.read..];
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        this.read += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.watch(context, poll, |count| *count)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.watch(context, poll, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.inner).poll_flush(context);
        this.watch(context, poll, |()| 0)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            let poll = Pin::new(&mut this.inner).poll_shutdown(context);
            ready!(this.watch(context, poll, |()| 0))?;
        }
        this.poll_linger(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const RATE: Rate = Rate {
        bytes_per_second: 8192,
        over: Duration::from_secs(30),
    };

    /// How many of 4 MiB a client reads that takes `bytes` at once, and waits for `every` after each.
    async fn read(bytes: usize, every: Duration) -> usize {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut server = Stream::new(server, RATE);
        let write = async move {
            let written = server.write_all(&vec![0; 4 << 20]).await;
            drop(server);
            written
        };
        let read = async {
            let mut taken = vec![0; bytes];
            let mut count = 0;
            loop {
                match client.read(&mut taken).await {
                    Ok(0) | Err(_) => return count,
                    Ok(read) => count += read,
                }
                tokio::time::sleep(every).await;
            }
        };
        let (written, read) = tokio::join!(write, read);
        assert_eq!(written.is_ok(), read == 4 << 20);
        read
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_at_a_trickle_is_cut_off() {
        let trickle = read(1024, Duration::from_secs(1)).await;
        assert!(trickle < 256 << 10, "{trickle} bytes were sent");
        assert_eq!(read(16 << 10, Duration::from_secs(1)).await, 4 << 20);
        // A pause is no trickle.
        assert_eq!(read(1 << 20, Duration::from_secs(5)).await, 4 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_still_sent_is_read_after_the_last_answer() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut server = Stream::new(server, RATE);
        let head = b"PUT /a HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n";
        client.write_all(head).await.unwrap();
        let mut heard = vec![0; head.len()];
        server.read_exact(&mut heard).await.unwrap();
        let answer = async {
            server.write_all(b"no").await.unwrap();
            server.shutdown().await.unwrap();
            drop(server);
        };
        let send = async {
            client.write_all(&vec![0; 500_000]).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let ((), answer) = tokio::join!(answer, send);
        assert_eq!(answer, b"no");
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_no_body_is_not_waited_for() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut server = Stream::new(server, RATE);
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        server.read_exact(&mut [0; 18]).await.unwrap();
        let begun = tokio::time::Instant::now();
        server.shutdown().await.unwrap();
        assert!(begun.elapsed().is_zero());
        // One who sends a body for ever is waited for a little.
        client
            .write_all(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1")
            .await
            .unwrap();
        let mut server = Stream::new(server.inner, RATE);
        server.read_exact(&mut [0; 38]).await.unwrap();
        let begun = tokio::time::Instant::now();
        server.shutdown().await.unwrap();
        assert_eq!(begun.elapsed(), LINGER);
    }
}
