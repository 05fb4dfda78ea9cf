//! The HTTP front of the local host: connections in, requests to the service, answers out.

mod stream;
mod target;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use shared::{Body, Front, Service, storage};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::stream::Stream;

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// Bytes of a request's line and headers. A rule of 20 frames takes 2 kB, five of them in a header ten.
const MAX_HEAD: usize = 256 * 1024;
/// For a request's head to come, and for the next request on a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// For the next bytes of a body, and for a client to take the next bytes of an answer.
const STALL: Duration = Duration::from_secs(30);
/// A body may take [`STALL`] and a second for each so many bytes.
const SLOWEST: u64 = 8 * 1024;
/// For requests under way to be answered when the server stops.
const GRACE: Duration = Duration::from_secs(30);

/// The service on a port.
pub struct Server {
    listener: TcpListener,
    service: Arc<Service>,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the system says, for example that the port is taken.
    pub async fn bind(address: SocketAddr, service: Arc<Service>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, service })
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
        let Self { listener, service } = self;
        let connections = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = &mut stop => break,
                accepted = accept => accepted,
            };
            let (stream, client) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, mostly: those of other connections come back.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            // Answers are written whole; waiting to fill a packet only delays their last one.
            let _ = stream.set_nodelay(true);
            let io = TokioIo::new(Stream::new(stream, STALL));
            let service = Arc::clone(&service);
            let answer = hyper::service::service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { Ok::<_, Infallible>(answer(&service, request, client).await.map(Sent)) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD)
                .half_close(true)
                .serve_connection(io, answer);
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%client, %error, "connection ended");
                }
                drop(place);
            });
        }
        drop(listener);
        if tokio::time::timeout(GRACE, connections.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some requests were not answered in time");
        }
    }
}

/// Gives one request to the service in the form that it takes.
async fn answer(
    service: &Service,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    // A target in absolute form names the host in the place of the header (RFC 9112, 3.2.2).
    let authority = parts.uri.authority().cloned();
    if let Some(authority) = authority
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
    parts.extensions.insert(Front {
        client: Some(client.ip().to_canonical()),
        ..Front::default()
    });
    let limit = service.config().limits.put_bytes;
    match read(body, limit).await {
        Ok(body) => service.answer(Request::from_parts(parts, body)).await,
        Err(Unread::Slow) => only_status(StatusCode::REQUEST_TIMEOUT),
        // Nobody is there to read an answer, or the chunks are none.
        Err(Unread::Broken) => only_status(StatusCode::BAD_REQUEST),
    }
}

fn only_status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// A body as hyper takes it.
///
/// It never says at once that it is at its end: hyper would then drop the `Content-Length: 0` of a 304, without which a
/// published SDK fails. Its length says the same, and keeps the header.
struct Sent(Body);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = storage::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, storage::Error>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Why a body did not come whole.
enum Unread {
    Slow,
    Broken,
}

/// The body; of one that is longer than `limit`, just enough for the service to refuse it.
async fn read(mut body: Incoming, limit: u64) -> Result<Bytes, Unread> {
    let too_long = usize::try_from(limit.saturating_add(1)).unwrap_or(usize::MAX);
    if body.size_hint().lower() > limit {
        // The length alone is looked at. Zeros that nobody reads are no memory.
        return Ok(vec![0; too_long].into());
    }
    let started = Instant::now();
    let mut bytes = BytesMut::new();
    loop {
        let allowed = STALL + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let left = allowed.saturating_sub(started.elapsed()).min(STALL);
        let frame = match tokio::time::timeout(left, body.frame()).await {
            Err(_) => return Err(Unread::Slow),
            Ok(None) => return Ok(bytes.freeze()),
            Ok(Some(frame)) => frame.map_err(|_| Unread::Broken)?,
        };
        if let Ok(data) = frame.into_data() {
            if bytes.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            bytes.extend_from_slice(&data);
            if bytes.len() >= too_long {
                return Ok(bytes.freeze());
            }
        }
    }
}
