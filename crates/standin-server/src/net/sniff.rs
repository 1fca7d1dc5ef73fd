//! HTTP/1 or HTTP/2: decided on the first bytes, which must come in time.
//!
//! hyper-util's automatic server waits for them without any limit, so a silent socket would hold its
//! place for ever.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};

use super::Limits;

/// What every HTTP/2 connection with prior knowledge begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read at once; a head usually fits.
const FIRST_READ: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Reads until the version is clear. The bytes read come back: they are the beginning of the stream.
/// `None` if the peer closed before that.
pub(super) async fn sniff(
    stream: &mut TcpStream,
    limits: &Limits,
) -> io::Result<Option<(Version, Bytes)>> {
    // No buffer for those who say nothing.
    timeout(limits.first_byte_timeout, stream.readable()).await??;
    let deadline = tokio::time::Instant::now() + limits.header_timeout;
    let mut seen = BytesMut::with_capacity(FIRST_READ);
    loop {
        if timeout_at(deadline, stream.read_buf(&mut seen)).await?? == 0 {
            return Ok(None);
        }
        if let Some(version) = version_of(&seen) {
            return Ok(Some((version, seen.freeze())));
        }
    }
}

fn version_of(seen: &[u8]) -> Option<Version> {
    let compared = seen.len().min(PREFACE.len());
    match seen[..compared] == PREFACE[..compared] {
        false => Some(Version::Http1),
        true if compared == PREFACE.len() => Some(Version::Http2),
        true => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_as_soon_as_it_can() {
        assert_eq!(version_of(b"G"), Some(Version::Http1));
        assert_eq!(version_of(b"PRI"), None);
        assert_eq!(version_of(b"PRO"), Some(Version::Http1));
        assert_eq!(version_of(PREFACE), Some(Version::Http2));
        assert_eq!(version_of(&[PREFACE, b"\0\0"].concat()), Some(Version::Http2));
    }
}
