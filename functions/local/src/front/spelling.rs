//! Header names as COS spells them. HTTP does not mind, but the published Python SDK gives its callers a plain dictionary
//! of the names as they came, and they look for `ETag`. Names that are not here go out in lower case, as `x-cos-*` do.

use std::convert::Infallible;
use std::sync::Mutex;

use http::{Extensions, Response};
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

/// Names of an answer that COS does not write in lower case.
const NAMES: [&str; 26] = [
    "Accept-Ranges",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Retry-After",
    "Server",
    "Transfer-Encoding",
    "Vary",
    "X-Content-Type-Options",
    "X-ErrNo",
];

/// What an answer's extensions must hold for hyper to spell its headers so.
///
/// hyper keeps the spelling of a request's names in an extension of a type of its own, and uses it for an answer that has
/// it, as a proxy wants. So a request with all the names is given to hyper, once, in memory.
pub(super) async fn extensions() -> Extensions {
    let mut template = b"GET / HTTP/1.1\r\n".to_vec();
    for name in NAMES {
        let value = match name {
            "Content-Length" => "0",
            "Transfer-Encoding" => "chunked",
            "Connection" => "close",
            _ => "x",
        };
        template.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    template.extend_from_slice(b"\r\n0\r\n\r\n");
    let (mut client, server) = tokio::io::duplex(template.len());
    let found = Mutex::new(Extensions::new());
    let keep = hyper::service::service_fn(async |request: http::Request<_>| {
        let _: &hyper::body::Incoming = request.body();
        if let Ok(mut found) = found.lock() {
            found.clone_from(request.extensions());
        }
        Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
    });
    let mut builder = http1::Builder::new();
    builder.preserve_header_case(true).header_read_timeout(None);
    let serve = builder.serve_connection(TokioIo::new(server), keep);
    let send = async {
        let _ = client.write_all(&template).await;
        let mut answer = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut client, &mut answer).await;
    };
    let (_, ()) = tokio::join!(serve, send);
    found.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn hyper_reads_the_template() {
        assert_eq!(super::extensions().await.len(), 1);
    }
}
