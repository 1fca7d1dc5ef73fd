//! The load: a few keep-alive connections that ask the same thing over and over.
//!
//! One thread goes round them all without ever sleeping. A load that sleeps is woken by the server's answer,
//! and the waking is then the server's work: it would cost a slow server more than a fast one. It has the second core,
//! and what is measured the first; a database runs wherever it likes. Only loopback addresses are asked, for a time that
//! is fixed beforehand.

use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};

const CONNECTIONS: usize = 32;
const MOMENT: Duration = Duration::from_micros(20);

/// Answers per second over `time`. Every answer must have this status.
pub(crate) fn per_second(
    address: SocketAddr,
    request: &[u8],
    expected: u16,
    time: Duration,
) -> Result<f64> {
    at_most(u32::MAX, address, request, expected, time)
}

/// As [`per_second`], for a peer that answers only so many times.
pub(crate) fn at_most(
    most: u32,
    address: SocketAddr,
    request: &[u8],
    expected: u16,
    time: Duration,
) -> Result<f64> {
    on_the_second_core(|| ask_again_and_again(most, address, request, expected, time))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn ask_again_and_again(
    most: u32,
    address: SocketAddr,
    request: &[u8],
    expected: u16,
    time: Duration,
) -> Result<f64> {
    ensure!(address.ip().is_loopback(), "load goes to loopback only");
    let open = || Connection::open(address);
    let mut connections = (0..CONNECTIONS).map(|_| open()).collect::<Result<Vec<_>>>()?;
    for connection in &mut connections {
        connection.stream.set_nonblocking(true)?;
        connection.stream.write_all(request)?;
    }
    let (mut answers, start) = (0_u32, Instant::now());
    while start.elapsed() < time && answers < most {
        for connection in &mut connections {
            if let Some(status) = connection.try_read()? {
                ensure!(status == expected, "an answer was {status}");
                answers += 1;
                connection.stream.write_all(request)?;
            }
        }
    }
    Ok(f64::from(answers) / start.elapsed().as_secs_f64())
}

/// On a thread of its own, which alone is bound: whatever this program starts afterwards is not.
fn on_the_second_core<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let bound = || {
        let mut second = CpuSet::new();
        second.set(1);
        // A machine may have one core, or give us another.
        let _ = sched_setaffinity(None, &second);
        work()
    };
    let joined = std::thread::scope(|scope| scope.spawn(bound).join());
    joined.map_err(|_| anyhow::anyhow!("the load broke"))?
}

/// Asks each of these once, over as many connections, and says how long that took. While there is nothing to read it
/// leaves the processor to others for a moment: whoever is asked may need one more of them, such as a provider.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn each_once(
    address: SocketAddr,
    requests: &[Vec<u8>],
    expected: u16,
) -> Result<Duration> {
    let count = CONNECTIONS.min(requests.len());
    let open = || Connection::open(address);
    let mut connections = (0..count).map(|_| open()).collect::<Result<Vec<_>>>()?;
    let (mut left, mut answers, start) = (requests.iter(), 0, Instant::now());
    for (connection, request) in connections.iter_mut().zip(left.by_ref().take(count)) {
        connection.stream.set_nonblocking(true)?;
        connection.stream.write_all(request)?;
    }
    while answers < requests.len() {
        let before = answers;
        for connection in &mut connections {
            if let Some(status) = connection.try_read()? {
                ensure!(status == expected, "an answer was {status}");
                answers += 1;
                if let Some(request) = left.next() {
                    connection.stream.write_all(request)?;
                }
            }
        }
        if answers == before {
            std::thread::sleep(MOMENT);
        }
    }
    Ok(start.elapsed())
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024], filled: 0 })
    }

    /// How many bytes the body of the answer has.
    pub(crate) fn length_of_answer(&mut self, request: &[u8]) -> Result<usize> {
        self.ask(request)?;
        let head = self.buffer.windows(4).position(|window| window == b"\r\n\r\n");
        let (_, length) = answer(&self.buffer)?.context("an answer")?;
        Ok(length - head.context("a head")? - 4)
    }

    /// Sends a request and does not wait for the answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request)?)
    }

    /// Sends a request: the head of its answer.
    pub(crate) fn head(&mut self, request: &[u8]) -> Result<String> {
        self.ask(request)?;
        let head = self.buffer.windows(4).position(|window| window == b"\r\n\r\n");
        Ok(std::str::from_utf8(&self.buffer[..head.context("a head")?])?.to_owned())
    }

    /// Sends a request and reads the whole answer. Its status.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request)?;
        loop {
            self.read()?;
            if let Some(status) = self.whole()? {
                return Ok(status);
            }
        }
    }

    /// Reads what there is, without waiting. The status, once an answer is whole.
    fn try_read(&mut self) -> Result<Option<u16>> {
        match self.read() {
            Ok(()) => self.whole(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a part. A server that has gone silent is an error once the stream's patience ends.
    fn read(&mut self) -> std::io::Result<()> {
        match self.stream.read(&mut self.buffer[self.filled..])? {
            0 => Err(std::io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed")),
            read => {
                self.filled += read;
                Ok(())
            }
        }
    }

    /// The status of the answer, if all of it has come.
    fn whole(&mut self) -> Result<Option<u16>> {
        let Some((status, length)) = answer(&self.buffer[..self.filled])? else { return Ok(None) };
        ensure!(self.filled == length, "more came than one answer");
        self.filled = 0;
        Ok(Some(status))
    }
}

/// Status and length of the answer at the beginning of `bytes`, once it is all there.
fn answer(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head])?;
    let status = text.get(9..12).context("a status")?.parse()?;
    let header = |wanted: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    if header("transfer-encoding") == Some("chunked") {
        return Ok(bytes.ends_with(b"\r\n0\r\n\r\n").then_some((status, bytes.len())));
    }
    let length: usize = header("content-length").context("an answer without a length")?.parse()?;
    let total = head + 4 + length;
    Ok((bytes.len() >= total).then_some((status, total)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_nothing_is_an_error_in_the_end() {
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut connection = Connection::open(silent.local_addr().unwrap()).unwrap();
        connection.stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert!(connection.ask(b"GET / HTTP/1.1\r\n\r\n").is_err());
    }
}
