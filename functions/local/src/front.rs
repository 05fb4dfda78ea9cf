//! The HTTP front of the local host: connections in, requests to the service, answers out.

mod body;
mod connections;
mod pace;
mod spelling;
mod stream;
mod target;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Extensions, Request, Response, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use shared::{Body, Error, Front, Service, storage};
use tokio::net::TcpListener;

use self::connections::{Busy, Connections};
use self::pace::Rate;
use self::stream::Stream;

/// Bytes of a request's line and headers. A rule of 20 frames takes 2 kB, five of them in a header ten.
const MAX_HEAD: usize = 256 * 1024;

/// Clients that write only the first chunk of a chunked body to a file, and take it for whole: theirs come with a length.
/// (`streambody.py` of version 1.9.44 reads from a new iterator each time, and the first one closes the connection.)
const NO_CHUNKS: &str = "cos-python-sdk";

/// How long the server waits for its clients.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a request's head to come, and for the next request on a connection.
    pub head: Duration,
    /// For a client that sends a body, or takes an answer, to do so at the least rate of `limits.least_rate` on the whole.
    pub stall: Duration,
    /// For requests under way to be answered when the server stops.
    pub grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self {
            head: half_a_minute,
            stall: half_a_minute,
            grace: half_a_minute,
        }
    }
}

/// The service on a port.
pub struct Server {
    listener: TcpListener,
    host: Host,
    patience: Patience,
    max_connections: usize,
}

/// What all connections share.
#[derive(Clone)]
struct Host {
    service: Arc<Service>,
    /// How answers spell the names of their headers.
    spelling: Extensions,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the system says, for example that the port is taken.
    pub async fn bind(address: SocketAddr, service: Arc<Service>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let limits = &service.config().limits;
        let stall = Duration::from_secs(limits.least_rate_seconds);
        let max_connections = limits.connections;
        Ok(Self {
            listener,
            host: Host {
                service,
                spelling: spelling::extensions().await,
            },
            patience: Patience {
                stall,
                ..Patience::default()
            },
            max_connections,
        })
    }

    /// The same, with other times to wait than the usual half minute and what `limits.least_rate_seconds` says.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same, with another number of connections at once than `limits.connections`. When one more comes, one without a request ends,
    /// of the address that has most.
    #[must_use]
    pub fn with_connections(self, max_connections: usize) -> Self {
        Self {
            max_connections,
            ..self
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until `stop` is done, and then those that are under way.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            listener,
            host,
            patience,
            max_connections,
        } = self;
        let rate = Rate {
            bytes_per_second: host.service.config().limits.least_rate,
            over: patience.stall.max(Duration::from_millis(1)),
        };
        let graceful = GracefulShutdown::new();
        let connections = Connections::new(max_connections);
        let mut stop = std::pin::pin!(stop);
        loop {
            let accept = async {
                let (stream, client) = listener.accept().await?;
                let entry = connections.enter(client.ip().to_canonical()).await;
                Ok::<_, io::Error>((stream, client, entry))
            };
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept => accepted,
            };
            let (stream, client, entry) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, mostly: that of a connection without a request comes back at once.
                    tracing::warn!(%error, "a connection was not accepted");
                    connections.end_one();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // Answers are written whole; waiting to fill a packet only delays their last one.
            let _ = stream.set_nodelay(true);
            let io = TokioIo::new(Stream::new(stream, rate));
            let host = host.clone();
            let entry = Arc::new(entry);
            let own = Arc::clone(&entry);
            let answer = hyper::service::service_fn(move |request| {
                let host = host.clone();
                let busy = own.busy();
                async move {
                    let mut answer = host.answer(request, client, rate).await;
                    answer.extensions_mut().extend(host.spelling);
                    Ok::<_, Infallible>(answer.map(|body| Sent { body, _busy: busy }))
                }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(patience.head)
                .max_buf_size(MAX_HEAD)
                .serve_connection(io, answer);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                tokio::select! {
                    ended = connection => if let Err(error) = ended {
                        tracing::debug!(%client, %error, "connection ended");
                    },
                    () = entry.ended() => tracing::debug!(%client, "connection ended for another"),
                }
            });
        }
        drop(listener);
        if tokio::time::timeout(patience.grace, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some requests were not answered in time");
        }
    }
}

impl Host {
    /// Gives one request to the service in the form that it takes.
    async fn answer(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
        rate: Rate,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        // A target in absolute form names the host in the place of the header (RFC 9112, 3.2.2).
        let authority = parts.uri.authority().cloned();
        let has_one_host = parts.headers.get_all(header::HOST).iter().count() == 1;
        if let Some(authority) = authority
            && has_one_host
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.insert(header::HOST, host);
        }
        if parts.version == Version::HTTP_10 && !parts.headers.contains_key(header::HOST) {
            // Such a client reaches what it connected to, as if it had named the address.
            parts
                .headers
                .insert(header::HOST, HeaderValue::from_static("localhost"));
        }
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        let is_buffered = agent.is_some_and(|agent| agent.starts_with(NO_CHUNKS));
        parts.extensions.insert(Front {
            client: Some(client.ip().to_canonical()),
            response_limit: is_buffered.then_some(u64::MAX),
            ..Front::default()
        });
        if let Some(coding) = other_coding(&parts.headers) {
            let answer = self.service.refuse(&parts, Error::TransferCoding(coding));
            return closing(answer);
        }
        let (body, rest) = body::incoming(&parts, body, rate);
        let answer = self.service.answer(Request::from_parts(parts, body));
        let answer = answer.await;
        if rest.drain().await {
            answer
        } else {
            closing(answer)
        }
    }
}

/// The transfer codings of a body that is not just in chunks. hyper takes any that ends in `chunked`, and gives the body
/// as it was coded before.
fn other_coding(headers: &HeaderMap) -> Option<String> {
    let codings: Vec<_> = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .map(|coding| String::from_utf8_lossy(coding.as_bytes()))
        .collect();
    let codings = codings.join(", ");
    (!codings.is_empty() && !codings.eq_ignore_ascii_case("chunked")).then_some(codings)
}

/// The answer after which the connection ends: what is left of the body would be taken for the next request.
fn closing(mut answer: Response<Body>) -> Response<Body> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    answer
}

/// A body as hyper takes it.
///
/// It never says at once that it is at its end: hyper would then drop the `Content-Length: 0` of a 304, without which a
/// published SDK fails. Its length says the same, and keeps the header.
struct Sent {
    body: Body,
    /// Until the last of it is taken to be sent, the connection has a request.
    _busy: Busy,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = storage::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, storage::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
